"""What the proxy has done, as Prometheus reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

MEANINGS = {
    "edgeroute_turns_total": ("counter", "Turns by the side that answered and the status."),
    "edgeroute_decisions_total": ("counter", "Decisions by router and side."),
    "edgeroute_moves_total": ("counter", "Turns that a side could not answer, by side and reason."),
    "edgeroute_tokens_total": ("counter", "Tokens by side and kind: prompt, cached or answer."),
    "edgeroute_first_token_seconds": ("summary", "From a request to its first token, by side."),
    "edgeroute_turn_seconds": ("summary", "From a request to its whole answer, by side."),
    "edgeroute_scoring_seconds": ("summary", "Scoring a prompt."),
    "edgeroute_under_way": ("gauge", "Turns under way, by side."),
    "edgeroute_up": ("gauge", "Whether a side can be asked."),
    "edgeroute_dialogues": ("gauge", "Dialogues that are remembered."),
}
Labels = tuple[tuple[str, str], ...]


class Counters:
    """Counts, sums and present values by name and labels."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._values: dict[str, dict[tuple[str, Labels], float]] = defaultdict(dict)

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter."""
        self._add(name, "", amount, labels)

    def took(self, name: str, seconds: float, **labels: str) -> None:
        """Add an observation to a summary."""
        self._add(name, "_sum", seconds, labels)
        self._add(name, "_count", 1.0, labels)

    def show(self, name: str, value: float, **labels: str) -> None:
        """Set a present value."""
        self._values[name]["", tuple(labels.items())] = value

    def _add(self, name: str, suffix: str, amount: float, labels: Mapping[str, str]) -> None:
        key = (suffix, tuple(labels.items()))
        values = self._values[name]
        values[key] = values.get(key, 0.0) + amount

    def text(self) -> str:
        """Return all in the text format."""
        lines = []
        for name, (kind, meaning) in MEANINGS.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
            for (suffix, labels), value in self._values[name].items():
                told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
                lines.append(f"{name}{suffix}{{{told}}} {value:.17g}")
        return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", " ")

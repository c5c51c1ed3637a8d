"""The card of a policy that comes with the package: how it was trained, and what it earns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeroute_agents.policy import Policy
from edgeroute_agents.settings import load_settings
from edgeroute_env.evaluation.tables import with_interval


def card(policy: Policy, figures: Mapping[str, Any]) -> str:
    """Return the card as Markdown; `figures` as `edgeroute_agents.pretraining` writes them."""
    about = policy.about
    kept, count = figures["kept"], len(figures["seeds"])
    tables = "\n".join(
        _table(kind, figures[kind], kept) for kind in ("synthetic", "recorded") if kind in figures
    )
    changed = "".join(f" --set {name}={value}" for name, value in _changed(policy).items())
    return f"""# {policy.name} on `{about["scenario"]}`

Trained on {about["traces"]} traces; what decides is {policy.described}:

    edgeroute train {policy.name} -s {about["scenario"]} --seed {about["seed"]}{changed}

The best of {count} training seeds on validation seeds. It is refused where the scenario has changed
since (hash {about["scenario_hash"]}). Paired gaps over {figures["episodes"]} evaluation episodes;
95 % bootstrap intervals, over episodes for this policy and for the mean of all {count} seeds, over
seeds for the interquartile mean.
{tables}"""


def _table(kind: str, figures: Mapping[str, Any], kept: int) -> str:
    lines = [
        f"\n## {kind.capitalize()} traces\n",
        f"Return {figures['returns'][kept]:.2f} an episode.\n",
        "| router | its return | this policy less it | all seeds less it | interquartile mean |",
        "|---|---|---|---|---|",
    ]
    for name, row in figures["routers"].items():
        cells = (row["less"][kept], row["all_less"], row["interquartile_mean"])
        shown = " | ".join(with_interval(cell) for cell in cells)
        lines.append(f"| `{name}` | {row['return']:.2f} | {shown} |")
    return "\n".join(lines) + "\n"


def _changed(policy: Policy) -> dict[str, object]:
    """Return the settings that are not those of the packaged file."""
    usual = load_settings(policy.name).model_dump(mode="json")
    used = policy.about["settings"]
    return {name: used[name] for name in used if used[name] != usual[name]}

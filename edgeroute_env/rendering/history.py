"""The turns of an episode that is drawn, each read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.envs.info import scalar_info
from edgeroute_env.routing import ROUTES
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.state import LATENCY_PARTS, OUTCOME

# The causes of a latency as both routes' estimates name them, in the order of a bar.
CAUSES = ("queue", "radio", "switch", "prefill", "decode")
FAILED = "failed"


@dataclass(frozen=True)
class Turn:
    """A turn that has been routed."""

    phone: int
    route: str  # who answered: "device", "edge", or "failed"
    latency_s: float
    quality: float
    reward: float
    causes_s: Mapping[str, float]  # the parts of its latency
    info: Mapping[str, Any]  # what `step` said of it


@dataclass(frozen=True)
class Piece:
    """A stretch of a dialogue's context: who wrote it, "user", "device" or "edge"."""

    author: str
    tokens: float


class History:
    """Every turn so far, what they earned, and what each phone's dialogue holds.

    A turn is only kept when it is routed, and read when something is drawn: who asks for pictures
    and looks at none, as Stable-Baselines3 does, loses no time.
    """

    def __init__(self) -> None:
        """Begin with no turn."""
        self.turns: list[Turn] = []
        self.answered: dict[int, str] = {}  # phone -> who answered its last turn
        self.total = 0.0
        self._pieces: dict[int, list[Piece]] = {}
        # The row of the trace and the fields of OUTCOME, in order.
        self._unread: list[tuple[int, NDArray[np.float64]]] = []
        self._row = 0  # of the turn that waits
        self.last_row = 0  # of the turn that was routed last

    def add(self, batch: Batch, e: int) -> None:
        """Keep the turn that a batch has just routed in its episode `e`."""
        self.last_row = self._row
        self._unread.append((self._row, batch.figures[e].copy()))
        self._row = int(batch.episodes["cursor"][e])  # turns of spent phones are left out

    def read(self, batch: Batch, e: int) -> None:
        """Bring everything up to the last turn that was added."""
        rows = batch.traces[batch.episodes["trace"][e]]
        for row, figures in self._unread:
            self._take(rows[row], figures)
        self._unread.clear()

    def _take(self, row: Any, figures: NDArray[np.float64]) -> None:
        turn = _turn(row, figures)
        self.turns.append(turn)
        self.answered[turn.phone] = turn.route
        self.total += turn.reward
        pieces = [] if row["turn"] == 1 else self._pieces.get(turn.phone, [])
        if turn.route != FAILED:  # a failed turn leaves no trace in its dialogue
            pieces.append(Piece("user", float(row["prompt_tokens"])))
            pieces.append(Piece(turn.route, float(row[f"answer_tokens_{turn.route}"])))
        self._pieces[turn.phone] = pieces

    def pieces(self, phone: int) -> tuple[Piece, ...]:
        """Return who wrote what of a phone's dialogue."""
        return tuple(self._pieces.get(phone, ()))


def _turn(row: Any, figures: NDArray[np.float64]) -> Turn:
    outcome = figures.view(OUTCOME)[0]
    parts = {part: float(outcome[f"{part}_s"]) for part in LATENCY_PARTS}
    parts["queue"] += parts.pop("scoring")
    return Turn(
        phone=int(row["device"]),
        route=FAILED if outcome["failed"] else ROUTES[int(outcome["edge_call"])],
        latency_s=float(outcome["latency_s"]),
        quality=float(outcome["quality"]),
        reward=float(outcome["reward"]),
        causes_s={cause: parts[cause] for cause in CAUSES},
        info=scalar_info(figures.tolist()),
    )

"""The score alone, as in RouteLLM: the edge where the large model is likely to be needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import Rule, Seen, finite


@dataclass(frozen=True)
class ScoreThresholdRouter(Rule):
    """Sends a turn to the edge iff its score is strictly above `theta`."""

    theta: float
    name: str = "score-threshold"

    def __post_init__(self) -> None:
        """Refuse a threshold that is no number."""
        finite(theta=self.theta)

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        return seen["score"] > self.theta

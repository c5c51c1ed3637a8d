"""The score alone, as in RouteLLM: the edge where the large model is likely to be needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.checks import finite
from edgeroute_env import decode


@dataclass(frozen=True)
class ScoreThresholdRouter:
    """Sends a turn to the edge iff its score is strictly above `theta`."""

    theta: float
    name: str = "score-threshold"

    def __post_init__(self) -> None:
        """Refuse a threshold that is no number."""
        finite(theta=self.theta)

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        return (decode(observations)["score"] > self.theta).astype(np.int64)

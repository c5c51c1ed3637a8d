"""Routers that ignore what they see: always one side, or a coin.

`static-split` is a coin whose share is chosen in hindsight: the best of SHARES, refined, on the
very traces of a table. Where turns do not touch each other its return is a line between both
constants, so that it can only tie with the better one; with a quota, a queue or a battery the line
bends, and sharing the load may beat both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import share

DEVICE, EDGE = 0, 1
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class ConstantRouter:
    """Sends every turn to the same side."""

    name: str
    action: int
    reads_score: ClassVar[bool] = False

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the one action, shape (n,)."""
        return np.full(len(observations), self.action, np.int64)


@dataclass
class RandomRouter:
    """Sends each turn to the edge with a fixed probability; the same coins after each reset."""

    edge_share: float = 0.5
    name: str = "random"
    reads_score: ClassVar[bool] = False
    _coins: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a share that is none, and start the coins."""
        share(edge_share=self.edge_share)
        self.reset(0)

    def reset(self, n: int) -> None:
        """Start the coins again."""
        self._coins = np.random.default_rng(0)

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return coin flips, shape (n,)."""
        return (self._coins.random(len(observations)) < self.edge_share).astype(np.int64)

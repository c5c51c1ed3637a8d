"""The one protocol of all routers: analytic, heuristic, learned and planning."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Router(Protocol):
    """Decides, for a batch of episodes, where each next turn goes."""

    @property
    def name(self) -> str:
        """The router's name in tables."""
        ...

    def reset(self, n: int) -> None:
        """Prepare for `n` new episodes, forgetting everything of earlier ones."""
        ...

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return an action (0 device, 1 edge) for each observation.

        Args:
            observations: float32, shape (n, 32); `edgeroute_env.decode` gives physical values.

        Returns:
            int64, shape (n,).
        """
        ...

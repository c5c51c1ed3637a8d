"""What the simple rules share: they keep nothing, and decide a turn by what it shows alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeroute_env import decode

Floats = NDArray[np.float64]
Seen = Mapping[str, Floats]  # an observation's features by name, in physical units


class Rule:
    """A router of which only `name` and `prefers_edge` are left to say."""

    name: str

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        raise NotImplementedError

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        return self.prefers_edge(decode(observations)).astype(np.int64)

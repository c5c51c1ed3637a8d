"""What rules share: they decide a turn by what it shows alone; checks of their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeroute_env import InputError, decode

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


def finite(**values: float) -> None:
    """Raise InputError for a value that is not a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(name, value, "a finite number")


def not_negative(**values: float) -> None:
    """Raise InputError for a value that is below 0 or not a finite number."""
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise InputError(name, value, "a finite number, 0 or more")


def share(**values: float) -> None:
    """Raise InputError for a value outside [0, 1]."""
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise InputError(name, value, "0 to 1")

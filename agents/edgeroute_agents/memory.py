"""What a recurrent policy remembers of its episodes: an LSTM in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]


class Memory:
    """An LSTM's weights, and its state for each of the episodes that run side by side.

    Attributes:
        arrays: `inputs` (4 units, inputs), `hidden` (4 units, units) and `bias` (4 units,), the
            gates in torch's order.
    """

    def __init__(self, arrays: Mapping[str, Weights]) -> None:
        """Remember nothing of one episode."""
        self.arrays = {name: arrays[name] for name in ("inputs", "hidden", "bias")}
        self.reset(1)

    def reset(self, n: int) -> None:
        """Forget, and prepare for `n` episodes."""
        self._hidden, self._cell = np.zeros((2, n, self.arrays["hidden"].shape[1]), np.float32)

    def advance(self, inputs: Weights) -> Weights:
        """Take every episode's next turn, (n, inputs); return what is known then, (n, units)."""
        gates = inputs @ self.arrays["inputs"].T + self.arrays["bias"]
        gates += self._hidden @ self.arrays["hidden"].T
        enters, stays, new, shows = np.split(gates, 4, axis=1)
        self._cell = _sigmoid(stays) * self._cell + _sigmoid(enters) * np.tanh(new)
        self._hidden = _sigmoid(shows) * np.tanh(self._cell)
        return self._hidden


def _sigmoid(x: Weights) -> Weights:
    half = np.float32(0.5)  # so that nothing overflows
    found: Weights = half * np.tanh(half * x) + half
    return found

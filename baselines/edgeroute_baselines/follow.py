"""Play episodes on by a linear rule: the tail of every rollout, in one compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.linear import compiled_margin, scratch
from edgeroute_env._compile import compiled
from edgeroute_env.simulator import kernel
from edgeroute_env.simulator.batch import Batch

_advance = kernel.advance
_margin = compiled_margin


def followed(run: Batch, actions: NDArray[np.int64], weights: NDArray[Any]) -> NDArray[np.float64]:
    """Return what each episode of `run`, copies that this plays to their end, earns, shape (n,).

    `actions`, shape (n,), are the routes of the first turn; the rule of `weights` (from
    `linear.weights_record`) decides all later ones.
    """
    total = np.zeros(run.episodes.size)
    _follow(run.arrays, actions, weights, scratch(), total)
    return total


@compiled
def _follow(
    arrays: kernel.Arrays,
    actions: NDArray[np.int64],
    weights: Any,
    scratch: Any,
    total: NDArray[np.float64],
) -> None:
    """Play all episodes to their end; `scratch` as of `linear.scratch`, two arrays."""
    physical, named = scratch
    n = arrays.episodes.size
    left = np.zeros(n)  # what a finished episode keeps in `outcomes` must not count again
    running = True
    while running:
        for e in range(n):
            left[e] = 1.0 - arrays.episodes[e].over
        _advance(arrays, actions)
        running = False
        for e in range(n):
            if left[e] > 0.0:
                total[e] += arrays.outcomes[e].reward
                margin = _margin(arrays.matrix[e], physical, named, weights)
                actions[e] = 1 if margin > 0.0 else 0
                running = running or arrays.episodes[e].over == 0

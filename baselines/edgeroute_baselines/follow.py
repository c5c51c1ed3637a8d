"""Play episodes on by a linear rule: the tail of every rollout, in one compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.linear import compiled_margin, scratch
from edgeroute_env._compile import compiled
from edgeroute_env.simulator import features, kernel
from edgeroute_env.simulator.batch import Batch

_step = kernel.step
_margin = compiled_margin


def followed(run: Batch, actions: NDArray[np.int64], weights: NDArray[Any]) -> NDArray[np.float64]:
    """Return what each episode of `run` earns until it ends, shape (n,).

    Args:
        run: copies that may be changed (`Batch.taken`); all of them end.
        actions: the routes of the first turn, shape (n,).
        weights: of the rule that decides all later turns; see `linear.weights_record`.
    """
    total = np.zeros(run.episodes.size)
    state = (run.episodes, run.devices, run.waiting, run.slots)
    seen = run.observations.view(features.SEEN)[:, 0]
    _follow(
        run.parameters, run.traces, *state, actions, seen, run.observations, run.outcomes,
        weights, *scratch(), total,
    )  # fmt: skip
    return total


@compiled
def _follow(
    parameters: Any,
    traces: Any,
    episodes: Any,
    devices: Any,
    waiting: NDArray[np.float64],
    slots: NDArray[np.float64],
    actions: NDArray[np.int64],
    seen: Any,
    matrix: NDArray[np.float32],
    outcomes: Any,
    weights: Any,
    physical: NDArray[np.float64],
    named: Any,
    total: NDArray[np.float64],
) -> None:
    n = episodes.size
    left = np.zeros(n)  # what a finished episode keeps in `outcomes` must not count again
    running = True
    while running:
        for e in range(n):
            left[e] = 1.0 - episodes[e].over
        _step(
            parameters, traces, episodes, devices, waiting, slots, actions, seen, matrix, outcomes
        )
        running = False
        for e in range(n):
            if left[e] > 0.0:
                total[e] += outcomes[e].reward
                margin = _margin(matrix[e], physical, named, weights)
                actions[e] = 1 if margin > 0.0 else 0
                running = running or episodes[e].over == 0

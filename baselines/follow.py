"""Play episodes on by the analytic rule: the tail of every rollout, in one compiled loop.

A turn is the simulator's own. The rule is linear in the observation, so it comes as weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.bao import BaoRouter
from edgeroute_env._compile import compiled
from edgeroute_env.simulator import features, turn
from edgeroute_env.simulator.batch import Batch

_step = turn.step


def linear_form(rule: BaoRouter) -> NDArray[np.float64]:
    """Return the weights w for which the rule's fused cost is w . observation, shape (32,)."""
    return rule.fused(np.eye(features.COUNT, dtype=np.float32))


def followed(
    run: Batch, actions: NDArray[np.int64], weights: NDArray[np.float64], theta: float
) -> NDArray[np.float64]:
    """Return what each episode of `run` earns until it ends, shape (n,).

    Args:
        run: copies that may be changed (`Batch.taken`); all of them end.
        actions: the routes of the first turn, shape (n,).
        weights: of the rule that decides all later turns; see `linear_form`.
        theta: the rule's threshold.
    """
    total = np.zeros(run.episodes.size)
    state = (run.episodes, run.devices, run.waiting, run.slots)
    seen = run.observations.view(features.SEEN)[:, 0]
    _follow(
        run.parameters, run.traces, *state, actions, seen, run.observations, run.outcomes,
        weights, theta, total,
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
    weights: NDArray[np.float64],
    theta: float,
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
                fused = 0.0
                for i in range(weights.size):
                    fused += weights[i] * matrix[e, i]
                actions[e] = 1 if fused > theta else 0
                running = running or episodes[e].over == 0

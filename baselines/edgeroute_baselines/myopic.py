"""An oracle without foresight: it knows what either route would earn on this turn, exactly.

It tries both routes on copies of the simulator and takes the better one, the phone on a tie. It
ignores what a route does to later turns (queues, heat, caches, budgets, a dialogue's worst answer).
So it shows what better predictions of a single turn could be worth, not what planning could be
worth. A router that prices the future may well beat it. It is not causal: it sees outcomes before
they happen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.static import DEVICE, EDGE
from edgeroute_env import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch


class MyopicOracle:
    """Takes each turn's better reward; an `edgeroute_env.routing.Insider`."""

    name = "myopic-oracle"
    reads_score = False

    def __init__(self) -> None:
        """Start without a batch."""
        self._batch: Batch | None = None

    def reset(self, n: int) -> None:
        """Forget the batch of earlier episodes."""
        self._batch = None

    def attach(self, scenario: Scenario, batch: Batch) -> None:
        """Take the batch that is about to run."""
        self._batch = batch

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,), whatever is observed."""
        if self._batch is None:
            raise InputError("router", self.name, "a run that attaches its batch (run_episodes)")
        gain = _reward(self._batch, EDGE) - _reward(self._batch, DEVICE)
        return (gain > 0.0).astype(np.int64)


def _reward(batch: Batch, action: int) -> NDArray[np.float64]:
    """Return what this turn earns if every episode takes `action`, shape (n,)."""
    n = batch.episodes.size
    trial = batch.taken(np.arange(n))
    trial.step(np.full(n, action, np.int64))
    return trial.outcomes["reward"]

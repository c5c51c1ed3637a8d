"""A batch of running episodes: the arrays that the kernel works on, and nothing else.

Every caller of the simulator holds one: the scalar environment a batch of one, the vector
environment, the evaluation. Copying or pickling it continues identically.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator import features, turn
from edgeroute_env.simulator.state import DEVICE, EPISODE, OUTCOME, lower
from edgeroute_env.traces.sources import TraceSource


class Batch:
    """`n` episodes of one scenario, each following a trace of `source`."""

    def __init__(self, scenario: Scenario, source: TraceSource, n: int) -> None:
        """Allocate the state; `begin` must come before `step`."""
        self.source = source
        self.parameters = lower(scenario)
        self.traces = source.store(n)
        self.episodes = np.zeros(n, EPISODE)
        self.episodes["over"] = 1
        self.devices = np.zeros((n, scenario.device.count), DEVICE)
        self.slots = np.zeros((n, scenario.edge.slots))
        self.observations = np.zeros((n, features.COUNT), np.float32)
        self.outcomes = np.zeros(n, OUTCOME)

    def begin(self, which: NDArray[np.int64], generators: Sequence[np.random.Generator]) -> None:
        """Give the episodes `which` a new trace each and observe its first turn."""
        self.source.assign(which, generators, self.traces, self.episodes)
        turn.begin(
            self.parameters,
            self.traces,
            self.episodes,
            self.devices,
            self.slots,
            which,
            self._seen(),
            self.observations,
        )

    def step(self, actions: NDArray[np.int64]) -> None:
        """Route one turn of every episode that is not over; see `observations`, `outcomes`."""
        turn.step(
            self.parameters,
            self.traces,
            self.episodes,
            self.devices,
            self.slots,
            actions,
            self._seen(),
            self.observations,
            self.outcomes,
        )

    @property
    def over(self) -> NDArray[np.bool_]:
        """Which episodes have ended (or not begun), shape (n,)."""
        return self.episodes["over"] != 0

    def _seen(self) -> NDArray[np.void]:
        """Return the observations' own memory with the features by name.

        Made on demand: a stored view would become a copy of its own when pickled.
        """
        return self.observations.view(features.SEEN)[:, 0]

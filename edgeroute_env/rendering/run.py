"""One router's episode, to be drawn or recorded turn by turn."""

from __future__ import annotations

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from edgeroute_env.rendering.history import History
from edgeroute_env.rendering.snapshot import Snapshot, snapshot
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.checks import checked_actions
from edgeroute_env.traces.sources import TraceSource

_FIRST = np.zeros(1, np.int64)
KEYS = {"left": 0, "right": 1}  # the arrow key of each action of a `Player`


class Run:
    """A router's episode, to be looked at before each turn and after the last."""

    def __init__(self, router: Router, scenario: Scenario, source: TraceSource, seed: int) -> None:
        """Begin the episode of a seed."""
        self.router, self.past = router, History()
        self._scenario, self._batch = scenario, Batch(scenario, source, 1)
        self._batch.begin(_FIRST, [seeding.np_random(seed)[0]])
        router.reset(1)

    @property
    def over(self) -> bool:
        """Whether the last turn has been routed."""
        return bool(self._batch.over[0])

    @property
    def length(self) -> int:
        """Turns of the episode's trace."""
        return int(self._batch.episodes["length"][0])

    def step(self) -> None:
        """Route the next turn, where there is one."""
        if not self.over:
            actions = checked_actions(self.router.route(self._batch.observations), 1)
            self._batch.step(actions)
            self.past.add(self._batch, 0)

    def shot(self) -> Snapshot:
        """Return the present moment, with the router's name on it."""
        return snapshot(self._scenario, self._batch, 0, self.past, self.router.name)


class Player:
    """A router that a person decides for."""

    name = "you"

    def __init__(self) -> None:
        """Begin with no decision."""
        self.actions: list[int] = []  # 0 device, 1 edge, one a turn

    def reset(self, n: int) -> None:
        """Forget the decisions of an earlier episode."""
        self.actions.clear()

    def decide(self, action: int) -> None:
        """Take the person's decision on the turn that is routed next."""
        self.actions.append(action)

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the last decision, shape (1,)."""
        return np.array(self.actions[-1:], np.int64)

"""The one protocol of all routers: analytic, heuristic, learned and planning.

A router that takes more than observations says so by its type: a `Learner` is told how answered
turns went, an `Insider` sees the simulator. One that takes less, the score left out, says so by a
class attribute `reads_score = False`; its turns do not wait for the scorer. What part a router
plays in a comparison is its `Role`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.scenario import Scenario

ROUTES = ("device", "edge")  # what the actions 0 and 1 stand for


class Role(StrEnum):
    """What part a router plays where routers are compared."""

    CONSTANT = "constant"  # sends every turn to the same side
    STATIC = "static"  # a coin, or a threshold on the question alone: what the paper compares with
    ANALYTIC = "analytic"  # a formula over what is seen, its parameters fitted on training seeds
    ONLINE = "online"  # learns while it runs, from its own finished turns
    PLANNER = "planner"  # imagines what each route leads to
    LEARNED = "learned"  # a policy that was trained
    HINDSIGHT = "hindsight"  # static, its parameters chosen on the evaluation traces themselves
    ORACLE = "oracle"  # knows outcomes before they happen
    BOUND = "bound"  # looks for the best that could have been done

    @property
    def causal(self) -> bool:
        """Whether it knows no more than a router could; tables label those that do."""
        return self not in (Role.HINDSIGHT, Role.ORACLE, Role.BOUND)

    @property
    def state_blind(self) -> bool:
        """Whether it knows nothing of queues, link and caches."""
        return self in (Role.CONSTANT, Role.STATIC, Role.HINDSIGHT)


class Router(Protocol):
    """Decides, for a batch of episodes, where each next turn goes."""

    @property
    def name(self) -> str:
        """The router's name in tables."""

    def reset(self, n: int) -> None:
        """Prepare for `n` new episodes, forgetting everything of earlier ones."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return an action (0 device, 1 edge) for each observation, int64, shape (n,).

        Observations are float32, shape (n, 32); `edgeroute_env.decode` gives physical values.
        """


@runtime_checkable
class Learner(Router, Protocol):
    """A router that is told how its turns went, once their answers are complete."""

    def learn(
        self, turns: NDArray[np.int64], episodes: NDArray[np.int64], outcomes: NDArray[Any]
    ) -> None:
        """Take the outcomes that have become known since the last call, before the next `route`.

        All have shape (k,): `outcomes` are OUTCOME, `turns` says which of an episode's turns each
        belongs to, from 0, `episodes` which of the batch's episodes.
        """


@runtime_checkable
class Insider(Router, Protocol):
    """A router that sees the simulator: an oracle, a bound, a planner.

    It may read and copy the batch, never change it.
    """

    def attach(self, scenario: Scenario, batch: Any) -> None:
        """Take the batch that is about to run; called after `reset` and before the first turn.

        It is an `edgeroute_env.simulator.batch.Batch`, a floor above this module.
        """


@runtime_checkable
class Bound(Insider, Protocol):
    """An insider that looks for the best that could have been done, from what others did."""

    incumbents: Sequence[NDArray[np.int64]]  # actions of other runs, (turns, n) each
    found: Mapping[str, float]  # the mean return after each means of its search

    @property
    def exact(self) -> bool:
        """Whether what it found is known to be the best."""

"""The one protocol of all routers: analytic, heuristic, learned and planning.

A router that takes more than observations says so by its type: a `Learner` is told how answered
turns went, an `Insider` sees the simulator. Tables label insiders. One that takes less, the score
left out, says so by a class attribute `reads_score = False`; its turns do not wait for the scorer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.scenario import Scenario


class Router(Protocol):
    """Decides, for a batch of episodes, where each next turn goes."""

    @property
    def name(self) -> str:
        """The router's name in tables."""
        ...

    def reset(self, n: int) -> None:
        """Prepare for `n` new episodes, forgetting everything of earlier ones."""
        ...

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return an action (0 device, 1 edge) for each observation.

        Args:
            observations: float32, shape (n, 32); `edgeroute_env.decode` gives physical values.

        Returns:
            int64, shape (n,).
        """
        ...


@runtime_checkable
class Learner(Router, Protocol):
    """A router that is told how its turns went, once their answers are complete."""

    def learn(
        self, turns: NDArray[np.int64], episodes: NDArray[np.int64], outcomes: NDArray[Any]
    ) -> None:
        """Take the outcomes that have become known since the last call, before the next `route`.

        Args:
            turns: which of an episode's turns each belongs to, from 0, shape (k,).
            episodes: which of the batch's episodes, shape (k,).
            outcomes: OUTCOME, shape (k,).
        """
        ...


@runtime_checkable
class Insider(Router, Protocol):
    """A router that sees the simulator: an oracle, a bound, a planner.

    It may read and copy the batch, never change it.
    """

    def attach(self, scenario: Scenario, batch: Any) -> None:
        """Take the batch that is about to run; called after `reset` and before the first turn.

        Args:
            scenario: what it runs.
            batch: `edgeroute_env.simulator.batch.Batch`, a floor above this module.
        """
        ...


@runtime_checkable
class Bound(Insider, Protocol):
    """An insider that looks for the best that could have been done, from what others did."""

    incumbents: Sequence[NDArray[np.int64]]  # actions of other runs, (turns, n) each
    found: Mapping[str, float]  # the mean return after each means of its search

    @property
    def exact(self) -> bool:
        """Whether what it found is known to be the best."""
        ...

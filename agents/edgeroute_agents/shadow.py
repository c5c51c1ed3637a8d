"""What an analytic rule earns on the same traces: a baseline that no action of ours can move.

The traces are the inputs of an input-driven process (Mao et al., "Variance Reduction for
Reinforcement Learning in Input-Driven Environments", ICLR 2019): subtracting what a fixed rule
earns on them leaves the gradient's mean as it is and takes out most of what the traces cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch


class Followed:
    """A trace source that gives each episode the trace that another batch's episode follows."""

    def __init__(self) -> None:
        """Wait for `leader`."""
        self.leader: Batch | None = None

    def store(self, episodes: int) -> NDArray[Any]:
        """Return no memory: the leader's is used."""
        return np.empty(0)

    def assign(
        self,
        which: NDArray[np.int64],
        generators: Sequence[np.random.Generator],
        store: NDArray[Any],
        episodes: NDArray[Any],
    ) -> None:
        """Follow what the leader's episodes `which` follow."""
        assert self.leader is not None
        for field in ("trace", "length"):
            episodes[field][which] = self.leader.episodes[field][which]


class Shadow:
    """A rule's own episodes beside those of a batch, on the same traces."""

    def __init__(self, scenario: Scenario, rule: LinearRouter, n: int) -> None:
        """Allocate `n` episodes."""
        self._source = Followed()
        self._batch = Batch(scenario, self._source, n)
        self._rule = rule

    @property
    def observations(self) -> NDArray[np.float32]:
        """What the rule sees, shape (n, 32)."""
        return self._batch.observations

    def follow(self, leader: Batch) -> None:
        """Share the traces of `leader`."""
        self._source.leader = leader
        self._batch.share_traces(leader.traces)

    def begin(self, which: NDArray[np.int64], leader: Batch) -> None:
        """Begin the episodes `which` on the traces that the leader has just been given."""
        self.follow(leader)
        self._batch.begin(which, ())

    def earn(self, leader: Batch) -> NDArray[np.float64]:
        """Route the next turn and return what it earned, shape (n,).

        Where the leader's episode ends before its trace does (an empty battery), all that the
        router still earns is added, so that the sum over an episode is always its whole return.
        """
        earned = self._turn()
        ended_early = leader.over & ~self._batch.over
        if ended_early.any():
            running = self._batch.over
            self._batch.episodes["over"][~ended_early] = 1
            while not self._batch.over.all():
                earned += self._turn()
            self._batch.episodes["over"] = running | ended_early
        return earned

    def _turn(self) -> NDArray[np.float64]:
        batch = self._batch
        over = batch.over
        batch.step(self._rule.route(batch.observations))
        return np.where(over, 0.0, batch.figures[:, 0])

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that the next turn depends on, but the traces."""
        return {name: getattr(self._batch, name).copy() for name in _ARRAYS}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a `state`."""
        for name, value in state.items():
            refill(getattr(self._batch, name), value)


def refill(target: NDArray[Any], value: NDArray[Any]) -> None:
    """Copy an array of the same shape, or its bytes, into `target` (contiguous)."""
    target.reshape(-1).view(np.uint8)[:] = value.reshape(-1).view(np.uint8)


_ARRAYS = ("episodes", "devices", "waiting", "slots", "observations")

"""Run a router over seeded episodes and keep every turn's outcome.

Equal seeds give equal traces, so two runs over the same seeds are paired turn by turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from edgeroute_env.parallel import Step
from edgeroute_env.routing import Insider, Learner, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.checks import checked_actions
from edgeroute_env.simulator.state import OUTCOME
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import Pinned, TraceSource

AT_ONCE = 500  # episodes of `evaluation_returns`, for memory's sake


@dataclass(frozen=True)
class Episodes:
    """What one router did: actions, OUTCOME records, and which turns were routed, (turns, n)."""

    router: str
    seeds: tuple[int, ...]
    actions: NDArray[np.int64]
    outcomes: NDArray[Any]
    routed: NDArray[np.bool_]

    def turns(self, name: str) -> NDArray[np.float64]:
        """Return one figure of every routed turn, flat."""
        return np.asarray(self.outcomes[name][self.routed])

    def by_episode(self, name: str) -> NDArray[np.float64]:
        """Return one figure's mean over each episode's routed turns, shape (n,)."""
        return np.asarray(self._sum(name) / self.routed.sum(axis=0))

    def returns(self) -> NDArray[np.float64]:
        """Return each episode's sum of rewards, shape (n,)."""
        return self._sum("reward")

    def _sum(self, name: str) -> NDArray[np.float64]:
        return np.asarray(np.where(self.routed, self.outcomes[name], 0.0).sum(axis=0))


def generators(seeds: Sequence[int]) -> list[np.random.Generator]:
    """Return the random generators that Gymnasium makes of the seeds."""
    return [seeding.np_random(seed)[0] for seed in seeds]


def run_episodes(
    router: Router,
    scenario: Scenario,
    source: TraceSource,
    seeds: Sequence[int],
    on_turn: Callable[[], None] | None = None,
) -> Episodes:
    """Run one episode a seed, all side by side, and return their outcomes.

    The router is reset first. One that does not read the score is spared its time. A Learner is
    told of a turn when its answer is complete before the episode's next turn arrives. `on_turn` is
    called after each turn of the batch.
    """
    n = len(seeds)
    batch = Batch(scenario, source, n)
    if not getattr(router, "reads_score", True):
        batch.parameters["scoring_s"] = 0.0
        batch.parameters["probes"] = False
    # 400 random generators take a fifth of a run; a pinned source asks for none.
    batch.begin(np.arange(n), () if isinstance(source, Pinned) else generators(seeds))
    router.reset(n)
    learner = router if isinstance(router, Learner) else None  # slow to ask each turn
    if isinstance(router, Insider):
        router.attach(scenario, batch)
    longest = int(batch.episodes["length"].max())
    actions = np.zeros((longest, n), np.int64)
    figures = np.zeros((longest, *batch.figures.shape))
    outcomes = figures.view(OUTCOME)[..., 0]
    routed, awaited = np.zeros((2, longest, n), np.bool_)
    arrivals_s = np.zeros((longest, n))
    for turn in range(longest):
        routed[turn] = ~batch.over
        if not routed[turn].any():
            break
        if learner is not None:
            arrivals_s[turn] = _arrivals_s(batch)
            _tell(learner, arrivals_s[: turn + 1], outcomes, awaited)
        awaited[turn] = routed[turn]
        actions[turn] = checked_actions(router.route(batch.observations), n)
        batch.step(actions[turn])
        figures[turn] = batch.figures
        if on_turn is not None:
            on_turn()
    return Episodes(router.name, tuple(seeds), actions, outcomes, routed)


def episodes_of(
    step: Step, router: Router, scenario: Scenario, source: TraceSource, seeds: Sequence[int]
) -> Episodes:
    """Run a router over one episode a seed: the work of a `Task`, a turn a step."""
    return run_episodes(router, scenario, source, seeds, lambda: step(1))


def evaluation_returns(
    routers: Sequence[Router], scenario: Scenario, episodes: int, traces: TraceKind = "synthetic"
) -> NDArray[np.float64]:
    """Return what routers earn on the same first evaluation seeds, shape (routers, episodes)."""
    source = drawn(scenario, traces, "evaluation")
    parts = []
    for start in range(0, episodes, AT_ONCE):
        seeds = EVALUATION_SEEDS[start : min(start + AT_ONCE, episodes)]
        pinned = Pinned(source, generators(seeds))
        parts.append([run_episodes(r, scenario, pinned, seeds).returns() for r in routers])
    return np.concatenate(parts, axis=1)


def _arrivals_s(batch: Batch) -> NDArray[np.float64]:
    """Return when the turns that wait have arrived, shape (n,); of ended episodes, the last."""
    episodes = batch.episodes
    row = np.minimum(episodes["cursor"], episodes["length"] - 1)
    return np.asarray(batch.traces["arrival_s"][episodes["trace"], row])


def _tell(
    router: Learner,
    arrivals_s: NDArray[np.float64],
    outcomes: NDArray[Any],
    awaited: NDArray[np.bool_],
) -> None:
    """Tell a router of the answers that are complete by now and clear them from `awaited`.

    `arrivals_s` are the times of all turns so far and of the present one, shape (turns, n).
    """
    turn = len(arrivals_s) - 1
    complete = arrivals_s[:turn] + outcomes["latency_s"][:turn] <= arrivals_s[turn]
    turns, episodes = np.nonzero(awaited[:turn] & complete)
    awaited[turns, episodes] = False
    router.learn(turns, episodes, outcomes[turns, episodes])

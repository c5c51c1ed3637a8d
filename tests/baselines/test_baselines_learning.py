"""LinUCB: what it computes, what it is told and when, and how soon it has learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_baselines import make_router
from edgeroute_baselines.fitted import parameters, stored_fits
from edgeroute_baselines.linucb import SIZE, TERMS, LinUcbRouter
from edgeroute_env import decode, load_scenario
from edgeroute_env.evaluation.episodes import Episodes, run_episodes
from edgeroute_env.routing import Learner
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.traces.sources import Drawn
from tests.helpers.evaluated import evaluated, validation_traces

pytestmark = pytest.mark.thorough

TURNS, WIDTH, LATE = 20_000, 0.4, 5_000


class Noted(LinUcbRouter):
    """Keeps what it was told."""

    def reset(self, n: int) -> None:
        super().reset(n)
        self.told: list[tuple[int, int, float]] = []
        self.asked: list[NDArray[np.float32]] = []

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        self.asked.append(observations.copy())
        return super().route(observations)

    def learn(
        self, turns: NDArray[np.int64], episodes: NDArray[np.int64], outcomes: NDArray[Any]
    ) -> None:
        super().learn(turns, episodes, outcomes)
        self.told += list(zip(turns.tolist(), episodes.tolist(), outcomes["reward"], strict=True))


def played(n: int) -> tuple[Noted, Episodes]:
    scenario = load_scenario("paper", {"workload.turns": 40})
    router = Noted(WIDTH)
    return router, run_episodes(router, scenario, Drawn(scenario), FIT_SEEDS[:n])


def test_it_is_a_learner() -> None:
    assert isinstance(make_router("linucb", {"width": WIDTH}), Learner)


@pytest.mark.parametrize("n", [1, 3, 40])  # fewer and more news at a time than weights
def test_its_state_is_ridge_regression_on_what_it_was_told(n: int) -> None:
    router, run = played(n)
    assert len(router.told) == len({(t, e) for t, e, _ in router.told}) > 20 * n
    actions = router._taken
    for action in (0, 1):
        mine = [(t, e, reward) for t, e, reward in router.told if actions[t, e] == action]
        seen = [decode(router.asked[t][e : e + 1]) for t, e, _ in mine]
        x = np.array([[term(one)[0] for term in TERMS] for one in seen])
        rewards = np.array([reward for _, _, reward in mine])
        information = np.eye(SIZE) + x.T @ x
        np.testing.assert_allclose(router._inverse[action] @ information, np.eye(SIZE), atol=1e-8)
        np.testing.assert_allclose(router._moment[action], x.T @ rewards, atol=1e-9)
    for turn, episode, reward in router.told:
        assert reward == run.outcomes["reward"][turn, episode]


def test_a_reset_forgets_and_a_run_repeats_exactly() -> None:
    scenario = load_scenario("paper", {"workload.turns": 40})
    router = LinUcbRouter(WIDTH)
    runs = [run_episodes(router, scenario, Drawn(scenario), FIT_SEEDS[:5]) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].outcomes, runs[1].outcomes)


def test_before_any_answer_it_stays_on_the_phone() -> None:
    router, _ = played(3)
    assert router._taken[0].tolist() == [0, 0, 0]


def analytic() -> Any:
    """Return the stored fit of the analytic rule on `paper`: fitted on training seeds."""
    entry = stored_fits(load_scenario("paper"), "synthetic")
    assert entry is not None
    return make_router("bao-multi-queue", parameters(entry, "bao-multi-queue"))


def test_many_phones_reach_the_analytic_return_within_20000_turns() -> None:
    """156 episodes side by side teach one model; all 19,968 turns count, the first ones too."""
    scenario = load_scenario("paper")
    episodes = TURNS // scenario.workload.turns
    traces = validation_traces(scenario, episodes)
    learner = evaluated(LinUcbRouter(WIDTH), scenario, traces)
    assert learner.routed.sum() <= TURNS
    tuned = evaluated(analytic(), scenario, traces)
    assert learner.returns().sum() >= 0.95 * tuned.returns().sum()


def test_one_phone_reaches_the_analytic_return_within_20000_turns() -> None:
    """One episode of 20,000 turns: the whole of it, and the last quarter, when it has learned."""
    scenario = load_scenario("paper", {"workload.turns": TURNS})
    traces = validation_traces(scenario, 1)
    learner = evaluated(LinUcbRouter(WIDTH), scenario, traces).outcomes["reward"][:, 0]
    tuned = evaluated(analytic(), scenario, traces).outcomes["reward"][:, 0]
    assert learner.shape == (TURNS,)
    assert learner.sum() >= 0.95 * tuned.sum()
    assert learner[-LATE:].sum() >= 0.95 * tuned[-LATE:].sum()

"""The environment that pays each objective apart agrees with the one that pays their sum."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, EdgeRouteMOEnv, InputError, load_scenario, scenario_names

TURNS = 60
WEIGHED = [n for n in scenario_names() if load_scenario(n).objective.kind != "relative-cost"]


def side_by_side(scenario: Any, **arguments: Any) -> Any:
    """Yield the weights before a turn and both environments' answers to it."""
    apart, summed = EdgeRouteMOEnv(scenario, **arguments), EdgeRouteEnv(scenario, **arguments)
    assert np.array_equal(apart.reset(seed=3)[0], summed.reset(seed=3)[0])
    for action in np.random.default_rng(4).integers(2, size=TURNS):
        weights = apart.weights
        theirs, ours = apart.step(action), summed.step(action)
        assert apart.reward_space.contains(theirs[1])
        yield weights, theirs, ours
        if ours[2] or ours[3]:
            break


@pytest.mark.parametrize("name", WEIGHED)
def test_the_weighted_entries_are_the_reward(name: str) -> None:
    for weights, theirs, ours in side_by_side(name):
        assert weights @ theirs[1] == pytest.approx(ours[1], abs=1e-9)
        assert np.array_equal(theirs[0], ours[0])
        assert theirs[2:] == ours[2:]


def test_the_entries_are_those_of_the_phones_that_stay() -> None:
    draws = {
        "weights.quality": {"uniform": [0.5, 2.0]},
        "budgets.battery_j": {"uniform": [10.0, 60.0]},
    }
    users = {"count": 20, "own": "phone", "draws": draws}
    overrides = {"device.count": 4, "objective.kind": "dialogue-min", "users": users}
    prices, last = set(), False
    for weights, theirs, ours in side_by_side("paper", overrides=overrides):
        assert weights @ theirs[1] == pytest.approx(ours[1], abs=1e-9)
        prices.add(weights[0])
        last = ours[2]
    assert last  # all have left
    assert len(prices) > 2


def test_time_to_the_first_token_is_what_its_objective_counts() -> None:
    for weights, theirs, ours in side_by_side("paper", overrides={"objective.kind": "ttft"}):
        assert theirs[1][1] == -ours[4]["ttft_s"]
        assert weights @ theirs[1] == pytest.approx(ours[1], abs=1e-9)


def test_a_relative_cost_is_left_out() -> None:
    for _, theirs, ours in side_by_side("cr2"):
        told = ours[4]
        figures = (told["latency_s"], told["energy_j"], told["edge_call"], told["failed"])
        assert np.array_equal(theirs[1], [told["quality"], *(-figure for figure in figures)])


def test_users_of_a_fleet_bring_their_own_weights() -> None:
    env = EdgeRouteMOEnv("fleet")
    seen = set()
    for seed in range(5):
        env.reset(seed=seed)
        seen.add(tuple(env.weights))
    assert len(seen) > 1


def test_quality_must_have_a_weight_where_only_the_weighted_one_is_known() -> None:
    with pytest.raises(InputError, match=r"weights\.quality"):
        EdgeRouteMOEnv("deadline", overrides={"weights.quality": 0.0})
    EdgeRouteMOEnv("paper", overrides={"weights.quality": 0.0})


@pytest.mark.parametrize("name", ["", *(f"-{name}" for name in scenario_names())])
def test_each_id_has_a_twin(name: str) -> None:
    made = gym.make(f"mo-EdgeRoute{name}-v0").unwrapped
    assert isinstance(made, EdgeRouteMOEnv)
    assert made.scenario == gym.make(f"EdgeRoute{name}-v0").unwrapped.scenario

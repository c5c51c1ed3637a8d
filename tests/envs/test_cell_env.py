"""Each phone of a cell is an agent: PettingZoo's contract, and the single environment's bits."""

from __future__ import annotations

import copy
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded

from edgeroute_env import EdgeRouteEnv, InputError, cell_env, decode, load_scenario, scenario_names

pytest.importorskip("pettingzoo")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its tests import its games in a way that it deprecates
    from pettingzoo.test import api_test, seed_test

PRESETS = [name for name in scenario_names() if load_scenario(name).device.count > 1]
LIMITED = {"budgets.battery_j": {"choice": [None, 60]}}  # some five answers on the phone
LEAVING = {
    **{"device.count": 5, "workload.turns": 80},
    "users": {"count": 30, "own": "phone", "draws": LIMITED},
}
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in PRESETS},
    "one phone": ("paper", {}),
    "one phone with a battery": ("battery", {}),
    "phones that leave": ("paper", LEAVING),
    "until none is left": ("paper", {"device.count": 3, "budgets.battery_j": 60}),
}
each_cell = pytest.mark.parametrize("name", CELLS)
each_pay = pytest.mark.parametrize("rewards", ["own", "shared"])
FEW = {"device.count": 3, "workload.turns": 8}


def by_score(observation: Any) -> int:
    return int(decode(observation)["score"] > 0.5)


def told(env: Any, decide: Callable[[Any], int]) -> list[tuple[Any, ...]]:
    """Return what each phone was told in an episode: its name, and what `last` said."""
    heard = []
    for agent in env.agent_iter():
        observation, reward, terminated, truncated, info = env.last()
        heard.append((agent, observation, reward, terminated, truncated, info))
        env.step(None if terminated or truncated else decide(observation))
    return heard


def test_there_is_a_preset_with_several_phones() -> None:
    assert "busy-cell" in PRESETS


@each_pay
@each_cell
def test_pettingzoo_tests_pass(name: str, rewards: str) -> None:
    scenario = load_scenario(*CELLS[name])
    cycles = 1400 // scenario.device.count  # beyond the end of every episode
    api_test(cell_env(scenario, rewards=rewards), num_cycles=cycles)
    seed_test(lambda: cell_env(scenario, rewards=rewards), num_cycles=cycles)


@each_pay
@each_cell
def test_one_policy_for_all_earns_what_it_earns_alone_to_the_bit(name: str, rewards: str) -> None:
    scenario = load_scenario(*CELLS[name])
    alone, cell = EdgeRouteEnv(scenario), cell_env(scenario, rewards=rewards)
    observation, _ = alone.reset(seed=3)
    cell.reset(seed=3)
    ended, returns = False, [0.0, 0.0]
    while not ended:
        agent = cell.agent_selection
        if cell.terminations[agent]:  # it has left
            cell.step(None)
            continue
        assert cell.observe(agent).tobytes() == observation.tobytes()
        cell.step(by_score(cell.observe(agent)))
        observation, reward, terminated, truncated, info = alone.step(by_score(observation))
        ended = terminated or truncated
        assert cell.infos[agent] == info
        assert cell.truncations[agent] == truncated
        assert cell.terminations[agent] or not terminated
        returns[0] += reward
        returns[1] += cell.rewards[agent] if rewards == "shared" else sum(cell.rewards.values())
    assert returns[0] == returns[1] != 0.0
    assert cell.observe(agent).tobytes() == observation.tobytes()


def test_the_agent_is_the_phone_whose_turn_has_arrived() -> None:
    alone, cell = EdgeRouteEnv("busy-cell"), cell_env("busy-cell")
    alone.reset(seed=5)
    cell.reset(seed=5)
    moves = [agent for agent, _, _, _, truncated, _ in told(cell, by_score) if not truncated]
    assert moves == [f"phone_{d}" for d in alone.trace["device"]]


@each_pay
def test_every_phone_hears_all_that_it_has_earned_and_its_end(rewards: str) -> None:
    cell = cell_env("busy-cell", overrides={"workload.turns": 200}, rewards=rewards)
    cell.reset(seed=1)
    earned: dict[str, float] = defaultdict(float)
    seen: dict[str, Any] = {}
    heard: dict[str, float] = defaultdict(float)
    ends, last_asked = set(), ""
    for agent in cell.agent_iter():
        observation, reward, terminated, truncated, _ = cell.last()
        heard[agent] += reward
        if truncated:
            ends.add(agent)
            assert not terminated
            # The phone of the last turn sees it again, with the state after it.
            again = cell.infos[agent] and agent != last_asked
            assert not again or np.array_equal(observation, seen[agent])
            cell.step(None)
            continue
        last_asked, seen[agent] = agent, observation
        cell.step(by_score(observation))
        for phone, paid in cell.rewards.items():
            earned[phone] += paid
    assert ends == set(cell.possible_agents)
    assert heard == pytest.approx(earned, abs=1e-9)
    if rewards == "shared":
        assert len({earned[phone] for phone in cell.possible_agents}) == 1


@each_pay
def test_a_phone_whose_battery_is_spent_is_told_and_the_others_go_on(rewards: str) -> None:
    cell, left = cell_env("paper", overrides=LEAVING, rewards=rewards), set()
    cell.reset(seed=2)
    for agent in cell.agent_iter():
        _, _, terminated, truncated, info = cell.last()
        assert agent not in left
        assert cell.agents.count(agent) == 1
        if terminated or truncated:
            assert not terminated or info["energy_j"] > 0.0
            if not truncated:
                left.add(agent)
                assert len(cell.agents) > 1
            cell.step(None)
        else:
            cell.step(0)
    assert 0 < len(left) < 5


def test_a_phone_that_was_never_asked_ends_with_nothing() -> None:
    cell = cell_env("paper", overrides={"device.count": 3, "workload.turns": 1})
    cell.reset(seed=0)
    heard = told(cell, by_score)
    asked = heard[0][0]
    assert len(heard) == 4
    for agent, observation, reward, _, truncated, info in heard[1:]:
        assert truncated
        assert (reward != 0.0) == bool(info) == observation.any() == (agent == asked)


def test_a_copy_goes_on_as_its_original() -> None:
    cell = cell_env("paper", overrides=FEW)
    cell.reset(seed=0)
    cell.step(1)
    other = copy.deepcopy(cell)
    for mine, theirs in zip(told(cell, by_score), told(other, by_score), strict=True):
        assert mine[1].tobytes() == theirs[1].tobytes()
        assert mine[2:] == theirs[2:]


def test_what_a_caller_does_to_an_observation_stays_with_it() -> None:
    cell = cell_env("paper", overrides=FEW)
    cell.reset(seed=0)
    kept = cell.observe("phone_0").copy()
    cell.observe("phone_0")[:] = 9.0
    assert np.array_equal(cell.observe("phone_0"), kept)


def test_a_given_trace_is_followed() -> None:
    cell, alone = cell_env("paper", overrides=FEW), EdgeRouteEnv("paper", FEW)
    alone.reset(seed=4)
    cell.reset(seed=9, options={"trace": alone.trace})
    moves = [heard[0] for heard in told(cell, by_score) if not heard[4]]
    assert moves == [f"phone_{d}" for d in alone.trace["device"]]


def test_it_is_drawn_as_the_single_environment() -> None:
    cell = cell_env("paper", overrides=FEW, render_mode="ansi")
    cell.reset(seed=0)
    cell.step(1)
    assert "edge" in str(cell.render())
    cell.close()


def test_wrong_use_is_told() -> None:
    with pytest.raises(InputError, match=r"rewards.*'mean'.*'own' or 'shared'"):
        cell_env(rewards="mean")
    cell = cell_env("paper", overrides=FEW)
    with pytest.raises(ResetNeeded):
        cell.step(0)
    cell.reset(seed=0)
    for action in (2, None, 0.5):
        with pytest.raises(InvalidAction, match=r"0 .*or 1"):
            cell.step(action)
    told(cell, by_score)
    with pytest.raises(ResetNeeded):
        cell.step(None)


def test_without_pettingzoo_the_error_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "edgeroute_env.envs.cell", raising=False)
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    with pytest.raises(InputError, match=r"pettingzoo.*edgeroute\[multi\]"):
        cell_env()

"""Env i of a vector seeded s is the scalar env seeded s + i, bit for bit, in every mode."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, load_scenario, scenario_names

pytestmark = pytest.mark.thorough

SEED = 40
STEPS = 2000
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "a battery that runs out": {"budgets.battery_j": 500},
    "four phones and a quota": {"device.count": 4, "budgets.edge_calls": 3},
    "episodes of one turn": {"workload.turns": 1},
    "expected quality, worst turn": {
        "objective.quality": "expected",
        "objective.kind": "dialogue-min",
    },
    "phones of different users, which leave": {
        "device.count": 4,
        "users": {
            **{"count": 9, "own": "phone"},
            "draws": {"budgets.battery_j": {"uniform": [60, 150]}},
        },
    },
    "three users, their costs relative": {
        "users": {"count": 3, "draws": {"radio.distance_max_m": {"uniform": [50, 400]}}},
        "edge.power_w": 200,
        "objective.kind": "relative-cost",
        "objective.relative_cost": {
            **{"price": 0.4, "latency_weight": 0.5, "energy_weight": 0.5},
            **{"latency_scale_s": 1, "energy_scale_j": 200},
        },
    },
}
KEYS = list(EdgeRouteEnv().reset(seed=0)[1])
NO_FIGURES = [math.nan] * len(KEYS)


def figures(info: dict[str, Any]) -> list[Any]:
    return [info[key] for key in KEYS]


def random_actions(n: int, steps: int = STEPS) -> NDArray[np.int64]:
    return np.random.default_rng(7).integers(0, 2, (steps, n))


def same_bits(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def scalar_stream(
    env: EdgeRouteEnv, seed: int, actions: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float32], list[float], bool]]:
    """Yield what a NextStep vector shows of this env: a step, or the reset after an end."""
    observation, _ = env.reset(seed=seed)
    yield observation, [0.0, 0.0, 0.0, *NO_FIGURES], True
    done = False
    for action in actions:
        if done:
            observation, _ = env.reset()
            outcome, done = [0.0, 0.0, 0.0, *NO_FIGURES], False
            yield observation, outcome, True
        else:
            observation, reward, terminated, truncated, info = env.step(int(action))
            done = terminated or truncated
            yield observation, [reward, terminated, truncated, *figures(info)], False


@pytest.mark.parametrize("n", [1, 3, 64])
@pytest.mark.parametrize("variant", VARIANTS)
def test_next_step_equals_scalars_through_autoreset(n: int, variant: str) -> None:
    overrides = VARIANTS[variant]
    actions = random_actions(n)
    vector = EdgeRouteVectorEnv(n, overrides=overrides)
    observation, info = vector.reset(seed=SEED)
    seen = [observation]
    nothing = np.zeros(n)
    outcomes = [np.column_stack([nothing, nothing, nothing, *figures(info)])]
    for row in actions:
        observation, reward, terminated, truncated, info = vector.step(row)
        seen.append(observation)
        outcomes.append(np.column_stack([reward, terminated, truncated, *figures(info)]))
        assert info["_latency_s"].all()
    scalar = EdgeRouteEnv(overrides=overrides)
    resets = 0
    for i in range(n):
        expected = list(scalar_stream(scalar, SEED + i, actions[:, i]))
        assert same_bits([each[i] for each in seen], [each[0] for each in expected])
        assert same_bits([each[i] for each in outcomes], [each[1] for each in expected])
        resets += sum(each[2] for each in expected)
    assert resets > 10 * n
    assert any(each[:, 1].any() for each in outcomes) == ("budgets.battery_j" in str(overrides))


@pytest.mark.parametrize("variant", VARIANTS)
def test_same_step_equals_scalars_and_keeps_their_last_turn(variant: str) -> None:
    n, overrides = 3, VARIANTS[variant]
    actions = random_actions(n)
    vector = EdgeRouteVectorEnv(n, overrides=overrides, autoreset_mode=AutoresetMode.SAME_STEP)
    scalars = [EdgeRouteEnv(overrides=overrides) for _ in range(n)]
    observation, _ = vector.reset(seed=SEED)
    firsts = [env.reset(seed=SEED + i)[0] for i, env in enumerate(scalars)]
    assert same_bits(observation, firsts)
    ends = 0
    for row in actions:
        observation, reward, terminated, truncated, info = vector.step(row)
        for i, env in enumerate(scalars):
            expected, pay, over, cut, figures_of_one = env.step(int(row[i]))
            assert same_bits([reward[i], terminated[i], truncated[i]], [pay, over, cut])
            told = info
            if over or cut:
                assert info["_final_obs"][i]
                assert info["_final_info"][i]
                assert same_bits(info["final_obs"][i], expected)
                assert np.isnan([value[i] for value in figures(info)]).all()
                told = info["final_info"]
                expected, _ = env.reset()
                ends += 1
            assert told["_latency_s"][i]
            assert same_bits([value[i] for value in figures(told)], figures(figures_of_one))
            assert same_bits(observation[i], expected)
    assert ends > 10 * n


@pytest.mark.parametrize("variant", VARIANTS)
def test_disabled_equals_scalars_when_the_ended_are_reset_by_mask(variant: str) -> None:
    n, overrides = 3, VARIANTS[variant]
    actions = random_actions(n)
    vector = EdgeRouteVectorEnv(n, overrides=overrides, autoreset_mode=AutoresetMode.DISABLED)
    scalars = [EdgeRouteEnv(overrides=overrides) for _ in range(n)]
    vector.reset(seed=SEED)
    for i, env in enumerate(scalars):
        env.reset(seed=SEED + i)
    ends = 0
    for row in actions:
        observation, reward, terminated, truncated, info = vector.step(row)
        steps = [env.step(int(action)) for env, action in zip(scalars, row, strict=True)]
        assert same_bits(observation, [step[0] for step in steps])
        assert same_bits(reward, [step[1] for step in steps])
        assert same_bits(terminated, [step[2] for step in steps])
        assert same_bits(truncated, [step[3] for step in steps])
        assert same_bits(np.column_stack(figures(info)), [figures(step[4]) for step in steps])
        assert info["_latency_s"].all()
        ended = terminated | truncated
        if ended.any():
            after, told = vector.reset(options={"reset_mask": ended})
            assert same_bits(told["_latency_s"], ended)
            for i in range(n):
                expected = scalars[i].reset()[0] if ended[i] else steps[i][0]
                assert same_bits(after[i], expected)
            ends += int(ended.sum())
    assert ends > 10 * n


@pytest.mark.parametrize("name", scenario_names())
def test_every_id_makes_a_vector_equal_to_its_scalars(name: str) -> None:
    identifier = f"EdgeRoute-{name}-v0"
    actions = random_actions(2, 300)
    turns = min(128, load_scenario(name).workload.turns)  # so that each is reset
    vector = gym.make_vec(identifier, 2, overrides={"workload.turns": turns})
    scalar = gym.make(identifier, overrides={"workload.turns": turns})
    observation, _ = vector.reset(seed=SEED)
    seen, rewards = [observation], [np.zeros(2)]
    for row in actions:
        observation, reward, *_ = vector.step(row)
        seen.append(observation)
        rewards.append(reward)
    for i in range(2):
        expected = list(scalar_stream(scalar, SEED + i, actions[:, i]))
        assert same_bits([each[i] for each in seen], [each[0] for each in expected])
        assert same_bits([each[i] for each in rewards], [each[1][0] for each in expected])
        assert sum(each[2] for each in expected) >= 3


def assert_covers(ours: Any, theirs: Any, path: str) -> None:
    """Assert that `ours` holds what Gymnasium's layout holds, where its masks are set."""
    for key, value in theirs.items():
        if key.startswith("_"):
            assert same_bits(ours[key], value), f"{path}{key}"
        elif isinstance(value, dict):
            assert_covers(ours[key], value, f"{path}{key}.")
        else:
            mask = theirs[f"_{key}"]
            assert ours[key].dtype == value.dtype, f"{path}{key}"
            for i in np.flatnonzero(mask):
                assert same_bits(ours[key][i], value[i]), f"{path}{key}"


def stepped_alike(ours: Any, theirs: Any, row: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Step both vectors and see the same; return what theirs returned, and our infos."""
    observation, reward, terminated, truncated, info = ours.step(row)
    told = expected, pay, over, cut, expected_info = theirs.step(row)
    assert same_bits(observation, expected)
    assert same_bits(reward, pay)
    assert same_bits(terminated, over)
    assert same_bits(truncated, cut)
    assert_covers(info, expected_info, "")
    return told, info


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_infos_are_laid_out_as_gymnasium_does(mode: AutoresetMode) -> None:
    overrides = {"budgets.battery_j": 300}  # the three end at different steps
    n = 3
    ours = EdgeRouteVectorEnv(n, overrides=overrides, autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: EdgeRouteEnv(overrides=overrides)] * n, autoreset_mode=mode)
    observation, info = ours.reset(seed=SEED)
    expected, expected_info = theirs.reset(seed=SEED)
    assert same_bits(observation, expected)
    assert_covers(info, expected_info, "")
    kinds = set()
    for row in random_actions(n, 200):
        (*_, over, cut, expected_info), info = stepped_alike(ours, theirs, row)
        extra = [key for key in info if key not in expected_info and not key.startswith("_")]
        assert not any(info[f"_{key}"].any() for key in extra)
        kinds.add(int((over | cut).sum()))
    assert kinds >= {0, 1}


@pytest.mark.parametrize(("phones", "limit"), [(1, 7), (3, 18)])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_limit_on_steps_is_gymnasiums_own(mode: AutoresetMode, phones: int, limit: int) -> None:
    # some episodes end by their batteries before the limit, some at the limit
    overrides, n = {"budgets.battery_j": 40, "device.count": phones}, 8
    ours = gym.make_vec(
        "EdgeRoute-v0", n, max_episode_steps=limit, overrides=overrides, autoreset_mode=mode
    )
    theirs = SyncVectorEnv(
        [lambda: gym.make("EdgeRoute-v0", max_episode_steps=limit, overrides=overrides)] * n,
        autoreset_mode=mode,
    )
    ends = set()
    ours.reset(seed=SEED)
    theirs.reset(seed=SEED)
    for row in random_actions(n, 200):
        (*_, over, cut, _), _ = stepped_alike(ours, theirs, row)
        ends |= set(zip(over.tolist(), cut.tolist(), strict=True))
    assert ends >= {(True, False), (False, True)}


def test_a_step_leaves_what_the_caller_kept_alone() -> None:
    vector = EdgeRouteVectorEnv(4)
    kept = [vector.reset(seed=SEED)[0]]
    infos = []
    copies = [kept[0].copy()]
    for row in random_actions(4, 200):
        observation, *_, info = vector.step(row)
        kept.append(observation)
        copies.append(observation.copy())
        infos.append((info["latency_s"], info["latency_s"].copy()))
    vector.reset()
    assert same_bits(kept, copies)
    assert all(same_bits(held, copy) for held, copy in infos)

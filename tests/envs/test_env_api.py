"""The environments keep Gymnasium's contract, and what they report is consistent."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import yaml
from gymnasium.vector import AutoresetMode

from edgeroute_baselines import make_router
from edgeroute_env import (
    FEATURES,
    EdgeRouteEnv,
    EdgeRouteVectorEnv,
    InputError,
    Scenario,
    Trace,
    decode,
    load_scenario,
    scenario_names,
)
from edgeroute_env.envs.setup import trace_source
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.simulator.state import LATENCY_PARTS
from tests.helpers.evaluated import total

IDS = ["EdgeRoute-v0", *[f"EdgeRoute-{name}-v0" for name in scenario_names()]]
STRESSES: dict[str, dict[str, Any]] = {
    "none": {},
    "thin radio": {
        "radio.transmit_dbm": -10,
        "workload.attachment": {"probability": 0.5, "size_bytes": 350_000},
    },
    "overload": {"workload.dialogue_gap_mean_s": 0.01, "workload.follow_up_median_s": 0.01},
    "budgets": {"budgets.battery_j": 400, "budgets.edge_calls": 2, "budgets.window_s": 60},
    "phones, one slot": {"device.count": 8, "edge.max_sequences": 1},
    "deadline": {"objective.kind": "deadline", "objective.deadline_s": 5},
    "worst turn": {"objective.kind": "dialogue-min", "objective.quality": "expected"},
    "first token": {"objective.kind": "ttft", "weights.energy_per_j": 0.01},
}


def played(env: EdgeRouteEnv) -> list[Any]:
    """Return the steps of an episode that answers on the device alone."""
    env.reset(seed=1)
    steps = [env.step(0)]
    while not (steps[-1][2] or steps[-1][3]):
        steps.append(env.step(0))
    return steps


@pytest.fixture(params=STRESSES)
def stressed(request: pytest.FixtureRequest) -> EdgeRouteEnv:
    return EdgeRouteEnv(overrides=STRESSES[request.param])


@pytest.mark.parametrize("identifier", IDS)
def test_stable_baselines_check_passes(identifier: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = gym.make(identifier)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(env.unwrapped, warn=True)


@pytest.mark.parametrize("identifier", IDS)
def test_make_vec_finds_the_vector_environment(identifier: str) -> None:
    vector = gym.make_vec(identifier, 3)
    assert isinstance(vector.unwrapped, EdgeRouteVectorEnv)
    assert vector.num_envs == 3
    single = gym.make(identifier)
    assert vector.single_observation_space == single.observation_space
    assert vector.single_action_space == single.action_space == gym.spaces.Discrete(2)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observation, info = vector.reset(seed=0)
    assert observation in vector.observation_space
    assert all(info[key].shape == (3,) for key in info)
    observation, reward, terminated, truncated, _ = vector.step(vector.action_space.sample())
    assert observation in vector.observation_space
    assert (reward.shape, reward.dtype) == ((3,), np.float64)
    assert (terminated.shape, terminated.dtype) == ((3,), np.bool_)
    assert (truncated.shape, truncated.dtype) == ((3,), np.bool_)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_every_autoreset_mode_can_be_asked_for(mode: AutoresetMode) -> None:
    for asked in (mode, mode.value):
        vector = gym.make_vec("EdgeRoute-v0", 2, autoreset_mode=asked)
        assert vector.metadata["autoreset_mode"] is vector.unwrapped.autoreset_mode is mode
    with pytest.raises(InputError, match=r"autoreset_mode.*'never'.*NextStep.*SameStep.*Disabled"):
        EdgeRouteVectorEnv(2, autoreset_mode="never")


def test_spaces_are_finite_and_match_the_features() -> None:
    space = EdgeRouteEnv().observation_space
    assert isinstance(space, gym.spaces.Box)
    assert space.dtype == np.float32
    assert space.shape == (len(FEATURES),) == (32,)
    assert np.isfinite(space.low).all()
    assert np.isfinite(space.high).all()
    assert (space.low < space.high).all()
    physical = decode(np.stack([space.low, space.high]))
    for feature in FEATURES:
        assert physical[feature.name] == pytest.approx([feature.low, feature.high], rel=1e-6)


def test_observations_stay_in_the_space(stressed: EdgeRouteEnv) -> None:
    rng = np.random.default_rng(0)
    observation, _ = stressed.reset(seed=0)
    for _ in range(600):
        assert observation.dtype == np.float32
        assert observation in stressed.observation_space
        observation, reward, terminated, truncated, _ = stressed.step(rng.integers(2))
        assert type(reward) is float
        assert np.isfinite(reward)
        if terminated or truncated:
            assert observation in stressed.observation_space
            observation, _ = stressed.reset()


def test_reward_and_latency_are_the_sums_of_their_parts(stressed: EdgeRouteEnv) -> None:
    rng = np.random.default_rng(1)
    weights = stressed.scenario.weights
    stressed.reset(seed=1)
    for _ in range(600):
        _, reward, terminated, truncated, info = stressed.step(rng.integers(2))
        assert reward == pytest.approx(total(info, "reward_*"), abs=1e-12)
        assert info["latency_s"] == pytest.approx(total(info, "latency_*_s"), rel=1e-12)
        assert all(info[f"latency_{part}_s"] >= 0.0 for part in LATENCY_PARTS)
        assert 0.0 < info["ttft_s"] <= info["latency_s"]
        assert info["reward_energy"] == pytest.approx(-weights.energy_per_j * info["energy_j"])
        assert info["reward_edge_call"] == -weights.edge_call * info["edge_call"]
        assert info["reward_failure"] == -weights.failure * info["failed"]
        assert info["failed"] + info["refused"] + info["edge_call"] <= 1.0
        assert 0.0 <= info["quality"] <= 1.0
        if terminated or truncated:
            stressed.reset()


def test_a_reset_tells_the_keys_of_a_step_and_no_figures() -> None:
    env = EdgeRouteEnv()
    told = env.reset(seed=0)[1]
    assert list(told) == list(env.step(1)[4])
    assert all(type(value) is float for value in env.step(0)[4].values())
    assert all(math.isnan(value) for value in told.values())
    told["latency_s"] = 1.0  # a caller's own: the next reset does not know of it
    assert math.isnan(env.reset()[1]["latency_s"])


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_vector_infos_are_arrays_with_masks(mode: AutoresetMode) -> None:
    n = 3
    vector = EdgeRouteVectorEnv(n, overrides={"budgets.battery_j": 300}, autoreset_mode=mode)
    keys = list(EdgeRouteEnv().reset(seed=0)[1])
    layout = [*keys, *(f"_{key}" for key in keys)]
    _, info = vector.reset(seed=0)
    assert list(info) == layout
    assert all(np.isnan(info[key]).all() for key in keys)
    shown = set()
    begun = np.zeros(n, bool)
    for _ in range(60):
        _, reward, terminated, truncated, info = vector.step(np.zeros(n, np.int64))
        ended = terminated | truncated
        if mode is AutoresetMode.SAME_STEP:
            begun = ended
            last = info.pop("final_info", {})
            assert list(last) == (layout if ended.any() else [])
            for key in ("_final_info", "final_obs", "_final_obs"):
                info.pop(key, None)
        assert list(info) == layout
        for key in keys:
            assert (info[key].shape, info[key].dtype) == ((n,), np.float64)
            assert (info[f"_{key}"].dtype, info[f"_{key}"].all()) == (np.bool_, True)
            assert (np.isnan(info[key]) == begun).all()
        terms = total(info, "reward_*")
        assert reward[~begun] == pytest.approx(terms[~begun], abs=1e-12)
        shown.add(tuple(begun))
        if mode is AutoresetMode.NEXT_STEP:
            assert (reward[begun] == 0.0).all()
            begun = ended
        elif mode is AutoresetMode.DISABLED and ended.any():
            _, told = vector.reset(options={"reset_mask": ended})
            assert (told["_quality"] == ended).all()
            shown.add(tuple(ended))
    assert len(shown) > 1


def test_decode_gives_physical_values(rest_trace: Callable[..., Trace]) -> None:
    trace = rest_trace(
        [5.0, 65.0], prompt_tokens=[40, 70], snr_db=[-3, 12], score=[0.25, 0.5],
        reported_load=[0.2, 0.4], report_age_s=[1, 2], attachment_bytes=[0, 350_000],
    )  # fmt: skip
    env = EdgeRouteEnv()
    first = decode(env.reset(options={"trace": trace})[0])
    assert list(first) == [feature.name for feature in FEATURES]
    second = decode(env.step(0)[0])
    expected = [
        {"prompt_tokens": 40, "snr_db": -3, "score": 0.25, "edge_load": 0.2, "report_age_s": 1,
         "attachment_bytes": 0, "turn": 1, "context_tokens": 0, "heat": 0, "battery_time_left": 1,
         "demand_per_h": 3600 / (5 + 20)},
        {"prompt_tokens": 70, "snr_db": 12, "score": 0.5, "edge_load": 0.4, "report_age_s": 2,
         "attachment_bytes": 350_000, "turn": 1, "context_tokens": 0, "battery_time_left": 1,
         "demand_per_h": 7200 / (65 + 20)},
    ]  # fmt: skip
    weights = env.scenario.weights
    always = {
        "weight_latency_per_s": weights.latency_per_s,
        "weight_energy_per_j": weights.energy_per_j, "weight_edge_call": weights.edge_call,
        "dialogue_risk": 0, "last_edge_wait_s": 0, "last_edge_age_s": 36_000,
    }  # fmt: skip
    for values, wanted in zip((first, second), expected, strict=True):
        for name, value in {**wanted, **always}.items():
            assert values[name] == pytest.approx(value, rel=1e-6), name
    speed = env.scenario.device.speed
    assert first["device_prefill_s"] == pytest.approx(
        speed.prefill_fixed_s + 40 / speed.prefill_tokens_per_s * 1.02, rel=1e-5
    )  # attention takes 40 of 2,000 tokens' share
    assert second["heat"] > 0.0
    batch = EdgeRouteVectorEnv(4).reset(seed=0)[0]
    many, one = decode(batch), decode(batch[2])
    assert all(many[name].shape == (4,) for name in many)
    assert all(one[name] == many[name][2] for name in many)


@pytest.mark.parametrize("shape", [(), (31,), (33,), (3, 31), (1, 1, 32)])
def test_decode_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"observations: got.*shape.*allowed: \(32,\)"):
        decode(np.zeros(shape))


@pytest.mark.parametrize("name", scenario_names())
def test_the_last_turn_truncates(name: str) -> None:
    env = gym.make(f"EdgeRoute-{name}-v0", overrides={"budgets.battery_j": None})
    turns = env.unwrapped.scenario.workload.turns
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(turns)]
    assert ends == [(False, False)] * (turns - 1) + [(False, True)]


def test_an_empty_battery_terminates() -> None:
    env = EdgeRouteEnv(overrides={"budgets.battery_j": 50})
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        assert decode(observation)["battery_left"] == 1.0
        spent, shown, terminated, turns = 0.0, 1.0, False, 0
        while not terminated:
            assert spent < 50.0
            observation, _, terminated, truncated, info = env.step(0)
            spent += info["energy_j"]
            turns += 1
            left = max(0.0, 1.0 - spent / 50.0)
            # An answer that is under way shows when it has come.
            assert left - 1e-6 <= decode(observation)["battery_left"] <= shown
            shown = decode(observation)["battery_left"]
            assert not truncated
        assert spent >= 50.0
        assert turns < 20


def test_make_takes_a_scenario_in_every_form(tmp_path: Path) -> None:
    loaded = load_scenario("paper", {"workload.turns": 7})
    mapping = loaded.model_dump(mode="json")
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(mapping))
    shown = set()
    for given in (loaded, mapping, path, str(path), "paper"):
        overrides = {"workload.turns": 7} if given == "paper" else None
        for identifier in ("EdgeRoute-v0", IDS[-1]):
            env = gym.make(identifier, scenario=given, overrides=overrides)
            assert isinstance(env.unwrapped.scenario, Scenario)
            assert env.unwrapped.scenario == loaded
            observation, _ = env.reset(seed=1)
            shown.add(observation.tobytes())
            vector = gym.make_vec(identifier, 2, scenario=given, overrides=overrides)
            shown.add(vector.reset(seed=1)[0][0].tobytes())
    assert len(shown) == 1
    changed = gym.make("EdgeRoute-v0", scenario=loaded, overrides={"radio.speed_m_per_s": 0.5})
    assert changed.unwrapped.scenario.radio.speed_m_per_s == 0.5
    assert loaded.radio.speed_m_per_s != 0.5


@pytest.mark.parametrize("name", scenario_names())
def test_each_id_is_its_preset(name: str) -> None:
    assert gym.make(f"EdgeRoute-{name}-v0").unwrapped.scenario == load_scenario(name)
    assert load_scenario(name).name == name
    assert gym.make("EdgeRoute-v0", scenario=name).unwrapped.scenario == load_scenario(name)


def calls(work: Callable[[], object]) -> int:
    """Return how many Python functions are called: a cost that no other program changes."""
    found = 0

    def count(frame: object, event: str, about: object) -> None:
        nonlocal found
        found += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.parametrize("identifier", IDS)
def test_who_makes_an_environment_again_pays_no_parsing(identifier: str) -> None:
    first = gym.make(identifier).unwrapped
    assert gym.make(identifier).unwrapped.scenario is first.scenario
    # 383 for each id, where CartPole-v1 has 113; to read and check a file takes 60,000 and more
    assert calls(lambda: gym.make(identifier)) < 2_000


def test_what_environments_share_no_one_of_them_changes() -> None:
    scenario = load_scenario("paper", {"workload.turns": 12})
    env, other = EdgeRouteEnv(scenario), EdgeRouteEnv(scenario)
    plain = [step[0].tobytes() for step in played(env)]
    run_episodes(make_router("edge"), scenario, trace_source(scenario, None), [1])
    assert [step[0].tobytes() for step in played(other)] == plain
    assert [step[0].tobytes() for step in played(EdgeRouteEnv(scenario))] == plain
    longer = load_scenario("paper", {"workload.turns": 13})
    assert len(played(EdgeRouteEnv(longer))) == 13
    assert load_scenario("paper").workload.turns == 128


def test_a_module_in_the_id_registers_it_in_a_process_that_imports_nothing() -> None:
    code = (
        "import gymnasium as gym\n"
        "env = gym.make('edgeroute_env:EdgeRoute-mmlu-v0')\n"
        "vector = gym.make_vec('edgeroute_env:EdgeRoute-v0', 2)\n"
        "print(env.unwrapped.scenario.name, vector.unwrapped.scenario.name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mmlu", "paper"]

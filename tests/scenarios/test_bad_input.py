"""Bad input gets one error that names the field, its value and what is allowed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, InputError, Trace, load_scenario

NAN, INF = float("nan"), float("inf")
Columns = Callable[..., dict[str, Any]]


def refused(call: Callable[[], Any], *named: str) -> InputError:
    """Return the InputError of a call, after checking that its message names all of `named`."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "allowed" in message
    assert "\n" not in message
    for part in named:
        assert part in message
    return caught.value


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("radio.uplink_hz", -20e6, "from 100 to"),
    ("radio.uplink_hz", 0, "from 100 to"),
    ("radio.uplink_hz", NAN, "number"),
    ("radio.downlink_hz", INF, "number"),
    ("radio.uplink_hz", "fast", "number"),
    ("radio.uplink_hz", None, "number"),
    ("radio.environment", "moon", "'umi'"),
    ("radio.distance_max_m", 1.0, "distance_min_m"),
    ("radio.colour", "red", "uplink_hz"),
    ("radio.uplink_hz.x", 5, "field"),
    ("colour", "red", "workload"),
    ("radio", 5, "dictionary"),
    ("device.count", 0, "1"),
    ("device.count", 2.5, "whole number"),
    ("device.heat.throttle_depth", 1.0, "0.999"),
    ("device.model", "gpt-9", "qwen2.5-1.5b"),
    ("edge.gpu", "tpu", "a100-80g"),
    ("edge.gpu.mfu", 0.5, "mapping"),
    ("edge.tensor_parallel", 1, "qwen2.5-72b"),
    ("edge.stateless_api", "perhaps", "boolean"),
    ("edge.background.utilisation", 0.99, "0.98"),
    ("workload.turns", 0, "1"),
    ("workload.mix", [], "1"),
    ("workload.mix.0.share", -0.1, "from 1e-06"),
    ("workload.mix.0.colour", "red", "benchmark"),
    ("workload.mix.7.share", 0.1, "index"),
    ("workload.mix.0.benchmark", "trivia", "mmlu-qwen1.5b-qwen72b"),
    ("workload.score_auc", 0.4, "0.5"),
    ("budgets.battery_j", 0, "from 1e-06"),
    ("objective.kind", "best", "'ttft'"),
    ("objective.deadline_s", 4.0, "deadline"),
    ("weights.quality", -1, "from 0 to"),
    ("name", "No Spaces", "pattern"),
]


@pytest.mark.parametrize(("field", "value", "allowed"), BAD_FIELDS)
def test_a_bad_scenario_field_is_named(field: str, value: Any, allowed: str) -> None:
    error = refused(lambda: load_scenario("paper", {field: value}), field, allowed)
    assert str(value) in str(error) or field == "workload.mix.7.share"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.field, copy.allowed) == (str(error), error.field, error.allowed)
    refused(lambda: gym.make("EdgeRoute-v0", overrides={field: value}), field)
    refused(lambda: EdgeRouteVectorEnv(2, overrides={field: value}), field)


def test_overrides_leave_the_given_mapping_alone() -> None:
    mapping = load_scenario("paper").model_dump()
    before = repr(mapping)
    load_scenario(mapping, {"radio.uplink_hz": 1e6, "workload.mix.0.share": 0.9})
    refused(lambda: load_scenario(mapping, {"workload.mix.0.share": -1}), "workload.mix.0.share")
    assert repr(mapping) == before
    del mapping["radio"]["uplink_hz"]
    refused(lambda: load_scenario(mapping), "radio.uplink_hz", "required")


def test_an_unknown_preset_is_told_the_known_ones() -> None:
    refused(lambda: load_scenario("atlantis"), "scenario", "'atlantis'", "paper", ".yaml")
    refused(lambda: gym.make("EdgeRoute-v0", scenario="atlantis"), "'atlantis'", "paper")


@pytest.mark.parametrize("scenario", [5, None, [1]])
def test_a_scenario_of_another_type_is_refused(scenario: Any) -> None:
    refused(lambda: load_scenario(scenario), "scenario", repr(scenario))


@pytest.mark.parametrize(
    "text", [b"a: [1\nb: {", b"- 1", b"", b"\xff\xfe\x00", b"a: !!python/object:os.system 1"]
)
def test_an_unreadable_scenario_file_is_named(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(text)
    refused(lambda: load_scenario(path), "own.yaml", "YAML")
    refused(lambda: load_scenario(tmp_path / "absent.yaml"), "absent.yaml", "readable")


BAD_COLUMNS: list[tuple[str, list[Any], str, str]] = [
    ("score", [0.1, NAN, 0.2], "row 1", "nan"),
    ("arrival_s", [0.0, 1.0, INF], "row 2", "inf"),
    ("arrival_s", [0.0, 2.0, 1.0], "row 2", "1.0"),
    ("arrival_s", [-1.0, 2.0, 3.0], "row 0", "-1.0"),
    ("snr_db", [0.0, 31.0, 0.0], "row 1", "31.0"),
    ("prompt_tokens", [0, 1, 1], "row 0", "0"),
    ("quality_edge", [0.0, 1.5, 0.0], "row 1", "1.5"),
    ("edge_load", [0.0, 0.0, 1.0], "row 2", "1.0"),
    ("edge_wait_s", [0.0, 0.0, 1e300], "row 2", "1e+300"),  # beyond the column's float32
    ("turn", [1, 1.5, 1], "row 1", "1.5"),
    ("device", [0, 0, 0.5], "row 2", "0.5"),
    ("last_turn", [2, 1, 1], "row 0", "2"),
    ("turn", [2, 1, 1], "row 0", "2"),
    ("turn", [1, 2, 1], "row 1", "2"),  # the dialogue before it has ended
    ("score", [0.1, 0.2], "score", "shape (2,)"),
    ("score", [[0.1, 0.2, 0.3]], "score", "shape (1, 3)"),
    ("score", ["a", "b", "c"], "score", "numbers"),
    ("score", [None, 0.1, 0.2], "score", "numbers"),
]


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(("name", "values", "place", "value"), BAD_COLUMNS)
def test_a_bad_trace_column_is_named(
    rest_columns: Columns, name: str, values: list[Any], place: str, value: str
) -> None:
    columns = {**rest_columns([0.0, 1.0, 2.0]), name: values}
    refused(lambda: Trace(columns, "own.csv"), "own.csv", name, place, value)


def test_a_trace_has_exactly_the_declared_columns(rest_columns: Columns) -> None:
    columns = rest_columns([0.0, 1.0])
    for name in columns:
        rest = {key: value for key, value in columns.items() if key != name}
        refused(lambda rest=rest: Trace(rest), name)
    refused(lambda: Trace({**columns, "mood": [1, 2]}), "'mood'", "snr_db")
    refused(lambda: Trace(rest_columns([])), "turns", "at least one")
    refused(lambda: Trace(columns)["mood"], "'mood'", "snr_db")


def test_a_dialogue_may_not_skip_a_turn(rest_columns: Columns) -> None:
    going_on = {"last_turn": False}
    refused(lambda: Trace(rest_columns([0, 1, 2], turn=[1, 2, 4], **going_on)), "row 2", "4")
    refused(lambda: Trace(rest_columns([0, 1, 2], turn=[1, 2, 2], **going_on)), "row 2", "2")
    both = rest_columns([0, 1, 2, 3], turn=[1, 1, 2, 2], device=[0, 1, 0, 1], **going_on)
    assert len(Trace(both)) == 4
    refused(lambda: Trace({**both, "device": np.array([0, 1, 1, 1])}), "row 3", "2")


def test_a_trace_must_fit_the_scenario(rest_columns: Columns) -> None:
    second_phone, fourth, second_user = (
        Trace(rest_columns([0.0, 1.0], **{name: values})) for name, values in
        (("device", [0, 1]), ("benchmark", [0, 3]), ("user", [1, 1]))
    )  # fmt: skip
    refused(lambda: Trace(rest_columns([0.0, 1.0], user=[0, 1])), "user, row 1", "got 1", "0, the")
    env = EdgeRouteEnv()
    refused(lambda: env.reset(options={"trace": second_phone}), "device, row 1", "got 1", "0 to 0")
    refused(lambda: EdgeRouteEnv(traces=second_phone), "device, row 1")
    refused(lambda: EdgeRouteVectorEnv(2, traces=[fourth]), "benchmark, row 1", "0 to 2")
    refused(lambda: env.reset(options={"trace": second_user}), "user, row 0", "got 1", "0 to 0")
    EdgeRouteEnv(traces=second_phone, overrides={"device.count": 2}).reset(seed=0)


@pytest.mark.parametrize("traces", [[], [1], 5, "absent.csv", "notes.txt"])
def test_traces_of_another_kind_are_refused(traces: Any) -> None:
    refused(lambda: EdgeRouteEnv(traces=traces), str(traces))
    env = EdgeRouteEnv()
    refused(lambda: env.reset(options={"trace": traces}), str(traces))


NOT_ACTIONS = [2, -1, 0.5, NAN, None, "1", [0], {}, np.array([0, 1]), np.array([1]), np.array([])]


@pytest.mark.parametrize("action", NOT_ACTIONS, ids=repr)
def test_a_refused_scalar_action_changes_nothing(action: Any) -> None:
    env, twin = EdgeRouteEnv(), EdgeRouteEnv()
    for each in (env, twin):
        each.reset(seed=1)
        each.step(0)
    with pytest.raises(InvalidAction, match=r"action: got .*allowed: 0 .*1 "):
        env.step(action)
    ours, theirs = env.step(1), twin.step(1)
    assert ours[0].tobytes() == theirs[0].tobytes()
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize(
    ("actions", "named"),
    [
        ([0, 2, 0], r"actions\[1\]: got .*2"), ([0, 0, -1], r"actions\[2\]: got .*-1"),
        ([0.5, 0, 0], r"0\.5"), ([0, NAN, 0], "nan"), ([0, 1], r"shape \(2,\).*\(3,\)"),
        (1, r"shape \(\).*\(3,\)"), ([[0, 1, 0]], r"shape \(1, 3\).*\(3,\)"),
        (["0", "1", "0"], "actions"), ([None, 0, 0], "None"), ([[0], [0, 1], 0], "actions"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_refused_vector_action_changes_nothing(
    mode: AutoresetMode, actions: Any, named: str
) -> None:
    env, twin = (EdgeRouteVectorEnv(3, autoreset_mode=mode) for _ in range(2))
    for each in (env, twin):
        each.reset(seed=1)
        each.step(np.array([0, 1, 0]))
    with pytest.raises(InvalidAction, match=named):
        env.step(actions)
    ours, theirs = env.step(np.array([1, 1, 0])), twin.step(np.array([1, 1, 0]))
    for mine, yours in zip(ours[:4], theirs[:4], strict=True):
        assert mine.tobytes() == yours.tobytes()


def test_scalar_steps_only_within_an_episode() -> None:
    env = EdgeRouteEnv(overrides={"workload.turns": 2})
    for _ in range(2):
        with pytest.raises(ResetNeeded, match=r"reset\(\)"):
            env.step(0)
    env.reset(seed=0)
    env.step(0)
    assert env.step(0)[3]
    for _ in range(2):
        with pytest.raises(ResetNeeded, match=r"reset\(\)"):
            env.step(0)
    env.reset()
    env.step(0)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_vector_steps_only_after_a_reset(mode: AutoresetMode) -> None:
    env = EdgeRouteVectorEnv(2, overrides={"workload.turns": 2}, autoreset_mode=mode)
    go = np.zeros(2, np.int64)
    with pytest.raises(ResetNeeded, match=r"reset\(\)"):
        env.step(go)
    env.reset(seed=0)
    env.step(go)
    assert env.step(go)[3].all()
    if mode is AutoresetMode.DISABLED:
        with pytest.raises(ResetNeeded, match=r"reset\(\)"):
            env.step(go)
        env.reset(options={"reset_mask": np.array([True, False])})
        with pytest.raises(ResetNeeded, match=r"reset\(\)"):
            env.step(go)
        env.reset(options={"reset_mask": np.array([False, True])})
    env.step(go)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_an_env_that_has_never_been_reset_is_not_stepped(mode: AutoresetMode) -> None:
    env = EdgeRouteVectorEnv(3, autoreset_mode=mode)

    def reset_one_and_step_all() -> None:
        env.reset(seed=0, options={"reset_mask": np.array([True, False, False])})
        env.step(np.zeros(3, np.int64))

    with pytest.raises((InputError, ResetNeeded)):
        reset_one_and_step_all()


@pytest.mark.parametrize("seed", [[1], [1, 2, 3], []])
def test_seeds_of_the_wrong_number_change_nothing(seed: list[int]) -> None:
    env, twin = EdgeRouteVectorEnv(2), EdgeRouteVectorEnv(2)
    env.reset(seed=1)
    twin.reset(seed=1)
    refused(lambda: env.reset(seed=seed), "seed", str(len(seed)), "2")
    assert env.reset()[0].tobytes() == twin.reset()[0].tobytes()


@pytest.mark.parametrize(
    "mask", [[True], np.zeros(2, bool), np.array([0, 1]), np.ones((1, 2), bool), None, "all"]
)
def test_a_bad_reset_mask_changes_nothing(mask: Any) -> None:
    env, twin = (EdgeRouteVectorEnv(2, autoreset_mode="Disabled") for _ in range(2))
    env.reset(seed=1)
    twin.reset(seed=1)
    refused(lambda: env.reset(seed=9, options={"reset_mask": mask}), "reset_mask", "shape (2,)")
    go = np.zeros(2, np.int64)
    assert env.step(go)[0].tobytes() == twin.step(go)[0].tobytes()
    assert env.reset()[0].tobytes() == twin.reset()[0].tobytes()


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True, None])
def test_a_vector_has_at_least_one_env(number: Any) -> None:
    refused(lambda: EdgeRouteVectorEnv(number), "num_envs", repr(number), "from 1")

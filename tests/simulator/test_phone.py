"""The phone's model: what it holds, and what its tokens cost in time and energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, Trace, load_scenario

DEVICE, EDGE = 0, 1
MakeTrace = Callable[..., Trace]
STEADY = {"device.kv_bandwidth_bytes_per_s": 1e21, "device.background_probability": 0.0}
PLAIN = {"name": "plain", "prefill_tokens_per_s": 1342, "decode_tokens_per_s": 23.5}
HELD = int(load_scenario("paper").device.speed.context_tokens or 0)


def served(
    trace: Trace, actions: Sequence[int], overrides: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    env = EdgeRouteEnv("paper", {**STEADY, **(overrides or {})})
    env.reset(options={"trace": trace})
    return [env.step(action)[4] for action in actions]


def test_a_cold_phone_pays_its_joules_a_token(rest_trace: MakeTrace) -> None:
    phone = load_scenario("paper").device
    linear = {"device.speed": {**PLAIN, "context_tokens": HELD}}
    (info,) = served(rest_trace([0.0]), [DEVICE], linear)
    joules = 50 * phone.energy.prefill_j_per_token + 100 * phone.energy.decode_j_per_token
    assert info["energy_j"] == pytest.approx(joules, rel=1e-6)


def test_heat_costs_energy(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0, 200.0], answer_tokens_device=[4000, 100])
    cold = served(trace, [EDGE, DEVICE], {"device.speed": PLAIN})[1]
    hot = served(trace, [DEVICE, DEVICE], {"device.speed": PLAIN})[1]
    slower = hot["latency_decode_s"] / cold["latency_decode_s"]
    assert slower > 1.5
    assert hot["energy_j"] / cold["energy_j"] == pytest.approx(slower, rel=1e-6)


def test_a_prefill_is_slower_a_token_when_it_is_long(rest_trace: MakeTrace) -> None:
    npu = {"device.speed": "snapdragon-8-elite/qwen2.5-1.5b"}
    short, long = (
        served(rest_trace([0.0], prompt_tokens=n), [DEVICE], npu)[0]["latency_prefill_s"]
        for n in (500, 2000)
    )
    assert short > 500 / 1342 + 0.025
    assert long > 2 * 2000 / 1342


def test_what_the_phone_does_not_hold_goes_to_the_edge(rest_trace: MakeTrace) -> None:
    for prompt, held in ((HELD - 100, True), (HELD - 99, False)):  # 100 tokens of answer
        trace = rest_trace([0.0], prompt_tokens=prompt)
        (asked,), (sent,) = served(trace, [DEVICE]), served(trace, [EDGE])
        assert asked["edge_call"] == (0.0 if held else 1.0)
        assert sent["edge_call"] == 1.0
        if not held:
            assert asked["latency_s"] == sent["latency_s"]
            assert asked["quality"] == sent["quality"]


def test_a_dialogue_outgrows_the_phone(dialogue: MakeTrace) -> None:
    infos = served(dialogue(3, prompt_tokens=HELD // 3), [DEVICE] * 3)
    assert [info["edge_call"] for info in infos] == [0.0, 0.0, 1.0]


def test_what_neither_side_takes_fails(rest_trace: MakeTrace) -> None:
    quota = {"budgets.edge_calls": 1, "budgets.window_s": 1e6}
    trace = rest_trace(np.array([0.0, 500.0]), prompt_tokens=HELD)
    first, second = served(trace, [EDGE, DEVICE], quota)
    assert (first["failed"], first["quality"]) == (0.0, 0.75)
    assert (second["failed"], second["refused"], second["quality"]) == (1.0, 1.0, 0.0)
    assert second["latency_s"] > 0.0


def test_a_phone_without_a_stated_limit_holds_anything(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0], prompt_tokens=100_000)
    (info,) = served(trace, [DEVICE], {"device.speed": PLAIN})
    assert info["edge_call"] == 0.0

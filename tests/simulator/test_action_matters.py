"""What an action changes: queues, heat, budgets, caches and, in the end, the return."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, Trace, decode

DEVICE, EDGE = 0, 1
MakeTrace = Callable[..., Trace]
SLOW_PHONE = {
    "device.speed": {"name": "plain", "prefill_tokens_per_s": 1342, "decode_tokens_per_s": 23.5},
    "device.heat": {
        "throttle_start": 0.35,
        "throttle_width": 0.2,
        "throttle_depth": 0.44,
        "heating_s": 100,
        "cooling_s": 150,
    },
}


def routed(
    trace: Trace, actions: Sequence[int], overrides: dict[str, Any] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what the router saw before each action and what each turn reported."""
    env = EdgeRouteEnv(overrides={"device.scoring_s": 0.0, **(overrides or {})})
    seen = [decode(env.reset(options={"trace": trace})[0])]
    infos = []
    for action in actions:
        observation, reward, *_, info = env.step(action)
        seen.append(decode(observation))
        infos.append({**info, "reward": reward})
    return seen, infos


def test_only_device_work_fills_the_device_queue(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0, 1.0, 2.0])
    seen, (first, second, third) = routed(trace, [DEVICE, DEVICE, DEVICE])
    assert first["latency_queue_s"] == 0.0
    assert second["latency_queue_s"] == pytest.approx(first["latency_s"] - 1.0)
    assert third["latency_queue_s"] == pytest.approx(second["latency_s"] - 1.0)
    assert seen[1]["device_wait_s"] == pytest.approx(second["latency_queue_s"], rel=1e-6)
    assert seen[2]["device_wait_s"] == pytest.approx(third["latency_queue_s"], rel=1e-6)
    seen, infos = routed(trace, [EDGE, EDGE, DEVICE])
    assert [info["latency_queue_s"] for info in infos] == [0.0, 0.0, 0.0]
    assert seen[1]["device_wait_s"] == seen[2]["device_wait_s"] == 0.0


def test_phones_share_the_edge_and_nothing_else(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0, 0.5], device=[0, 1])
    overrides = {"device.count": 2, "edge.max_sequences": 1}
    for first, second in itertools.product((DEVICE, EDGE), repeat=2):
        _, infos = routed(trace, [first, second], overrides)
        assert (infos[1]["latency_queue_s"] > 0.0) == (first == second == EDGE)
    _, infos = routed(trace, [EDGE, EDGE], {**overrides, "edge.max_sequences": 2})
    assert infos[1]["latency_queue_s"] == 0.0
    assert infos[1]["latency_decode_s"] > infos[0]["latency_decode_s"]  # both share the batch


def test_device_work_heats_the_phone_and_slows_it(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0, 200.0, 201.0], answer_tokens_device=[4000, 100, 100])
    cold_seen, cold = routed(trace, [EDGE, DEVICE], SLOW_PHONE)
    hot_seen, hot = routed(trace, [DEVICE, DEVICE], SLOW_PHONE)
    assert cold_seen[1]["heat"] == 0.0
    assert cold_seen[2]["heat"] == pytest.approx(1.0 - math.exp(-1.0 / 100.0), rel=1e-3)
    busy_s = hot[0]["latency_s"]
    heat = (1.0 - math.exp(-busy_s / 100.0)) * math.exp(-(200.0 - busy_s) / 150.0)
    assert hot_seen[1]["heat"] == pytest.approx(heat, rel=1e-6)
    assert heat > 0.55  # fully throttled
    assert hot[1]["latency_decode_s"] == pytest.approx(cold[1]["latency_decode_s"] / 0.56, rel=1e-5)
    late = rest_trace([0.0, 3000.0, 3001.0], answer_tokens_device=[4000, 100, 100])
    rested_seen, rested = routed(late, [DEVICE, DEVICE], SLOW_PHONE)
    assert rested[1]["latency_decode_s"] == pytest.approx(cold[1]["latency_decode_s"], rel=1e-5)
    assert rested_seen[2]["heat"] == pytest.approx(cold_seen[2]["heat"], abs=1e-5)


def test_each_side_is_slowed_by_its_own_load_only(rest_trace: MakeTrace) -> None:
    quiet, busy = rest_trace([0.0]), rest_trace([0.0], device_background=1.0)
    loaded = rest_trace([0.0], edge_load=0.8)
    (device,), (edge,) = routed(quiet, [DEVICE])[1], routed(quiet, [EDGE])[1]
    assert routed(busy, [EDGE])[1] == [edge]
    assert routed(loaded, [DEVICE])[1] == [device]
    shared = routed(busy, [DEVICE])[1][0]
    assert shared["latency_decode_s"] == pytest.approx(device["latency_decode_s"] / 0.4)
    slower = routed(loaded, [EDGE])[1][0]
    left = 1 - 0.45 * 0.8
    assert slower["latency_prefill_s"] == pytest.approx(edge["latency_prefill_s"] / left, rel=1e-6)
    assert slower["latency_decode_s"] > edge["latency_decode_s"] / left


def test_the_battery_falls_by_the_energy_of_each_route(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0, 1000.0, 2000.0, 3000.0])
    joules = {
        "device.energy.prefill_j_per_token": 0.004,
        "device.energy.decode_j_per_token": 0.28,
        "device.energy.tail_s": 10.6,
        "device.energy.tail_w": 0.5,
    }
    budget = {"budgets.battery_j": 1000}
    seen, infos = routed(trace, [DEVICE, EDGE, DEVICE], {**SLOW_PHONE, **joules, **budget})
    spent = np.cumsum([0.0, *(info["energy_j"] for info in infos)])
    left = [each["battery_left"] for each in seen]
    assert left == pytest.approx(list(1.0 - spent / 1000.0), abs=1e-6)
    watts = 0.004 * 1342, 0.28 * 23.5  # joules a token at the cold speeds
    energy_j = np.dot([infos[0]["latency_prefill_s"], infos[0]["latency_decode_s"]], watts)
    assert infos[0]["energy_j"] == pytest.approx(energy_j)
    held_s = infos[1]["latency_s"] - infos[1]["latency_radio_s"] + 10.6
    assert infos[1]["energy_j"] == pytest.approx(0.5 * held_s, rel=0.02)


def test_the_radio_is_held_from_the_end_of_the_upload(rest_trace: MakeTrace) -> None:
    def turn(overrides: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
        return routed(rest_trace([0.0], **changed), [EDGE], overrides)[1][0]

    plain = turn()
    for later in ({"rtt_s": 5.02}, {"edge_wait_s": 5.0}):  # the answer comes five seconds later
        changed = turn(**later)
        assert changed["latency_s"] == pytest.approx(plain["latency_s"] + 5.0, abs=1e-6)
        assert changed["energy_j"] == pytest.approx(plain["energy_j"] + 0.5 * 5.0, abs=1e-6)
    out = turn(snr_db=-15, outage_s=5)  # before the upload
    assert out["energy_j"] == pytest.approx(turn(snr_db=-15)["energy_j"], abs=1e-6)
    receiving = turn({"device.energy.receive_w": 2.0})
    download_s = plain["latency_radio_s"] - plain["radio_ttft_s"]
    assert receiving["energy_j"] == pytest.approx(plain["energy_j"] + 2.0 * download_s)
    assert download_s > 0.0


def test_only_edge_calls_use_the_quota_until_the_next_window(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0, 100.0, 200.0, 300.0, 3700.0])
    overrides = {"budgets.edge_calls": 2, "budgets.window_s": 3600}
    seen, infos = routed(trace, [EDGE, DEVICE, EDGE, EDGE, EDGE], overrides)
    assert [each["quota_left"] for each in seen] == [1.0, 0.5, 0.5, 0.0, 1.0, 0.5]
    left_s = [3600, 3500, 3400, 3300, 3500]
    shares = [each["quota_time_left"] for each in seen[:5]]
    assert shares == pytest.approx([s / 3600 for s in left_s], abs=1e-6)
    assert [info["refused"] for info in infos] == [0, 0, 0, 1, 0]
    assert [info["edge_call"] for info in infos] == [1, 0, 1, 0, 1]
    refused, phone = infos[3], infos[1]
    assert refused["quality"] == phone["quality"] == 0.5
    assert refused["latency_decode_s"] == pytest.approx(phone["latency_decode_s"], rel=1e-6)
    assert refused["latency_radio_s"] > 0.0
    assert refused["reward_edge_call"] == 0.0
    assert refused["latency_s"] == pytest.approx(
        refused["latency_radio_s"]
        + refused["latency_switch_s"]
        + refused["latency_prefill_s"]
        + refused["latency_decode_s"]
    )


@pytest.mark.parametrize("seed", range(20))
def test_caches_and_context_follow_the_routes(dialogue: MakeTrace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    turns = 12
    prompt, small, large = rng.integers(1, 150, (3, turns))
    lost_device, lost_edge = rng.random((2, turns)) < 0.15
    trace = dialogue(
        turns, prompt_tokens=prompt, answer_tokens_device=small, answer_tokens_edge=large,
        device_evicted=lost_device, edge_evicted=lost_edge,
    )  # fmt: skip
    actions = rng.integers(0, 2, turns)
    seen, infos = routed(trace, actions)
    context, cached, told, last = 0, [0, 0], 0, None
    for k, action in enumerate(actions):
        cached[DEVICE] *= not lost_device[k]
        cached[EDGE] *= not lost_edge[k]
        assert seen[k]["context_tokens"] == pytest.approx(context, rel=1e-6)
        # What the server has dropped, no answer has told yet.
        known = (cached[DEVICE], told)
        shares = [each / context if context else 1.0 for each in known]
        assert [seen[k]["device_cached"], seen[k]["edge_cached"]] == pytest.approx(shares)
        assert infos[k]["recomputed_tokens"] == context - cached[action]
        assert infos[k]["switched"] == float(last is not None and last != action)
        assert (infos[k]["latency_switch_s"] > 0.0) == (infos[k]["switched"] == 1.0)
        context += prompt[k] + (small, large)[action][k]
        cached[action] = context if action == DEVICE else context // 16 * 16
        told = cached[EDGE] if action == EDGE else told
        last = action


def test_staying_keeps_the_cache_and_switching_pays_for_it(dialogue: MakeTrace) -> None:
    trace = dialogue(3, prompt_tokens=1200)
    for home, away in ((DEVICE, EDGE), (EDGE, DEVICE)):
        _, stayed = routed(trace, [home, home, home])
        _, switched = routed(trace, [away, away, home])
        assert stayed[2]["recomputed_tokens"] < 16
        assert switched[2]["recomputed_tokens"] == 2600
        assert switched[2]["latency_prefill_s"] > 2.0 * stayed[2]["latency_prefill_s"]
    ended = dialogue(4, turn=[1, 2, 1, 2], last_turn=[False, True, False, True])
    seen, infos = routed(ended, [DEVICE, DEVICE, EDGE, DEVICE])
    assert [each["context_tokens"] for each in seen[:4]] == pytest.approx([0, 150, 0, 150])
    assert [info["switched"] for info in infos] == [0, 0, 0, 1]
    assert [info["recomputed_tokens"] for info in infos] == [0, 0, 0, 150]


def test_a_long_outage_fails_the_edge_turn_only(dialogue: MakeTrace) -> None:
    trace = dialogue(3, snr_db=[20, -15, 20], outage_s=[0, 60, 0])
    overrides = {"budgets.edge_calls": 10}
    seen, infos = routed(trace, [EDGE, EDGE, EDGE], overrides)
    failed = infos[1]
    assert [info["failed"] for info in infos] == [0, 1, 0]
    assert (failed["quality"], failed["edge_call"]) == (0.0, 0.0)
    assert failed["latency_s"] == failed["latency_radio_s"] == 10.0
    assert failed["reward_failure"] == -0.5
    assert seen[2]["context_tokens"] == seen[1]["context_tokens"] == pytest.approx(150)
    assert seen[2]["quota_left"] == pytest.approx(0.9)
    _, infos = routed(trace, [EDGE, DEVICE, EDGE], overrides)
    assert [info["failed"] for info in infos] == [0, 0, 0]
    assert infos[1]["quality"] == 0.5
    short, up = dialogue(1, snr_db=-15, outage_s=3), dialogue(1, snr_db=-15)
    delayed, prompt = routed(short, [EDGE])[1][0], routed(up, [EDGE])[1][0]
    assert delayed["latency_radio_s"] == pytest.approx(prompt["latency_radio_s"] + 3.0)
    assert delayed["quality"] == 0.75


def test_a_stateless_call_carries_the_history(dialogue: MakeTrace) -> None:
    plain, attached = dialogue(2), dialogue(2, attachment_bytes=[0, 150 * 4])
    keep = {"edge.stateless_api": False}
    for first in (DEVICE, EDGE):
        _, resent = routed(plain, [first, EDGE])
        _, kept = routed(plain, [first, EDGE], keep)
        _, same = routed(attached, [first, EDGE], keep)
        assert resent[0]["latency_radio_s"] == kept[0]["latency_radio_s"]
        assert resent[1]["latency_radio_s"] > kept[1]["latency_radio_s"]
        assert resent[1]["latency_radio_s"] == pytest.approx(same[1]["latency_radio_s"], rel=1e-12)


@pytest.mark.parametrize("actions", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_follow_up_waits_for_the_answer_before_it(
    dialogue: MakeTrace, rest_trace: MakeTrace, actions: tuple[int, int]
) -> None:
    follow_up = dialogue(2, gap_s=0.5, rtt_s=0.08)
    seen, infos = routed(follow_up, actions, {"radio.outage_share": 0.0})
    held_s = infos[0]["latency_s"] - 0.5
    assert infos[1]["latency_queue_s"] == pytest.approx(held_s)
    assert seen[1]["device_wait_s"] == pytest.approx(held_s, rel=1e-6)
    assert seen[1]["edge_wait_s"] == pytest.approx(held_s, rel=1e-6)
    _, infos = routed(rest_trace([0.0, 0.5]), actions)  # a new question does not
    assert (infos[1]["latency_queue_s"] > 0.0) == (actions == (DEVICE, DEVICE))


def test_estimates_come_true_where_nothing_is_hidden(dialogue: MakeTrace) -> None:
    trace = dialogue(6, gap_s=5000.0, rtt_s=0.08, prompt_tokens=400)
    certain = {"radio.outage_share": 0.0}
    seen, infos = routed(trace, [DEVICE, EDGE, DEVICE, DEVICE, EDGE, EDGE], certain)
    for before, info in zip(seen, infos, strict=False):
        side = "edge" if info["edge_call"] else "device"
        recomputing = info["latency_switch_s"] + info["latency_prefill_s"]
        expected = before[f"{side}_switch_s"] + before[f"{side}_prefill_s"]
        assert recomputing == pytest.approx(expected, rel=1e-5)
        assert info["latency_decode_s"] == pytest.approx(before[f"{side}_decode_s"], rel=1e-5)
        assert info["latency_queue_s"] == before[f"{side}_wait_s"] == 0.0
        if info["edge_call"]:
            assert info["latency_radio_s"] == pytest.approx(before["edge_radio_s"], rel=1e-5)
            before_decode_s = info["latency_s"] - info["latency_decode_s"]
            assert before_decode_s > info["ttft_s"]  # less the download
        else:
            assert info["ttft_s"] == pytest.approx(info["latency_s"] - info["latency_decode_s"])


def test_objectives_pay_as_documented(dialogue: MakeTrace) -> None:
    trace = dialogue(3, quality_device=[0.5, 0.25, 1.0], quality_edge=[0.75, 1.0, 0.5])
    actions = [DEVICE, EDGE, EDGE]

    def paid(**objective: Any) -> tuple[list[float], list[dict[str, Any]]]:
        overrides = {f"objective.{k}": v for k, v in objective.items()}
        infos = routed(trace, actions, {"weights.latency_per_s": 0.04, **overrides})[1]
        return [info["reward_quality"] for info in infos], infos

    quality, infos = paid(kind="sum")
    assert quality == [0.5, 1.0, 0.5]
    for info in infos:
        assert info["reward_latency"] == pytest.approx(-0.04 * info["latency_s"])
    assert paid(quality="expected")[0] == pytest.approx([0.4, 0.9, 0.9])
    assert paid(kind="dialogue-min")[0] == [0.0, 0.0, 0.5]
    assert paid(kind="dialogue-min", quality="expected")[0] == pytest.approx([0, 0, 0.4])
    quality, infos = paid(kind="ttft")
    assert quality == [0.5, 1.0, 0.5]
    for info in infos:
        assert info["reward_latency"] == pytest.approx(-0.04 * info["ttft_s"])
    between = (infos[0]["latency_s"] + infos[1]["latency_s"]) / 2
    late = [info["latency_s"] > between for info in infos]
    assert set(late) == {True, False}
    expected = [0.0 if is_late else q for is_late, q in zip(late, quality, strict=True)]
    assert paid(kind="deadline", deadline_s=between)[0] == expected


def returns(threshold: float, first_seed: int, episodes: int) -> np.ndarray:
    env = EdgeRouteVectorEnv(episodes, autoreset_mode="Disabled")
    observation, _ = env.reset(seed=first_seed)
    total = np.zeros(episodes)
    for _ in range(env.scenario.workload.turns):
        observation, reward, *_ = env.step((observation[:, 0] > threshold).astype(np.int64))
        total += reward
    return total


def test_no_constant_action_is_best_on_paper() -> None:
    grid = np.linspace(0.1, 0.9, 17)
    best = max(grid, key=lambda threshold: returns(threshold, 0, 128).mean())
    chosen = returns(best, 10_000, 1024)
    for constant in (-1.0, 2.0):  # always the edge, always the device
        gain = chosen - returns(constant, 10_000, 1024)
        half_width = 3.3 * gain.std(ddof=1) / math.sqrt(gain.size)
        assert gain.mean() - half_width > 0.0

"""The preset `cr2` is CR2's system model: its Table I, its rates, energies and relative cost.

The expected values are worked out here from the published equations (arXiv 2605.12001).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from edgeroute_env import EdgeRouteEnv, Trace, load_scenario
from edgeroute_env.physics import radio
from tests.helpers.evaluated import DEVICE, EDGE, always, coins, column, routed

# Table I: bits a token, Hz, W, s, J.
TOKEN_BITS, UPLINK_HZ, DOWNLINK_HZ = 32, 10e6, 40e6
SENDING_W, RECEIVING_W, IDLE_W, LOCAL_W, SERVER_W = 1.20, 0.90, 0.05, 15.0, 200.0
RADIATED_W, NOISE_DBM_PER_HZ = 0.5, -174.0
RTT_S, T0_S, E0_J = 0.018, 1.118617, 223.752
PRICE = 0.4  # ours
MakeTrace = Callable[..., Trace]


def snr_at(distance_m: float, power: float = 1.0) -> float:
    """Return p g / (B N0) in dB, with g = K0 |z|^2 d^-4 and K0 = -43.3 dB."""
    noise_w = 10.0 ** (NOISE_DBM_PER_HZ / 10.0) * 1e-3 * UPLINK_HZ
    gain = 10.0**-4.33 * power * distance_m**-4.0
    return 10.0 * math.log10(RADIATED_W * gain / noise_w)


def questions(make: MakeTrace, turns: int = 12) -> Trace:
    """Return questions far apart, as CR2's: each at its own place and fading."""
    rng = np.random.default_rng(3)
    places = zip(rng.uniform(30, 150, turns), rng.exponential(1.0, turns), strict=True)
    return make(
        1000.0 * np.arange(turns),
        prompt_tokens=rng.integers(20, 400, turns),
        answer_tokens_device=rng.integers(20, 400, turns),
        answer_tokens_edge=rng.integers(20, 400, turns),
        snr_db=np.clip([snr_at(*place) for place in places], -20.0, 30.0),  # what a trace holds
        rtt_s=RTT_S,
        quality_device=rng.integers(0, 2, turns),
        quality_edge=rng.integers(0, 2, turns),
    )


def on_both_sides(make: MakeTrace) -> tuple[Trace, list[dict[str, Any]], list[dict[str, Any]]]:
    env, trace = EdgeRouteEnv("cr2"), questions(make)
    device, edge = (
        routed(env, always(side), options={"trace": trace})[1] for side in (DEVICE, EDGE)
    )
    return trace, device, edge


def test_the_preset_holds_table_i() -> None:
    scenario = load_scenario("cr2")
    link, energy, edge = scenario.radio, scenario.device.energy, scenario.edge
    assert link.bytes_per_token * 8 == TOKEN_BITS
    assert (link.uplink_hz, link.downlink_hz) == (UPLINK_HZ, DOWNLINK_HZ)
    assert (link.rtt_floor_s, link.rtt_excess_mean_s) == (RTT_S, 0.0)
    assert (link.carrier_ghz, link.environment) == (3.5, "log-distance")
    assert (link.path_loss.at_1m_db, link.path_loss.exponent) == (43.3, 4.0)
    assert (link.distance_min_m, link.distance_max_m, link.spread) == (30.0, 150.0, "line")
    assert (link.rate, link.fading, link.block_error_rate) == ("shannon", "per-turn", 0.0)
    assert 10.0 ** (link.transmit_dbm / 10.0) / 1e3 == pytest.approx(RADIATED_W, rel=1e-5)
    assert radio.noise_dbm(1.0, link.noise_figure_db) == NOISE_DBM_PER_HZ
    assert (link.antenna_gain_db, link.interference_margin_db, link.request_bytes) == (0, 0, 0)
    # 2.0 W over the downlink's 40 MHz are 0.5 W over the uplink's 10: one SNR for both.
    assert pytest.approx(2.0 / RADIATED_W) == link.downlink_hz / link.uplink_hz
    assert (energy.transmit_base_w, energy.tail_w, energy.tail_s) == (SENDING_W, IDLE_W, 0.0)
    assert energy.tail_w + energy.receive_w == pytest.approx(RECEIVING_W)
    assert energy.transmit_w_per_mbit_per_s == 0.0
    assert (edge.model.name, edge.power_w) == ("qwen2.5-14b", SERVER_W)
    cost = scenario.objective.relative_cost
    assert (cost.latency_weight, cost.energy_weight, cost.price) == (0.5, 0.5, PRICE)
    assert (cost.latency_scale_s, cost.energy_scale_j) == (T0_S, E0_J)


def test_drawn_links_are_those_of_table_i() -> None:
    env = EdgeRouteEnv("cr2", {"workload.turns": 20_000})
    env.reset(seed=1)
    assert (env.trace["rtt_s"] == np.float32(RTT_S)).all()
    assert (env.trace["outage_s"] == 0.0).all()
    assert (env.trace["edge_wait_s"] == 0.0).all()
    rng = np.random.default_rng(2)
    distance_m, power = rng.uniform(30.0, 150.0, 20_000), rng.exponential(1.0, 20_000)
    expected = [snr_at(d, z) for d, z in zip(distance_m, power, strict=True)]
    found = stats.ks_2samp(env.trace["snr_db"], np.clip(expected, -20.0, 30.0))
    assert found.pvalue > 0.01


def test_a_prompt_of_105_tokens_uploads_in_012_ms(rest_trace: MakeTrace) -> None:
    snr_db = snr_at(100.0)
    by_hand_s = 105 * TOKEN_BITS / (UPLINK_HZ * math.log2(1.0 + 10.0 ** (snr_db / 10.0)))
    assert round(1e3 * by_hand_s, 4) == 0.1208
    trace = rest_trace([0.0], prompt_tokens=105, snr_db=snr_db, rtt_s=RTT_S)
    (info,) = routed(EdgeRouteEnv("cr2"), [EDGE], options={"trace": trace})[1]
    upload_s = info["radio_ttft_s"] - float(np.float32(RTT_S))
    assert upload_s == pytest.approx(by_hand_s, rel=3e-4)
    assert round(1e3 * upload_s, 2) == 0.12
    download_s = info["latency_radio_s"] - info["radio_ttft_s"]
    assert download_s == pytest.approx(by_hand_s * 100 / 105 / 4.0, rel=3e-4)


@pytest.mark.parametrize("distance_m", [30.0, 60.0, 100.0, 150.0])
@pytest.mark.parametrize("power", [0.1, 1.0, 2.5])
def test_rates_are_shannons(rest_trace: MakeTrace, distance_m: float, power: float) -> None:
    snr_db = min(snr_at(distance_m, power), 30.0)
    trace = rest_trace([0.0], prompt_tokens=1000, snr_db=snr_db, rtt_s=RTT_S)
    (info,) = routed(EdgeRouteEnv("cr2"), [EDGE], options={"trace": trace})[1]
    rate = UPLINK_HZ * math.log2(1.0 + 10.0 ** (snr_db / 10.0))
    upload_s = info["radio_ttft_s"] - float(np.float32(RTT_S))
    assert upload_s == pytest.approx(1000 * TOKEN_BITS / rate, rel=1e-3)


def test_nothing_waits_and_nothing_fails() -> None:
    env = EdgeRouteEnv("cr2", {"workload.dialogue_gap_mean_s": 0.5})
    _, infos = routed(env, always(EDGE), seed=0)
    for name in ("latency_queue_s", "latency_switch_s", "failed", "refused"):
        assert (column(infos, name) == 0.0).all()


def test_energies_are_powers_times_times(rest_trace: MakeTrace) -> None:
    trace, device, edge = on_both_sides(rest_trace)
    rtt_s = trace["rtt_s"].astype(float)
    for k, (local, remote) in enumerate(zip(device, edge, strict=True)):
        down_s = remote["latency_radio_s"] - remote["radio_ttft_s"]
        up_s = remote["radio_ttft_s"] - rtt_s[k]
        inference_s = remote["latency_prefill_s"] + remote["latency_decode_s"]
        energy_j = SENDING_W * up_s + RECEIVING_W * down_s + IDLE_W * (rtt_s[k] + inference_s)
        assert remote["energy_j"] == pytest.approx(energy_j, rel=1e-9)
        assert remote["edge_energy_j"] == pytest.approx(SERVER_W * inference_s, rel=1e-9)
        assert remote["latency_s"] == pytest.approx(up_s + rtt_s[k] + inference_s + down_s)
        assert local["energy_j"] == pytest.approx(LOCAL_W * local["latency_s"], rel=2e-6)
        tokens = trace["prompt_tokens"][k], trace["answer_tokens_device"][k]
        energy_j = float(np.dot(tokens, (0.00362582, 0.234375)))
        assert local["energy_j"] == pytest.approx(energy_j, rel=2e-6)
        assert local["edge_energy_j"] == local["latency_radio_s"] == 0.0


def test_a_device_turns_cost_is_relative_to_the_edges(rest_trace: MakeTrace) -> None:
    _, device, edge = on_both_sides(rest_trace)

    def cost(info: dict[str, Any]) -> float:
        energy_j = info["energy_j"] + info["edge_energy_j"]
        return float(0.5 * info["latency_s"] / T0_S + 0.5 * energy_j / E0_J)

    shown = []
    for local, remote in zip(device, edge, strict=True):
        shown.append(local["relative_cost"])
        assert shown[-1] == pytest.approx(cost(local) / cost(remote), rel=1e-9)
        assert remote["relative_cost"] == 1.0
    assert min(shown) < 1.0 < max(shown)


# Also where CR2's model is left behind: waits, switches, dialogues, tails that overlap.
COSTLY: dict[str, dict[str, Any]] = {
    "as it is": {},
    "in quick succession": {"workload.dialogue_gap_mean_s": 0.5},
    "a crowded edge": {
        "device.count": 6,
        "device.energy.tail_s": 10.6,
        "edge.max_sequences": 2,
        "edge.switch_s": 0.05,
        "edge.stateless_api": True,
        "edge.background.utilisation": 0.8,
        "workload.mix": [{"benchmark": "mtbench101-qwen7b-gpt4", "share": 1}],
    },
}


@pytest.mark.parametrize("case", COSTLY)
def test_the_edge_costs_exactly_one(case: str) -> None:
    env = EdgeRouteEnv("cr2", COSTLY[case])
    local: set[float] = set()
    for seed in range(20):
        _, infos = routed(env, always(EDGE), seed=seed)
        assert {info["relative_cost"] for info in infos} == {1.0}
        _, infos = routed(env, coins(seed=seed), seed=seed)
        assert {info["relative_cost"] for info in infos if info["edge_call"]} == {1.0}
        local |= {info["relative_cost"] for info in infos if not info["edge_call"]}
    assert len(local) > 1000


def test_the_reward_is_quality_less_the_price_of_the_relative_cost() -> None:
    env = EdgeRouteEnv("cr2")
    for seed in range(5):
        for info in routed(env, coins(seed=seed), seed=seed)[1]:
            paid = info["quality"] - PRICE * info["relative_cost"]
            assert info["reward"] == pytest.approx(paid, rel=1e-12, abs=1e-12)
            priced = info["reward_latency"] + info["reward_energy"]
            assert priced == pytest.approx(-PRICE * info["relative_cost"], rel=1e-12)
            assert info["reward_edge_call"] == 0.0


def test_other_objectives_have_no_relative_cost() -> None:
    infos = routed(EdgeRouteEnv("paper"), coins(), seed=0)[1]
    assert (column(infos, "relative_cost") == 0.0).all()
    assert (column(infos, "edge_energy_j") == 0.0).all()

"""Simulated waiting times agree with queueing theory within 99.9 % confidence intervals.

Theory: Pollaczek-Khinchine for M/G/1, Erlang C for M/M/c, processor sharing, all written anew here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.utils import seeding
from numpy.typing import NDArray
from scipy import stats

from edgeroute_env import EdgeRouteEnv, Trace, decode, load_scenario
from edgeroute_env.physics import inference
from edgeroute_env.simulator.state import EPISODE
from edgeroute_env.traces.sources import Drawn

pytestmark = pytest.mark.thorough

DEVICE, EDGE = 0, 1
BATCHES = 25
LEVEL = 0.999
Floats = NDArray[np.float64]
MakeTrace = Callable[..., Trace]

# The phone's service is prompt / prefill speed + answer / decode speed, whatever came before.
STEADY_PHONE = {
    "device.speed": {"name": "plain", "prefill_tokens_per_s": 1342, "decode_tokens_per_s": 23.5},
    "device.heat.throttle_depth": 0.0,
    "device.kv_bandwidth_bytes_per_s": 1e18,
}
PREFILL_S, DECODE_S = 1 / 1342, 1 / 23.5  # a token

# A GPU so fast that a token takes the engine's own millisecond, whatever the batch.
TOKEN_S = 1e-3
FAST_GPU = {
    "name": "fast", "peak_tflops": 1e12, "bandwidth_tb_per_s": 1e12, "memory_gib": 80,
    "mfu": 1.0, "mbu": 1.0, "launch_s": 0.0, "layer_s": 0.0, "all_reduce_s": 0.0,
    "link_gb_per_s": 1e12,
}  # fmt: skip


def assert_mean(samples: Floats, theory: float, precision: float = 0.15) -> None:
    """Assert that batch means put `theory` in an interval that is narrow enough to tell."""
    means = samples[: samples.size // BATCHES * BATCHES].reshape(BATCHES, -1).mean(axis=1)
    quantile = stats.t.ppf(0.5 + LEVEL / 2, BATCHES - 1)
    half_width = quantile * means.std(ddof=1) / math.sqrt(BATCHES)
    assert half_width < precision * theory
    assert abs(means.mean() - theory) < half_width


def poisson(rng: np.random.Generator, rate: float, turns: int) -> Floats:
    return np.cumsum(rng.exponential(1.0 / rate, turns))


def waits(trace: Trace, action: int, overrides: dict[str, Any]) -> Floats:
    env = EdgeRouteEnv(overrides=overrides)
    env.reset(options={"trace": trace})
    return np.array([env.step(action)[4]["latency_queue_s"] for _ in range(len(trace))])


def answers(rng: np.random.Generator, law: str, turns: int) -> tuple[Floats, float, float]:
    """Return answer lengths and their first two moments, all of mean 100."""
    if law == "deterministic":
        return np.full(turns, 100.0), 100.0, 100.0**2
    if law == "exponential":  # beyond the one token that an answer has at least
        return 1.0 + rng.exponential(99.0, turns), 100.0, 100.0**2 + 99.0**2
    short = rng.random(turns) < 0.9  # rare long answers
    return np.where(short, 50.0, 550.0), 100.0, 0.9 * 50.0**2 + 0.1 * 550.0**2


@pytest.mark.parametrize("law", ["deterministic", "exponential", "two lengths"])
@pytest.mark.parametrize("utilisation", [0.4, 0.75])
def test_the_phone_waits_as_pollaczek_khinchine_says(
    rest_trace: MakeTrace, law: str, utilisation: float
) -> None:
    turns, prompt = 120_000, 20
    rng = np.random.default_rng(100)
    length, first, second = answers(rng, law, turns)
    fixed = prompt * PREFILL_S
    mean = fixed + first * DECODE_S
    square = fixed**2 + 2 * fixed * first * DECODE_S + second * DECODE_S**2
    rate = utilisation / mean
    theory = rate * square / (2 * (1 - utilisation))
    arrival_s = poisson(rng, rate, turns)
    trace = rest_trace(arrival_s, prompt_tokens=prompt, answer_tokens_device=length)
    simulated = waits(trace, DEVICE, STEADY_PHONE)
    assert_mean(simulated, theory)
    assert_mean((simulated > 0.0).astype(float), utilisation)  # Poisson arrivals see averages


def test_each_phone_has_a_queue_of_its_own(rest_trace: MakeTrace) -> None:
    rng = np.random.default_rng(101)
    turns = 100_000
    service_s = 100 * DECODE_S + 20 * PREFILL_S
    loads = np.array([0.3, 0.75])
    arrival_s = poisson(rng, loads.sum() / service_s, turns)
    phone = (rng.random(turns) < loads[1] / loads.sum()).astype(int)
    trace = rest_trace(arrival_s, device=phone, prompt_tokens=20)
    simulated = waits(trace, DEVICE, {**STEADY_PHONE, "device.count": 2})
    for d, load in enumerate(loads):
        assert_mean(simulated[phone == d], load * service_s / (2 * (1 - load)))


def erlang_c(servers: int, utilisation: float) -> float:
    """Return P(wait > 0) by the sum over states, as in the textbooks."""
    offered = servers * utilisation
    empty = sum(offered**k / math.factorial(k) for k in range(servers))
    full = offered**servers / math.factorial(servers) / (1 - utilisation)
    return full / (empty + full)


def edge_overrides(slots: int, phones: int) -> dict[str, Any]:
    return {
        "edge.max_sequences": slots,
        "edge.gpu": FAST_GPU,
        "edge.background.context_tokens": 0,
        "device.count": phones,
    }


@pytest.mark.parametrize("phones", [1, 4])
@pytest.mark.parametrize(("slots", "utilisation"), [(1, 0.7), (2, 0.5), (2, 0.8), (8, 0.8)])
def test_the_edge_waits_as_erlang_says(
    rest_trace: MakeTrace, slots: int, utilisation: float, phones: int
) -> None:
    turns, tokens = 150_000, 5000.0
    rng = np.random.default_rng(200 + slots)
    rate = utilisation * slots / (tokens * TOKEN_S)
    trace = rest_trace(
        poisson(rng, rate, turns),
        device=rng.integers(0, phones, turns),
        answer_tokens_edge=np.maximum(1.0, rng.exponential(tokens, turns)),
    )
    simulated = waits(trace, EDGE, edge_overrides(slots, phones))
    delayed = erlang_c(slots, utilisation)
    assert_mean((simulated > 0.0).astype(float), delayed)
    assert_mean(simulated, delayed * tokens * TOKEN_S / (slots * (1 - utilisation)), 0.25)


@pytest.mark.parametrize("utilisation", [0.5, 0.75])
def test_one_slot_waits_as_pollaczek_khinchine_says(
    rest_trace: MakeTrace, utilisation: float
) -> None:
    turns, tokens = 60_000, 5000.0
    rng = np.random.default_rng(300)
    service_s = tokens * TOKEN_S
    trace = rest_trace(poisson(rng, utilisation / service_s, turns), answer_tokens_edge=tokens)
    simulated = waits(trace, EDGE, edge_overrides(1, 1))
    assert_mean(simulated, utilisation * service_s / (2 * (1 - utilisation)))


# A GPU on which products take time and reading takes none: 72B in 16 bits on four.
COMPUTING_GPU = {**FAST_GPU, "name": "computing", "peak_tflops": 300}
ASKED = 200


@pytest.mark.parametrize("law", ["deterministic", "exponential"])
@pytest.mark.parametrize("utilisation", [0.4, 0.7])
def test_a_crowd_is_as_slow_as_processor_sharing_says(
    rest_trace: MakeTrace, law: str, utilisation: float
) -> None:
    turns = 60_000
    rng = np.random.default_rng(400)
    length, mean, _ = answers(rng, law, turns)
    cost = load_scenario("paper", {"edge.gpu": COMPUTING_GPU}).edge.cost()
    work_s = mean * cost.decode_s_per_sequence + ASKED * cost.compute_s_per_token
    arrival_s = poisson(rng, utilisation / work_s, turns)
    trace = rest_trace(arrival_s, prompt_tokens=ASKED, answer_tokens_edge=length)
    env = EdgeRouteEnv(overrides={**edge_overrides(1024, 1), "edge.gpu": COMPUTING_GPU})
    env.reset(options={"trace": trace})
    parts = [env.step(EDGE)[4] for _ in range(turns)]
    assert {part["latency_queue_s"] for part in parts} == {0.0}
    times_s = np.array([part["latency_prefill_s"] + part["latency_decode_s"] for part in parts])
    alone_s = inference.prefill_s(cost, float(ASKED), 0.0)
    alone_s += mean * (TOKEN_S + cost.decode_s_per_sequence)
    assert_mean(times_s, alone_s / (1 - utilisation))


def test_a_full_kv_pool_makes_requests_wait(rest_trace: MakeTrace) -> None:
    turns = 40
    trace = rest_trace(
        np.arange(turns) * 0.01, device=np.arange(turns), answer_tokens_edge=np.full(turns, 500.0)
    )
    pool = load_scenario("paper").edge.cost().kv_pool_tokens
    for prompt, waiting in ((0.15 * pool, turns - 6), (0.015 * pool, 0)):
        columns = {name: values.copy() for name, values in trace.columns.items()}
        columns["prompt_tokens"] = np.full(turns, round(prompt))
        queued = waits(Trace(columns), EDGE, edge_overrides(1024, turns))
        assert (queued > 0.0).sum() == waiting


def test_prefills_of_others_slow_a_decode(rest_trace: MakeTrace) -> None:
    decodes_s = []
    for prompt in (10, 4000):
        trace = rest_trace([0.0, 0.5], device=[0, 1], prompt_tokens=[prompt, 10])
        env = EdgeRouteEnv(overrides={"device.count": 2, "edge.background.utilisation": 0.0})
        env.reset(options={"trace": trace})
        decodes_s.append([env.step(EDGE)[4]["latency_decode_s"] for _ in range(2)][1])
    cost = load_scenario("paper").edge.cost()
    reading_s = 100 * 3990 * cost.decode_s_per_context_token
    assert decodes_s[1] - decodes_s[0] > 5 * reading_s


def drawn_columns(overrides: dict[str, Any], episodes: int = 1024) -> Any:
    source = Drawn(load_scenario("paper", overrides))
    store = source.store(episodes)
    generators = [seeding.np_random(seed)[0] for seed in range(episodes)]
    source.assign(np.arange(episodes), generators, store, np.zeros(episodes, EPISODE))
    return store


@pytest.mark.parametrize(
    ("slots", "utilisation"), [(1, 0.6), (1, 0.9), (8, 0.65), (8, 0.9), (32, 0.65), (32, 0.9)]
)
def test_other_tenants_cause_the_wait_that_erlang_says(slots: int, utilisation: float) -> None:
    rows = drawn_columns(
        {
            "edge.max_sequences": slots,
            "edge.background.utilisation": utilisation,
            "edge.background.logit_sigma": 0.0,
        }
    )
    assert rows["edge_load"] == pytest.approx(utilisation, abs=1e-6)
    drawn = rows["edge_wait_s"].astype(float).ravel()
    delayed = erlang_c(slots, utilisation)
    if delayed * drawn.size > 1000:
        assert_mean((drawn > 0.0).astype(float), delayed)
        assert_mean(drawn, delayed * 8.0 / (slots * (1 - utilisation)))
        some = drawn[drawn > 0.0]  # those who wait at all wait exponentially long
        assert some.std() / some.mean() == pytest.approx(1.0, abs=0.05)
    else:
        assert (drawn > 0.0).mean() < 2 * delayed


@pytest.mark.parametrize(("slots", "utilisation"), [(1, 0.6), (8, 0.9), (32, 0.8)])
def test_the_router_is_told_the_mean_wait_at_the_reported_load(
    rest_trace: MakeTrace, slots: int, utilisation: float
) -> None:
    trace = rest_trace([0.0], reported_load=utilisation, edge_load=0.1)
    env = EdgeRouteEnv(overrides={"edge.max_sequences": slots})
    told = decode(env.reset(options={"trace": trace})[0])["edge_wait_s"]
    theory = erlang_c(slots, utilisation) * 8.0 / (slots * (1 - utilisation))
    assert told == pytest.approx(theory, rel=0.01)

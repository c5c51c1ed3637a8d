"""Admission to a batch and Erlang's formulas against theory and a naive simulation."""

import heapq
import math
from collections import deque
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeroute_env.physics import queueing

utilisations = st.floats(0.01, 0.99)
eighths = st.integers(0, 80).map(lambda n: n / 8)  # exact in binary, and often tied


def erlang_c_by_its_sum(servers: int, utilisation: Fraction) -> float:
    """Return Erlang C from the textbook's sum of powers, in exact arithmetic."""
    offered = servers * utilisation
    waiting = offered**servers / math.factorial(servers) / (1 - utilisation)
    served = sum(offered**k / math.factorial(k) for k in range(servers))
    return float(waiting / (served + waiting))


@settings(deadline=None)
@given(utilisations)
def test_erlang_c_in_closed_form(rho):
    assert queueing.erlang_c(1, rho) == pytest.approx(rho)
    assert queueing.erlang_c(2, rho) == pytest.approx(2 * rho**2 / (1 + rho))


@pytest.mark.parametrize("servers", [1, 2, 3, 5, 8, 16, 64])
@pytest.mark.parametrize("percent", [1, 25, 50, 80, 99])
def test_erlang_c_is_the_textbook_sum(servers, percent):
    expected = erlang_c_by_its_sum(servers, Fraction(percent, 100))
    assert queueing.erlang_c(servers, percent / 100) == pytest.approx(expected, rel=1e-10)


# The traffic (Erlang) at which 1 % of the calls are blocked, from any Erlang B table.
@pytest.mark.parametrize(
    ("servers", "offered"), [(2, 0.153), (5, 1.361), (8, 3.128), (10, 4.461), (20, 12.03)]
)
def test_erlang_c_agrees_with_erlang_b_tables(servers, offered):
    rho = offered / servers
    delayed = queueing.erlang_c(servers, rho)
    blocked = delayed * (1 - rho) / (1 - rho * delayed)
    assert blocked == pytest.approx(0.01, rel=0.005)


def test_textbook_waits():
    # Gross and Harris, the eye clinic: 6 patients an hour, 3 doctors, 20 minutes each; the mean
    # wait is 4/27 hours and 4/9 of the patients wait.
    assert queueing.erlang_c(3, 2 / 3) == pytest.approx(4 / 9)
    assert queueing.mean_wait_s(3, 2 / 3, 1200.0) == pytest.approx(4 / 27 * 3600)
    assert queueing.delayed_wait_s(3, 2 / 3, 1200.0) == pytest.approx(1200.0)


@settings(deadline=None)
@given(utilisations, st.floats(0.01, 100.0))
def test_one_server_waits_as_mm1(rho, service_s):
    assert queueing.mean_wait_s(1, rho, service_s) == pytest.approx(rho * service_s / (1 - rho))


@settings(deadline=None)
@given(utilisations, utilisations, st.integers(1, 32))
def test_waiting_grows_with_load_and_shrinks_with_servers(a, b, servers):
    low, high = min(a, b), max(a, b)
    chance = queueing.erlang_c(servers, high)
    assert 0.0 < queueing.erlang_c(servers, low) <= chance < 1.0
    assert queueing.erlang_c(servers + 1, high) < chance


def test_nobody_waits_for_idle_servers():
    assert queueing.erlang_c(4, 0.0) == 0.0
    assert queueing.mean_wait_s(4, 0.0, 2.0) == 0.0


def simulated_waits(servers: int, gaps_s: np.ndarray, services_s: np.ndarray) -> np.ndarray:
    """Return the waits of a batch that starts empty and has memory for any requests."""
    requests = zip(np.cumsum(gaps_s).tolist(), services_s.tolist(), strict=True)
    return batch_waits(servers, math.inf, [(*request, 1.0) for request in requests])


def batch_waits(most: int, pool: float, requests: list[tuple[float, float, float]]) -> np.ndarray:
    """Return the waits of requests (arrival, hold time, tokens) by `admission_s`."""
    batch, count, start_s, waits = np.zeros((most, 2)), 0, 0.0, []
    for arrival_s, hold_s, tokens in requests:
        ready_s = max(arrival_s, start_s)
        start_s, count = queueing.admission_s(batch, count, ready_s, tokens, pool)
        batch[count] = start_s + hold_s, tokens
        count += 1
        waits.append(start_s - arrival_s)
    return np.array(waits)


def batch_means(values: np.ndarray, batches: int = 40) -> tuple[float, float]:
    """Return the mean and the half width of its 99.9 % confidence interval, warm-up left out."""
    settled = values[values.size // 20 :]
    settled = settled[: settled.size // batches * batches]
    means = settled.reshape(batches, -1).mean(axis=1)
    return float(means.mean()), 3.56 * float(means.std(ddof=1)) / math.sqrt(batches)  # t, 39 d.f.


ARRIVALS = 600_000
SERVICE_S = 2.0


@pytest.mark.parametrize("servers", [1, 2, 8])
@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_simulated_mmc_waits_as_erlang_says(servers, rho):
    rng = np.random.default_rng(servers)
    gaps_s = rng.exponential(SERVICE_S / (servers * rho), ARRIVALS)
    waits = simulated_waits(servers, gaps_s, rng.exponential(SERVICE_S, ARRIVALS))
    mean, half_width = batch_means(waits)
    expected = queueing.mean_wait_s(servers, rho, SERVICE_S)
    assert abs(mean - expected) < half_width < 0.1 * expected
    waiting, half_width = batch_means((waits > 0).astype(float))
    expected = queueing.erlang_c(servers, rho)
    assert abs(waiting - expected) < half_width < 0.1 * expected
    # Those who wait do so for an exponential time, so half of them for less than ln 2 of the mean.
    median = math.log(2) * queueing.delayed_wait_s(servers, rho, SERVICE_S)
    below, half_width = batch_means((waits[waits > 0] < median).astype(float))
    assert abs(below - 0.5) < half_width < 0.04


@pytest.mark.parametrize("spread", [0.0, 0.8])
@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_simulated_mg1_waits_as_pollaczek_and_khinchine_say(spread, rho):
    rng = np.random.default_rng(11)
    log_mean = math.log(SERVICE_S) - spread**2 / 2
    services_s = rng.lognormal(log_mean, spread, ARRIVALS)  # spread 0: all of SERVICE_S
    waits = simulated_waits(1, rng.exponential(SERVICE_S / rho, ARRIVALS), services_s)
    mean, half_width = batch_means(waits)
    second_moment = SERVICE_S**2 * math.exp(spread**2)
    expected = rho / SERVICE_S * second_moment / (2 * (1 - rho))
    assert abs(mean - expected) < half_width < 0.08 * expected


def naive_waits(servers: int, requests: list[tuple[float, float]]) -> list[float]:
    """Simulate first come, first served event by event: a line, idle servers, a calendar."""
    calendar = [(arrival_s, 1, i) for i, (arrival_s, _) in enumerate(requests)]
    heapq.heapify(calendar)
    line: deque[int] = deque()
    idle, waits = servers, [0.0] * len(requests)
    while calendar:
        now_s, is_arrival, i = heapq.heappop(calendar)
        if is_arrival:
            line.append(i)
        else:
            idle += 1
        while line and idle:
            served = line.popleft()
            idle -= 1
            waits[served] = now_s - requests[served][0]
            heapq.heappush(calendar, (now_s + requests[served][1], 0, served))
    return waits


@settings(deadline=None)
@given(st.integers(1, 5), st.lists(st.tuples(eighths, eighths), min_size=1, max_size=40))
def test_waits_are_those_of_first_come_first_served(servers, gaps_and_services):
    gaps_s, services_s = np.array(gaps_and_services).T
    requests = list(zip(np.cumsum(gaps_s).tolist(), services_s.tolist(), strict=True))
    waits = simulated_waits(servers, gaps_s, services_s)
    assert waits.tolist() == naive_waits(servers, requests)


def patient_waits(
    most: int, pool: float, requests: list[tuple[float, float, float]]
) -> list[float]:
    """Let each request try to start at every moment when something ends, in order of arrival."""
    started: list[tuple[float, float, float]] = []  # start, end, tokens
    waits = []
    for arrival_s, hold_s, tokens in requests:
        earliest_s = max([arrival_s, *(start for start, _, _ in started[-1:])])
        for at_s in sorted([earliest_s, *(end for _, end, _ in started if end > earliest_s)]):
            others = [held for start, end, held in started if start <= at_s < end]
            if not others or (len(others) < most and sum(others) + tokens <= pool):
                break
        started.append((at_s, at_s + hold_s, tokens))
        waits.append(at_s - arrival_s)
    return waits


@settings(deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 30),
    st.lists(st.tuples(eighths, eighths, st.integers(1, 20)), min_size=1, max_size=30),
)
def test_a_request_joins_once_its_place_and_its_memory_are_free(most, pool, drawn):
    arrivals_s = np.cumsum([gap for gap, _, _ in drawn]).tolist()
    requests = [(at, hold, float(n)) for at, (_, hold, n) in zip(arrivals_s, drawn, strict=True)]
    assert batch_waits(most, pool, requests).tolist() == patient_waits(most, pool, requests)

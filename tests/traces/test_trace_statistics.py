"""Generated traces have the bursts and the mobility of recordings, and the laws that they state.

Recorded figures are computed where the data folder holds the recordings; elsewhere the published
ones stand in for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import variation

from edgeroute_env import InputError, Scenario, load_scenario
from edgeroute_env.physics.radio import bounded_snr_db
from edgeroute_env.traces.law import synthetic_law
from edgeroute_env.traces.lengths import normal_levels
from validation import arrivals, snr
from validation.generated import traces, with_questions
from validation.measures import autocorrelation, index_of_dispersion

Floats = NDArray[np.float64]
REQUESTS_PER_S, REQUESTS = 5.53, 19_366  # of the Azure conversation trace
AZURE = {"cv": 1.09, "dispersion, 10 s": 3.87, "dispersion, 60 s": 16.4}  # published
IRISH_5G = {1: 0.84, 5: 0.59, 10: 0.50, 60: 0.12}  # published; lags in seconds
CLOSE = 0.20


# --- arrivals


@cache
def requests(bursts: bool, seeds: int) -> tuple[Floats, ...]:
    """Return the arrival times of a busy cell at the recorded rate and length, one a seed."""
    phones = 40
    fields: dict[str, Any] = {
        "device.count": phones,
        "workload.turns": REQUESTS,
        "workload.dialogue_gap_mean_s": phones / REQUESTS_PER_S,
    }
    if not bursts:
        fields["workload.bursts"] = None
    scenario = with_questions("busy-cell", fields)
    times: list[Floats] = []
    for seed in range(0, seeds, 8):  # few at a time: each holds all columns of its turns
        times += [each.copy() for each in traces(scenario, range(seed, seed + 8))["arrival_s"]]
    return tuple(times)


def burstiness(times: Sequence[Floats]) -> dict[str, Floats]:
    """Return the CV of the gaps and the indices of dispersion of each array of arrivals."""
    return {
        "cv": np.array([variation(np.diff(each), ddof=1) for each in times]),
        "dispersion, 10 s": np.array([index_of_dispersion(each, 10.0) for each in times]),
        "dispersion, 60 s": np.array([index_of_dispersion(each, 60.0) for each in times]),
    }


def recorded_burstiness() -> dict[str, float]:
    try:
        recorded = arrivals.recorded_arrivals()
    except InputError:
        return AZURE
    return {name: float(value[0]) for name, value in burstiness([recorded]).items()}


def test_a_busy_cell_is_as_bursty_as_the_recorded_service() -> None:
    found, expected = burstiness(requests(True, 96)), recorded_burstiness()
    for name, values in found.items():
        sampling = values.std(ddof=1) / len(values) ** 0.5
        assert sampling < 0.25 * CLOSE * expected[name], name
        assert values.mean() == pytest.approx(expected[name], rel=CLOSE), name
        assert expected[name] == pytest.approx(AZURE[name], rel=0.01), name


def test_bursts_keep_the_mean_rate() -> None:
    for bursts, seeds in ((True, 96), (False, 8)):
        times = requests(bursts, seeds)
        gaps = sum(each.size - 1 for each in times)
        rate = gaps / sum(each[-1] - each[0] for each in times)
        assert rate == pytest.approx(REQUESTS_PER_S, rel=0.03)


def test_without_bursts_the_cell_is_all_but_poisson() -> None:
    for name, values in burstiness(requests(False, 8)).items():
        assert values.mean() == pytest.approx(1.0, abs=0.15), name


def test_a_phones_gaps_keep_their_law_under_bursts() -> None:
    fields = {"device.count": 1, "workload.turns": 4000, "workload.dialogue_gap_mean_s": 30.0}
    slow = {"workload.bursts.correlation_s": 1e13, "workload.bursts.sigma": 0.5}
    plain = with_questions("busy-cell", {**fields, "workload.bursts": None})
    steady = traces(plain, range(40))["arrival_s"]
    burst = traces(with_questions("busy-cell", {**fields, **slow}), range(40))["arrival_s"]
    # An activity that never changes stretches the whole trace by one log-normal factor.
    pace = np.diff(steady, axis=1) / np.diff(burst, axis=1)
    assert np.ptp(pace, axis=1) == pytest.approx(0.0, abs=1e-3)
    assert np.log(pace[:, 0]).std() == pytest.approx(0.5, rel=0.35)


# --- mobility


@cache
def drives(gap_s: float, turns: int, speed_m_per_s: float, seeds: int = 300) -> Any:
    fields = {
        "device.count": 1,
        "workload.turns": turns,
        "workload.dialogue_gap_mean_s": gap_s,
        "workload.dialogue_gap_cv": 0.0,
        "radio.speed_m_per_s": speed_m_per_s,
    }
    scenario = with_questions("vehicular", fields)
    return traces(scenario, range(seeds))["snr_db"].astype(np.float64)


def recorded_memory() -> dict[int, float]:
    try:
        memory = snr.recorded_runs("driving").memory(tuple(IRISH_5G))
    except InputError:
        return IRISH_5G
    return dict(zip(IRISH_5G, memory.tolist(), strict=True))


def test_a_drive_remembers_its_snr_as_long_as_recorded_ones() -> None:
    lags, expected = tuple(IRISH_5G), recorded_memory()
    runs = drives(1.0, 1400, snr.DRIVES_M_PER_S)
    found = autocorrelation(runs, lags)
    halves = [autocorrelation(part, lags) for part in np.split(runs, 2)]
    sampling = np.abs(halves[0] - halves[1]) / 2.0
    for i, lag in enumerate(lags):
        assert sampling[i] < 0.4 * CLOSE * expected[lag], lag
        assert found[i] == pytest.approx(expected[lag], rel=CLOSE), lag
        assert expected[lag] == pytest.approx(IRISH_5G[lag], abs=0.01), lag


def test_memory_goes_by_the_way_gone_however_often_one_looks() -> None:
    ways_m = np.array([40, 80, 200, 480])
    speed_m_per_s = 8.0
    often = autocorrelation(drives(1.0, 3000, speed_m_per_s), list(ways_m // 8))
    seldom = autocorrelation(drives(5.0, 600, speed_m_per_s), list(ways_m // 40))
    slow = autocorrelation(drives(5.0, 3000, speed_m_per_s / 5.0), list(ways_m // 8))
    assert seldom == pytest.approx(often, abs=0.03)
    assert slow == pytest.approx(often, abs=0.03)
    assert often[0] > 0.5 > 0.2 > often[-1]


def test_a_phone_at_rest_keeps_its_snr() -> None:
    assert np.ptp(drives(1.0, 300, 0.0, 20), axis=1).max() == 0.0
    assert drives(1.0, 300, 0.0, 20)[:, 0].std() > 5.0


# --- laws of the link


def cr2(**radio: Any) -> Scenario:
    fields = {f"radio.{name}": value for name, value in radio.items()}
    return load_scenario("cr2", fields)


def snr_of(scenario: Scenario, seeds: int = 100) -> Floats:
    rows: Floats = traces(scenario, range(seeds))["snr_db"].astype(np.float64)
    return rows


def log_distance_snr_db(distance_m: Any) -> Any:
    """Return CR2's SNR at a distance by hand: 0.5 W over 10 MHz, -43.3 dB at 1 m, exponent 4."""
    noise_dbm = -174.0 + 10.0 * np.log10(10e6)
    return 10.0 * np.log10(500.0) - noise_dbm - 43.3 - 40.0 * np.log10(distance_m)


def test_the_log_distance_map_is_the_formula() -> None:
    tables, levels = synthetic_law(load_scenario("cr2")), normal_levels()
    distance_m = 30.0 + levels * 120.0
    with_los, without, los_share = tables.cell[0]
    assert with_los == pytest.approx(log_distance_snr_db(distance_m), abs=1e-5)
    assert without == pytest.approx(with_los)
    assert (los_share == 1.0).all()


@pytest.mark.parametrize("spread", ["line", "area"])
def test_places_are_spread_along_the_line_or_over_the_area(spread: str) -> None:
    near = snr_of(cr2(fading="averaged", spread=spread)).ravel()
    distance_m = 10.0 ** ((log_distance_snr_db(1.0) - near) / 40.0)
    power = 1 if spread == "line" else 2
    ends = 30.0**power, 150.0**power
    law = stats.uniform(ends[0], ends[1] - ends[0])
    assert stats.kstest(distance_m**power, law.cdf).pvalue > 0.01


def test_fading_by_turn_has_exponential_power() -> None:
    at_100_m = cr2(distance_min_m=100, distance_max_m=100)
    faded = snr_of(at_100_m) - log_distance_snr_db(100.0)
    power = 10.0 ** (faded / 10.0)
    assert stats.kstest(power.ravel(), "expon").pvalue > 0.01
    assert abs(np.corrcoef(power[:, :-1].ravel(), power[:, 1:].ravel())[0, 1]) < 0.03
    averaged = snr_of(cr2(distance_min_m=100, distance_max_m=100, fading="averaged"))
    assert averaged == pytest.approx(log_distance_snr_db(100.0), abs=1e-4)


@pytest.mark.parametrize("name", ["vehicular", "thin-link"])
def test_an_snr_ceiling_bounds_any_link(name: str) -> None:
    ceiling_db = load_scenario(name).radio.snr_ceiling_db
    assert ceiling_db is not None
    below = snr_of(load_scenario(name))
    free = snr_of(load_scenario(name, {"radio.snr_ceiling_db": None}))
    assert below.max() < ceiling_db < free.max()
    inside = (free < 30.0) & (below > -20.0)  # what a modem reports
    assert inside.mean() > 0.5
    expected = [bounded_snr_db(value, ceiling_db) for value in free[inside]]
    assert below[inside] == pytest.approx(expected, abs=1e-4)
    by_hand = -10.0 * np.log10(10.0 ** (-free[inside] / 10.0) + 10.0 ** (-ceiling_db / 10.0))
    assert expected == pytest.approx(by_hand, abs=1e-9)


# --- documents


def test_documents_open_by_their_own_law_and_follow_ups_by_theirs() -> None:
    rows = traces(load_scenario("long-context"), range(400))
    opens = rows["turn"] == 1
    tokens, law = rows["prompt_tokens"][opens], stats.norm(7.6, 0.4)
    assert (tokens.min(), tokens.max()) == (700.0, 3600.0)
    assert (tokens == 700.0).mean() == pytest.approx(law.cdf(np.log(700.0)), abs=0.01)
    assert (tokens == 3600.0).mean() == pytest.approx(law.sf(np.log(3600.0)), abs=0.01)
    opening, follow_up = np.log(tokens), np.log(rows["prompt_tokens"][~opens])
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert np.quantile(opening, level) == pytest.approx(law.ppf(level), abs=0.03)
        expected = stats.norm(3.40, 1.0).ppf(level)
        assert np.quantile(follow_up, level) == pytest.approx(expected, abs=0.05)

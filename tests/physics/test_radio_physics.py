"""The radio formulas against 3GPP's tables, closed forms and Monte Carlo averages.

The package `tr3gpp` carries TR 38.901's formulas as LaTeX; `evaluate` reads them, so path loss
and LOS probability are compared with coefficients that nobody here typed. It leaves out NOTE 1
of Table 7.4.1-1, the breakpoint: d'_BP = 4 h'_BS h'_UT f_c / c with the effective heights
h' = h - 1 m and c = 3e8 m/s. That one is pinned by hand below.
"""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeroute_env.physics import radio
from edgeroute_env.physics.radio import INDOOR, URBAN_MACRO, URBAN_MICRO
from edgeroute_env.traces.draw import revert
from validation.tr38901 import LOS_NAMES, PATH_LOSS_NAMES, evaluate

NAMES = {number: name for name, number in radio.ENVIRONMENTS.items()}
FADING_NAMES = {INDOOR: "Indoor-Office", URBAN_MICRO: "UMi - Street Canyon", URBAN_MACRO: "UMa"}
BS_HEIGHT_M = {INDOOR: 3.0, URBAN_MICRO: 10.0, URBAN_MACRO: 25.0}  # TR 38.901 Table 7.2-1, 7.2-2
OUTDOOR_M = [10, 17.9, 18, 18.1, 41.9, 42.1, 100, 155, 157, 209, 211, 500, 559, 561, 1000, 2000]
INDOOR_M = [1, 1.2, 1.21, 3, 6.49, 6.5, 6.51, 10, 25, 50, 100, 149.9]
CARRIERS_GHZ = [0.7, 2.6, 3.5, 28.0]
ENVIRONMENTS = [INDOOR, URBAN_MICRO, URBAN_MACRO]

environments = st.sampled_from(ENVIRONMENTS)
metres = st.floats(1.0, 5000.0)


def _distances(environment: int) -> list[float]:
    return INDOOR_M if environment == INDOOR else OUTDOOR_M


@pytest.fixture(scope="module")
def tr38901():
    reason = "tr3gpp, TR 38.901's formulas as data, is a test-only dependency"
    return pytest.importorskip("tr3gpp", reason=reason).tr38901


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("carrier_ghz", CARRIERS_GHZ)
@pytest.mark.parametrize("ut_height_m", [1.5, 5.0, 12.0])
def test_path_loss_is_the_specifications(tr38901, environment, carrier_ghz, ut_height_m):
    bs_height_m = BS_HEIGHT_M[environment]
    section = tr38901.section("7.4")
    scenario = PATH_LOSS_NAMES[NAMES[environment]]
    los = section.pathloss(scenario=scenario, condition="LOS").formula
    nlos = section.pathloss(scenario=scenario, condition="NLOS").formula
    effective_heights = (bs_height_m - 1) * (ut_height_m - 1)
    for d in _distances(environment):
        expected = evaluate(
            nlos + r"; \quad " + los,
            d2=d,
            d3=math.hypot(d, bs_height_m - ut_height_m),
            fc=carrier_ghz,
            hUT=ut_height_m,
            hBS=bs_height_m,
            bp=4 * effective_heights * carrier_ghz * 1e9 / 3e8,
        )
        place = (d, carrier_ghz, bs_height_m, ut_height_m)
        seen, blocked = (radio.path_loss_db(environment, los, *place) for los in (True, False))
        assert seen == pytest.approx(expected["los"], abs=1e-9)
        assert blocked == pytest.approx(expected["nlos"], abs=1e-9)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_line_of_sight_probability_is_the_specifications(tr38901, environment):
    formula = tr38901.section("7.4").los_probability(scenario=LOS_NAMES[NAMES[environment]]).formula
    for d in _distances(environment):
        expected = evaluate(formula, d2=d, hUT=1.5)["probability"]
        assert radio.los_probability(environment, d) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_shadowing_constants_are_the_specifications(tr38901, environment):
    section = tr38901.section
    sigmas, distances = [], []
    for condition in ("LOS", "NLOS"):
        entry = section("7.4").pathloss(
            scenario=PATH_LOSS_NAMES[NAMES[environment]], condition=condition
        )
        sigmas.append(entry.shadow_fading_std_db[0].value_db)
        scenario = FADING_NAMES[environment]
        lsp = section("7.5").channel_model_parameters(scenario=scenario, condition=condition)
        distances.append(float(lsp.corr_distance_SF_m))
    where = ("Indoor", None) if environment == INDOOR else (scenario.split(" ")[0], "LOS")
    state = section("7.6").correlation_distance(scenario=where[0], condition=where[1])
    expected = (*sigmas, *distances, float(state.los_nlos_state_m))
    assert tuple(radio.SHADOWING[environment]) == expected


# TR 38.901 Table 7.4.1-1, worked by hand with h_UT 1.5 m (d_BP at 3.5 GHz: UMi 210 m, UMa 560 m).
@pytest.mark.parametrize(
    ("environment", "los", "distance_m", "carrier_ghz", "expected_db"),
    [
        (URBAN_MICRO, True, 100, 3.5, 85.314),  # 32.4 + 21 lg 100.361 + 20 lg 3.5
        (URBAN_MICRO, True, 1000, 3.5, 119.153),  # 32.4 + 120.0006 + 10.881 - 9.5 lg(210^2 + 8.5^2)
        (URBAN_MICRO, False, 100, 3.5, 104.644),  # 35.3 lg 100.361 + 22.4 + 21.3 lg 3.5
        (URBAN_MICRO, False, 200, 28.0, 134.465),  # 35.3 lg 200.181 + 22.4 + 21.3 lg 28
        (URBAN_MACRO, True, 200, 3.5, 89.570),  # 28 + 22 lg 201.376 + 20 lg 3.5
        (
            URBAN_MACRO,
            True,
            2000,
            2.6,
            121.186,
        ),  # 28 + 40 lg 2000.14 + 8.299 - 9 lg(416^2 + 23.5^2)
        (URBAN_MACRO, False, 500, 3.5, 129.916),  # 13.54 + 39.08 lg 500.552 + 20 lg 3.5
        (INDOOR, True, 10, 28.0, 78.727),  # 32.4 + 17.3 lg 10.112 + 20 lg 28
        (INDOOR, False, 50, 3.5, 95.925),  # 38.3 lg 50.022 + 17.3 + 24.9 lg 3.5
    ],
)
def test_path_loss_by_hand(environment, los, distance_m, carrier_ghz, expected_db):
    place = (float(distance_m), carrier_ghz, BS_HEIGHT_M[environment], 1.5)
    assert radio.path_loss_db(environment, los, *place) == pytest.approx(expected_db, abs=0.01)


@pytest.mark.parametrize(("environment", "near_slope"), [(URBAN_MICRO, 21.0), (URBAN_MACRO, 22.0)])
def test_loss_steepens_at_the_breakpoint_of_the_effective_heights(environment, near_slope):
    bs, ut, carrier = BS_HEIGHT_M[environment], 1.5, 3.5
    at_m = 4 * (bs - 1.0) * (ut - 1.0) * 3.5e9 / 3.0e8

    def slope_db_per_decade(d):
        losses = [radio.path_loss_db(environment, True, x, carrier, bs, ut) for x in (d, d * 1.001)]
        d3 = [math.hypot(x, bs - ut) for x in (d, d * 1.001)]
        return (losses[1] - losses[0]) / math.log10(d3[1] / d3[0])

    assert slope_db_per_decade(at_m * 0.998) == pytest.approx(near_slope, abs=1e-6)
    assert slope_db_per_decade(at_m * 1.0005) == pytest.approx(40.0, abs=1e-6)


@settings(deadline=None)
@given(
    environments,
    st.tuples(metres, metres).map(sorted),
    st.floats(1.5, 12.0),
    st.sampled_from(CARRIERS_GHZ),
    st.booleans(),
)
@example(URBAN_MICRO, [1.0, 2.0], 10.0, 3.5, False)  # beside the antenna, where LOS loses more
def test_distance_and_obstruction_never_help(environment, near_far, ut_height_m, carrier_ghz, los):
    near, far = near_far
    heights = (BS_HEIGHT_M[environment], ut_height_m)
    loss = radio.path_loss_db(environment, los, far, carrier_ghz, *heights)
    assert loss >= radio.path_loss_db(environment, los, near, carrier_ghz, *heights) - 1e-9
    assert loss >= radio.path_loss_db(environment, True, far, carrier_ghz, *heights)
    chance = radio.los_probability(environment, far)
    assert 0.0 <= chance <= radio.los_probability(environment, near) <= 1.0


def test_cqi_table_is_the_specifications():
    # TS 38.214 Table 5.2.2.1-2: bits per symbol and code rate x 1024 of CQI 1 to 15.
    bits = [2] * 6 + [4] * 3 + [6] * 6
    rates = [78, 120, 193, 308, 449, 602, 378, 490, 616, 466, 567, 666, 772, 873, 948]
    expected = [b * r / 1024 for b, r in zip(bits, rates, strict=True)]
    np.testing.assert_allclose(radio.CQI_EFFICIENCY, expected, atol=5e-5)
    # The thresholds' distance to Shannon's bound grows smoothly, from 2.8 to 6.1 dB.
    gap_db = radio.CQI_SNR_DB - 10 * np.log10(2**radio.CQI_EFFICIENCY - 1)
    assert (gap_db[0], gap_db[-1]) == pytest.approx((2.83, 6.07), abs=0.01)
    assert np.all(np.abs(np.diff(gap_db) - 0.25) < 0.26)
    assert radio.lowest_snr_db("cqi") == -6.7
    assert radio.lowest_snr_db("shannon") == -math.inf


@pytest.mark.parametrize("snr_db", [-10.0, -3.0, 4.0, 12.0, 20.0, 30.0])
def test_ergodic_efficiency_is_the_average_over_rayleigh_fading(snr_db):
    strata = 200_000  # stratified draws: the error is below one step over the number of strata
    u = (np.arange(strata) + np.random.default_rng(1).random(strata)) / strata
    faded_db = snr_db + 10 * np.log10(-np.log1p(-u))
    steps = np.concatenate(([0.0], radio.CQI_EFFICIENCY))
    chosen = steps[np.searchsorted(radio.CQI_SNR_DB, faded_db, side="right")]
    assert radio.ergodic_efficiency(snr_db) == pytest.approx(chosen.mean(), abs=2e-4)


def test_ergodic_efficiency_rises_to_the_top_cqi_and_stays_below_shannon():
    snr_db = np.arange(-20.0, 61.0)
    efficiency = np.array([radio.ergodic_efficiency(s) for s in snr_db])
    assert np.all(np.diff(efficiency) > 0)
    assert np.all(efficiency < np.log2(1 + 10 ** (snr_db / 10)))
    assert efficiency[-1] == pytest.approx(5.5547, abs=1e-3)
    assert 0 < efficiency[0] < 1e-4


@settings(deadline=None)
@given(st.floats(0.0, 200.0), st.floats(0.0, 200.0), st.floats(1.0, 60.0))
def test_shadowing_keeps_its_variance_and_forgets_exponentially(first, second, d_cor):
    keep = [revert(1.0, moved, d_cor, 0.0) for moved in (first, second)]
    fresh = revert(0.0, first, d_cor, 1.0)
    assert keep[0] ** 2 + fresh**2 == pytest.approx(1.0)
    assert keep[0] * keep[1] == pytest.approx(math.exp(-(first + second) / d_cor))


def test_a_shadowed_walk_has_unit_deviation_and_autocorrelation():
    moved, d_cor = 4.0, 13.0
    walk = [0.0]
    for normal in np.random.default_rng(2).standard_normal(100_000):
        walk.append(revert(walk[-1], moved, d_cor, normal))
    settled = np.array(walk[100:])
    assert settled.std() == pytest.approx(1.0, rel=0.02)
    for lag in (1, 3, 6):
        expected = math.exp(-lag * moved / d_cor)
        assert np.corrcoef(settled[:-lag], settled[lag:])[0, 1] == pytest.approx(expected, abs=0.02)


def test_noise_and_snr_bounds():
    assert radio.noise_dbm(10e6, 0.0) == pytest.approx(-104.0)
    assert radio.noise_dbm(20e6, 5.0) == pytest.approx(-104.0 + 3.0103 + 5.0, abs=1e-4)
    assert [radio.clip_snr_db(x) for x in (-99.0, -20.0, 3.5, 30.0, 99.0)] == [
        -20,
        -20,
        3.5,
        30,
        30,
    ]


def test_upload_times_in_seconds_and_bytes():
    assert radio.seconds_per_byte(1.0, 8.0, 0.0) == 1.0
    assert radio.seconds_per_byte(2.0, 10e6, 0.1) == pytest.approx(8 / 18e6)
    # A 350 kB image at 5 and at 0.375 Mbit/s; the delay of the last block comes once.
    assert radio.upload_s(350e3, radio.seconds_per_byte(1.0, 5e6, 0.0), 0.0) == pytest.approx(0.56)
    thin_s = radio.upload_s(350e3, radio.seconds_per_byte(1.0, 0.375e6, 0.0), 0.25)
    assert thin_s == pytest.approx(7.4667 + 0.25, abs=1e-4)
    assert radio.upload_s(0.0, 1.0, 0.25) == 0.25


def test_retransmissions_follow_the_geometric_law():
    expected = sum(k * 0.008 * 0.1**k * 0.9 for k in range(40))
    assert radio.harq_delay_s(0.1, 0.008) == pytest.approx(expected)
    assert radio.harq_delay_s(0.0, 0.008) == 0.0


@pytest.mark.parametrize(("mean", "bound"), [(4.0, 1.0), (4.0, 4.0), (0.5, 3.0)])
def test_bounded_exponential_mean_is_the_monte_carlo_average(mean, bound):
    waits = np.minimum(np.random.default_rng(3).exponential(mean, 400_000), bound)
    error = waits.std() / math.sqrt(waits.size)
    value = radio.bounded_exponential_mean(mean, bound)
    assert value == pytest.approx(waits.mean(), abs=4 * error)
    assert value < min(mean, bound)

"""Heat, speed and energy: fixed points, time constants, and nothing counted twice."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeroute_env.physics import power

HEATING_S, COOLING_S = 100.0, 150.0  # the phone's time constants
THROTTLE = (0.35, 0.2, 0.44, 0.6)  # starts at heat .35, full 0.2 later, depth .44; other apps .6

heats = st.floats(0.0, 1.0)
seconds = st.floats(0.0, 1000.0)
eighths = st.integers(0, 4000).map(lambda n: n / 8)  # exact in binary, so that sums compare


@settings(deadline=None)
@given(heats, seconds)
def test_heat_stays_within_its_bounds_and_at_its_fixed_points(heat, duration_s):
    assert heat - 1e-15 <= power.heat_after_work(heat, duration_s, HEATING_S) <= 1.0
    assert 0.0 <= power.heat_after_rest(heat, duration_s, COOLING_S) <= heat
    assert power.heat_after_work(1.0, duration_s, HEATING_S) == 1.0
    assert power.heat_after_rest(0.0, duration_s, COOLING_S) == 0.0


@settings(deadline=None)
@given(heats, seconds, seconds)
def test_two_intervals_heat_like_one(heat, first_s, second_s):
    for law, constant_s in [
        (power.heat_after_work, HEATING_S),
        (power.heat_after_rest, COOLING_S),
    ]:
        halfway = law(heat, first_s, constant_s)
        whole = law(heat, first_s + second_s, constant_s)
        assert law(halfway, second_s, constant_s) == pytest.approx(whole, abs=1e-12)


def test_time_constants_are_those_of_an_exponential():
    assert power.heat_after_work(0.0, HEATING_S, HEATING_S) == pytest.approx(1 - 1 / math.e)
    assert power.heat_after_rest(1.0, COOLING_S, COOLING_S) == pytest.approx(1 / math.e)
    assert power.heat_after_work(0.5, HEATING_S * math.log(2), HEATING_S) == pytest.approx(0.75)
    assert power.heat_after_rest(0.5, COOLING_S * math.log(2), COOLING_S) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("heat", "background", "expected"),
    [
        (0.0, 0.0, 1.0),
        (0.35, 0.0, 1.0),
        (0.45, 0.0, 0.78),
        (0.55, 0.0, 0.56),
        (1.0, 0.0, 0.56),
        (0.0, 1.0, 0.4),
        (0.0, 0.5, 0.7),
        (1.0, 1.0, 0.56 * 0.4),
    ],
)
def test_speed_falls_as_the_phone_throttles(heat, background, expected):
    assert power.speed_factor(heat, background, *THROTTLE) == pytest.approx(expected)


@settings(deadline=None)
@given(heats, heats, heats, heats)
def test_speed_is_bounded_and_falls_with_heat_and_background(heat, other_heat, load, other_load):
    cold, hot = sorted((heat, other_heat))
    idle, busy = sorted((load, other_load))
    speed = power.speed_factor(cold, idle, *THROTTLE)
    assert 0.56 * 0.4 - 1e-12 <= speed <= 1.0
    assert power.speed_factor(hot, idle, *THROTTLE) <= speed
    assert power.speed_factor(cold, busy, *THROTTLE) <= speed


def union_s(intervals: list[tuple[float, float]]) -> float:
    """Return the length of a union of intervals, by visiting every elementary piece."""
    edges = sorted({edge for interval in intervals for edge in interval})
    pieces = itertools.pairwise(edges)
    return sum(b - a for a, b in pieces if any(x <= a and b <= y for x, y in intervals))


def counted_s(intervals: list[tuple[float, float]]) -> float:
    """Return what `tail_seconds` adds up to over intervals in the order of their starts."""
    total, ends_s = 0.0, 0.0
    for start_s, end_s in intervals:
        total += power.tail_seconds(ends_s, start_s, end_s - start_s)
        ends_s = max(ends_s, end_s)
    return total


@settings(deadline=None)
@given(st.lists(eighths, min_size=1, max_size=12), eighths)
def test_tails_of_one_length_are_counted_once(activity_ends_s, tail_s):
    tails = [(end_s, end_s + tail_s) for end_s in sorted(activity_ends_s)]
    assert counted_s(tails) == union_s(tails)


@settings(deadline=None)
@given(st.lists(st.tuples(eighths, eighths), min_size=1, max_size=12))
def test_connections_of_any_length_are_counted_once(starts_and_lengths):
    tails = [(start_s, start_s + length_s) for start_s, length_s in sorted(starts_and_lengths)]
    assert counted_s(tails) == union_s(tails)


def test_a_tail_within_another_adds_nothing():
    assert power.tail_seconds(100.0, 20.0, 10.6) == 0.0
    assert power.tail_seconds(0.0, 20.0, 10.6) == pytest.approx(10.6)
    assert power.tail_seconds(25.0, 20.0, 10.6) == pytest.approx(5.6)


def test_energies_in_joules():
    # Two seconds of prefill at 5 W, ten of decode at 6.6 W.
    assert power.inference_energy_j(2.0, 10.0, 5.0, 6.6) == pytest.approx(76.0)
    # 5G NSA low band: 3.20 W with the screen's 2.3 W, plus 32.2 mW per Mbit/s, at 72 Mbit/s.
    assert power.transmit_energy_j(2.0, 72.0, 0.90, 0.0322) == pytest.approx(6.4368)


@settings(deadline=None)
@given(*[st.floats(0.0, 1e5)] * 4)
def test_energies_add_up(first, second, third, fourth):
    rates = (0.02, 0.15)
    both = power.inference_energy_j(first + third, second + fourth, *rates)
    apart = power.inference_energy_j(first, second, *rates)
    apart += power.inference_energy_j(third, fourth, *rates)
    assert both == pytest.approx(apart)
    one = power.transmit_energy_j(first + second, 20.0, 0.9, 0.0322)
    two = power.transmit_energy_j(first, 20.0, 0.9, 0.0322)
    two += power.transmit_energy_j(second, 20.0, 0.9, 0.0322)
    assert one == pytest.approx(two)

"""The routing literature's metrics, against curves worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import make_router
from edgeroute_baselines.bao import papers_rule
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.evaluation.frontier import Point, routing_metrics
from edgeroute_env.evaluation.literature import (
    Dial,
    curve,
    deadline_s,
    gap_closed,
    goodput,
    share_of_gap,
    thresholds,
)
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.sources import Drawn


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(0.0, share, quality, 1.0) for share, quality in pairs]


def test_a_coin_recovers_as_much_as_it_calls() -> None:
    found = routing_metrics(points((0.0, 0.4), (0.5, 0.6), (1.0, 0.8)))
    assert found["apgr"] == pytest.approx(0.5)
    assert found["cpt50"] == pytest.approx(0.5)
    assert found["cpt80"] == pytest.approx(0.8)
    assert found["aiq"] == pytest.approx(0.6)
    assert found["calls_at_95"] == pytest.approx(0.9)  # .76 is nine tenths of the way
    assert found["calls_at_100"] == pytest.approx(1.0)


def test_a_better_curve_by_hand() -> None:
    found = routing_metrics(points((1.0, 0.8), (0.2, 0.7), (0.0, 0.4), (0.6, 0.65)))
    # The point at .6 lies below the line from .2 to 1: the hull is made of the other three.
    assert found["aiq"] == pytest.approx(0.2 * 0.55 + 0.8 * 0.75)
    # What was measured goes through it.
    area = 0.2 * 0.55 + 0.4 * 0.675 + 0.4 * 0.725
    assert found["apgr"] == pytest.approx((area - 0.4) / 0.4)
    assert found["cpt50"] == pytest.approx(0.2 * 0.2 / 0.3)
    assert found["cpt80"] == pytest.approx(0.6 + 0.4 * 0.07 / 0.15)


def test_a_rule_worse_than_a_coin_is_shown_as_such() -> None:
    found = routing_metrics(points((0.0, 0.4), (0.5, 0.5), (1.0, 0.8)))
    assert found["apgr"] == pytest.approx((0.5 * 0.45 + 0.5 * 0.65 - 0.4) / 0.4)  # .375
    assert found["cpt50"] == pytest.approx(0.5 + 0.5 / 3)
    assert found["aiq"] == pytest.approx(0.6)  # the hull mixes the ends


def test_points_of_one_call_share_count_once() -> None:
    found = routing_metrics(points((0.0, 0.4), (0.0, 0.4), (1.0, 0.7), (1.0, 0.9)))
    assert found["apgr"] == pytest.approx(0.5)
    assert found["calls_at_100"] == pytest.approx(1.0)


def test_a_curve_that_falls_counts_as_its_best() -> None:
    """Where the phone is sometimes the better one, more calls must not cost quality."""
    found = routing_metrics(points((0.0, 0.5), (0.5, 0.9), (1.0, 0.8)))
    assert found["calls_at_100"] == pytest.approx(0.375)
    assert found["aiq"] == pytest.approx(0.5 * 0.7 + 0.5 * 0.9)


def test_no_gap_leaves_what_is_relative_to_it_open() -> None:
    found = routing_metrics(points((0.0, 0.8), (1.0, 0.8)))
    assert (found["apgr"], found["cpt50"], found["calls_at_95"]) == (None, None, 0.0)


def test_a_curve_runs_from_all_on_the_phone_to_all_at_the_edge() -> None:
    scenario = load_scenario("mmlu", {"workload.turns": 32, "radio.distance_max_m": 60})
    seeds = EVALUATION_SEEDS[:30]

    def build(theta: float) -> Any:
        return make_router("score-threshold", {"theta": theta})

    found = curve(Dial(build, thresholds(0.3)), scenario, Drawn(scenario), seeds)
    theta, share, quality, latency_s = np.array(found["points"]).T
    assert (np.diff(theta) > 0).all()
    assert (np.diff(share) <= 0).all()
    assert (share[0], share[-1]) == (1.0, 0.0)
    assert quality[0] > quality[-1]
    assert (latency_s > 0).all()
    assert 0.5 < found["apgr"] < 0.9  # better than a coin: the score tells something


def test_goodput_counts_right_answers_in_time() -> None:
    scenario = load_scenario("paper", {"workload.turns": 20})
    seeds = EVALUATION_SEEDS[:5]
    edge = run_episodes(make_router("edge"), scenario, Drawn(scenario), seeds)
    within_s = deadline_s(scenario, edge)
    latency_s = edge.turns("latency_s")
    assert within_s == 2.0 * np.median(latency_s)
    by_hand = np.mean((latency_s <= within_s) & (edge.turns("quality") >= 0.5))
    assert goodput(edge, within_s) == by_hand
    assert 0.0 < by_hand < 1.0
    assert goodput(edge, 0.0) == 0.0
    late = load_scenario("deadline")
    assert deadline_s(late, edge) == late.objective.deadline_s


def test_the_gap_closed_is_none_of_it_at_the_constant_and_all_at_the_bound() -> None:
    scenario = load_scenario("paper", {"workload.turns": 20})
    seeds = EVALUATION_SEEDS[:8]
    device, edge, bound = (
        run_episodes(make_router(name), scenario, Drawn(scenario), seeds)
        for name in ("device", "edge", "myopic-oracle")
    )
    for run, share in ((edge, 0.0), (bound, 1.0)):
        found = gap_closed(run, edge, bound)
        assert found is not None
        assert found == pytest.approx({"mean": share, "low": share, "high": share})
    worse = gap_closed(device, edge, bound)
    assert worse is not None
    assert worse["low"] < worse["mean"] < worse["high"] < 0.0
    assert gap_closed(edge, bound, edge) is None
    few = np.array([0.0, 1.5])  # drawn again, one in four has no gap
    assert share_of_gap(few / 2, few) == pytest.approx({"mean": 0.5, "low": 0.5, "high": 0.5})


def test_the_papers_rule_prices_switching_where_there_are_dialogues() -> None:
    rules = {name: papers_rule(load_scenario(name)) for name in ("mmlu", "gsm8k", "mtbench101")}
    assert rules == {"mmlu": "bao-single", "gsm8k": "bao-single", "mtbench101": "bao-multi"}

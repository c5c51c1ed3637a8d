"""The linear rule holds Bao's as a special case, and its search ends no worse than it began."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_baselines import BaoRouter, fitting, make_router, registry
from edgeroute_baselines.fitting import Fit, Fitter, OperatingPoint
from edgeroute_baselines.linear import ON_TIME_S, SCALES, LinearRouter, from_bao, margin
from edgeroute_env import EdgeRouteVectorEnv, InputError, decode, load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.traces.sources import Drawn, Pinned
from tests.helpers.evaluated import coins

SEEN_IN = ("paper", "stale", "long-context", "thin-link", "fleet", "busy-cell", "quota")
SETTINGS = [(0.0, 0.3), (0.02, 0.15), (0.06, 0.1), (0.4, -0.2)]
NAN, INF = float("nan"), float("inf")


@functools.cache
def observed(name: str) -> NDArray[np.float32]:
    """Return observations of a preset under random actions, their waits within two minutes."""
    turns, n = 240 if name == "quota" else 60, 24
    env = EdgeRouteVectorEnv(n, name)
    shown = [env.reset(seed=11)[0]]
    for row in coins(turns * n).reshape(turns, n):
        shown.append(env.step(row)[0])
    found = np.concatenate(shown)
    seen = decode(found)
    bounded = [seen[part] <= 120.0 for part in ("edge_wait_s", "device_wait_s", "edge_radio_s")]
    kept: NDArray[np.float32] = found[np.all(bounded, axis=0)]
    return kept


@pytest.mark.parametrize(("alpha_per_s", "theta"), SETTINGS)
def test_from_bao_routes_exactly_as_bao(alpha_per_s: float, theta: float) -> None:
    rule = BaoRouter("bao-multi-queue", alpha_per_s, theta)
    same = LinearRouter(from_bao(alpha_per_s, theta))
    for name in SEEN_IN:
        observations = observed(name)
        assert len(observations) > 1000
        actions, found = rule.route(observations), same.route(observations)
        assert found.dtype == actions.dtype
        assert (found == actions).all(), name
        assert name == "busy-cell" or 0 < actions.sum() < len(actions)


def test_from_bao_weighs_times_alone() -> None:
    weights = from_bao(0.05, 0.2)
    assert set(weights) == set(SCALES)
    timed = {name for name, weight in weights.items() if abs(weight) == 0.05}
    edge = {"edge_radio_s", "edge_compute_s", "edge_switch_s", "edge_wait_s"}
    device = {"device_compute_s", "device_switch_s", "device_wait_s"}
    assert timed == edge | device
    assert all(weights[name] < 0.0 for name in edge)
    assert all(weights[name] > 0.0 for name in device)
    assert (weights["theta"], weights["on_time_s"]) == (0.2, ON_TIME_S)
    rest = set(SCALES) - timed - {"theta", "on_time_s"}
    assert {weights[name] for name in rest} == {0.0}


@pytest.mark.parametrize("name", sorted(set(SCALES) - {"theta", "on_time_s"}))
def test_every_weight_moves_some_decision(name: str) -> None:
    plain = LinearRouter(from_bao(0.05, 0.15))
    moved = False
    for preset in (*SEEN_IN, "hot-phone", "battery", "dialogue-min"):
        observations = observed(preset)
        before = plain.route(observations)
        for step in (3.0, -3.0):
            weights = from_bao(0.05, 0.15)
            weights[name] += step * SCALES[name]
            after = LinearRouter(weights).route(observations)
            assert set(np.unique(after)) <= {0, 1}
            moved |= bool((after != before).any())
    assert moved


@pytest.mark.parametrize("name", SEEN_IN)
def test_compiled_and_stated_margins_are_the_same_numbers(name: str) -> None:
    observations = observed(name)
    weights = dict(SCALES)  # every term weighs something
    router = LinearRouter(weights)
    stated = margin(decode(observations), weights)
    assert np.isfinite(stated).all()
    np.testing.assert_allclose(router.margins(observations), stated, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"theta": None}, "weights"),  # None leaves it out
        ({"heat": None}, "weights"),
        ({"colour": 0.1}, "colour"),
        ({"theta": NAN}, "theta: got nan"),
        ({"edge_load": INF}, "edge_load: got inf"),
        ({"on_time_s": -INF}, "on_time_s: got -inf"),
    ],
)
def test_missing_unknown_and_infinite_weights_are_refused(
    change: dict[str, Any], named: str
) -> None:
    weights = {**from_bao(0.05, 0.2), **change}
    given = {name: value for name, value in weights.items() if value is not None}
    for build in (LinearRouter, lambda weights: make_router("linear", weights)):
        with pytest.raises(InputError) as caught:
            build(given)
        assert "allowed" in str(caught.value)
    with pytest.raises(InputError, match=named):
        LinearRouter(given)


# --- the search


@functools.cache
def training() -> Pinned:
    scenario = load_scenario("hot-phone", {"workload.turns": 32})
    return Pinned(Drawn(scenario), generators(FIT_SEEDS[:12]))


def fitted(
    monkeypatch: pytest.MonkeyPatch, generations: int = 6
) -> tuple[Fit, Fit, list[OperatingPoint]]:
    """Return the fits of Bao's rule and of the linear one, and all that the search tried."""
    searched = registry.spec("linear")
    assert searched.search is not None
    search = dataclasses.replace(searched.search, generations=generations, offspring=8)
    monkeypatch.setitem(registry.ROUTERS, "linear", dataclasses.replace(searched, search=search))
    monkeypatch.setattr(fitting, "REFINEMENT", ())
    kind = registry.spec("bao-multi-queue")
    grid = {"alpha_per_s": (0.02, 0.1, 0.4), "theta": (-0.1, 0.1, 0.3)}
    coarse = dataclasses.replace(kind, grid=grid)
    monkeypatch.setitem(registry.ROUTERS, "bao-multi-queue", coarse)
    scenario = load_scenario("hot-phone", {"workload.turns": 32})
    fitter = Fitter(scenario, Drawn(scenario), FIT_SEEDS[:12])
    tried: list[OperatingPoint] = []
    measure = fitter._measure

    def noted(name: str, parameters: dict[str, float]) -> OperatingPoint:
        point = measure(name, parameters)
        if name == "linear":
            tried.append(point)
        return point

    monkeypatch.setattr(fitter, "_measure", noted)
    linear = fitter.fit("linear", 0.5)
    return fitter.fit("bao-multi-queue", 0.5), linear, tried


def test_the_search_starts_at_baos_fit_and_ends_no_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    bao, linear, tried = fitted(monkeypatch)
    assert tried[0].parameters == from_bao(**bao.best_return.parameters)
    assert tried[0].mean_return == bao.best_return.mean_return
    assert len(tried) == 1 + 6 * 8 + 1
    assert linear.best_return in (tried[0], tried[-1])
    assert linear.best_return.mean_return == max(tried[0].mean_return, tried[-1].mean_return)
    assert linear.best_return.mean_return >= bao.best_return.mean_return
    found = make_router("linear", linear.best_return.parameters)
    scenario = load_scenario("hot-phone", {"workload.turns": 32})
    run = run_episodes(found, scenario, training(), FIT_SEEDS[:12])
    assert run.returns().mean() == pytest.approx(linear.best_return.mean_return, rel=1e-12)


def test_a_longer_search_finds_better_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    bao, linear, tried = fitted(monkeypatch, generations=20)
    assert linear.best_return == tried[-1]
    assert linear.best_return.mean_return > bao.best_return.mean_return


def test_a_search_that_only_gets_worse_keeps_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "SPREAD", 1e4)  # steps so wild that they end anywhere
    bao, linear, tried = fitted(monkeypatch, generations=1)
    assert tried[-1].mean_return < tried[0].mean_return
    assert linear.best_return == tried[0]
    assert linear.best_return.mean_return == bao.best_return.mean_return


def test_the_same_seed_gives_the_same_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = fitted(monkeypatch), fitted(monkeypatch)
    assert first == again
    assert len({tuple(point.parameters.values()) for point in first[2]}) > 40


def test_within_the_tolerance_the_search_keeps_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    _, linear, tried = fitted(monkeypatch)
    assert linear.within_tolerance.quality_lost_points <= 0.5
    assert max(point.quality_lost_points for point in tried) > 0.5

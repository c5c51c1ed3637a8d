"""Parameters are fitted on training seeds alone, and well: on a grid or by a search."""

from __future__ import annotations

import functools
import itertools
import math
from statistics import NormalDist
from typing import Any

import gymnasium.utils.seeding
import numpy as np
import pytest

from edgeroute_baselines import fitted, fitting, make_router, registry
from edgeroute_baselines.fitted import FITTED_ROUTERS, fit_all, fit_seeds
from edgeroute_baselines.fitting import Fitter, OperatingPoint
from edgeroute_env import Scenario, load_scenario, scenario_names
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.seeds import EVALUATION_SEEDS, FIT_SEEDS
from edgeroute_env.traces.sources import Drawn, Pinned
from tests.helpers.small_fits import small

pytestmark = [pytest.mark.usefixtures("short_searches"), pytest.mark.thorough]

SEEDS = FIT_SEEDS[:6]
ON_GRIDS = [name for name in FITTED_ROUTERS if registry.spec(name).grid]
SEARCHED = [name for name in FITTED_ROUTERS if registry.spec(name).search is not None]
# A world in which the phone is never right where the edge is wrong.
DOMINATED = {
    "kind": "questions",
    "name": "dominated",
    "source": "made up",
    "joint": {"both": 0.5, "edge_only": 0.5, "device_only": 0.0, "neither": 0.0},
    "score": {"auc": 0.7},
    "prompt": {"mu": 4.0, "sigma": 0.5},
    "answers": {"device": {"mu": 4.0, "sigma": 0.5}, "edge": {"mu": 4.0, "sigma": 0.5}},
}


def dominated() -> Scenario:
    mix = [{"benchmark": DOMINATED, "share": 1}]
    return small(**{"workload.mix": mix, "objective.quality": "expected"})


@pytest.fixture(scope="module")
def fitter() -> Fitter:
    return Fitter(small(), Drawn(small()), SEEDS)


@pytest.fixture(scope="module")
def coarse() -> dict[str, list[OperatingPoint]]:
    """Every coarse grid point of every router that has a grid, measured without the fitter."""
    points = {}
    for name in ON_GRIDS:
        grid = registry.spec(name).grid
        settings = [dict(zip(grid, s, strict=True)) for s in itertools.product(*grid.values())]
        points[name] = [measured(name, setting) for setting in settings]
    return points


@functools.cache
def training() -> Pinned:
    return Pinned(Drawn(small()), generators(SEEDS))


def measured(name: str, setting: dict[str, float]) -> OperatingPoint:
    run, edge = (
        run_episodes(make_router(*router), small(), training(), SEEDS)
        for router in ((name, setting), ("edge", {}))
    )
    lost = 100.0 * (edge.by_episode("quality") - run.by_episode("quality"))
    error = math.sqrt(np.mean((lost - lost.mean()) ** 2) / len(SEEDS))
    quality, latency_s, edge_share = (
        run.by_episode(field).mean() for field in ("quality", "latency_s", "edge_call")
    )
    surely_lost = lost.mean() + NormalDist().inv_cdf(0.95) * error
    mean_return = run.returns().mean()
    return OperatingPoint(setting, mean_return, quality, surely_lost, latency_s, edge_share)


def saved(point: OperatingPoint, edge: OperatingPoint) -> float:
    """Return the share saved of both latency and calls."""
    return 1.0 - max(point.latency_s / edge.latency_s, point.edge_share / edge.edge_share)


# --- seeds


def test_training_and_evaluation_seeds_never_meet() -> None:
    assert not set(FIT_SEEDS) & set(EVALUATION_SEEDS)
    assert len(FIT_SEEDS) >= fitted.FIT_EPISODES
    assert min(*FIT_SEEDS, *EVALUATION_SEEDS) >= 0


@pytest.mark.parametrize(
    ("turns", "episodes"), [(1, 400), (128, 400), (129, 396), (1280, 40), (100_000, 40)]
)
def test_long_episodes_are_fitted_on_fewer_seeds(turns: int, episodes: int) -> None:
    assert fit_seeds(small(**{"workload.turns": turns})) == FIT_SEEDS[:episodes]


def test_every_preset_is_fitted_on_enough_turns() -> None:
    for name in scenario_names():
        of = load_scenario(name)
        assert len(fit_seeds(of)) * of.workload.turns >= 50_000


def test_a_fit_draws_training_seeds_only_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, plain = [], gymnasium.utils.seeding.np_random

    def noted(seed: int | None = None) -> Any:
        drawn.append(seed)
        return plain(seed)

    monkeypatch.setattr(gymnasium.utils.seeding, "np_random", noted)
    monkeypatch.setattr(fitted, "FIT_EPISODES", 3)
    found = fit_all(small(**{"workload.turns": 4}), "synthetic", 0.5)
    assert set(drawn) == set(FIT_SEEDS[:3])
    assert found["seeds"] == f"{FIT_SEEDS[0]} to {FIT_SEEDS[2]}"


# --- the grid search


@pytest.mark.parametrize("name", ON_GRIDS)
def test_the_best_return_beats_every_coarse_grid_point(
    name: str, fitter: Fitter, coarse: dict[str, list[OperatingPoint]]
) -> None:
    best = fitter.fit(name, 0.5).best_return
    greatest = max(point.mean_return for point in coarse[name])
    assert best.mean_return >= greatest
    assert min(point.mean_return for point in coarse[name]) < greatest
    same_figures(best, measured(name, best.parameters))


def same_figures(stored: OperatingPoint, own: OperatingPoint) -> None:
    """Check that the figures stored with a setting are its own."""
    for field in ("mean_return", "quality", "quality_lost_points", "latency_s", "edge_share"):
        assert getattr(stored, field) == pytest.approx(getattr(own, field), rel=1e-3)


@pytest.mark.parametrize("tolerance_points", [0.0, 0.5, 2.0, 100.0])
@pytest.mark.parametrize("name", ON_GRIDS)
def test_within_the_tolerance_no_coarse_grid_point_saves_more(
    name: str, tolerance_points: float, fitter: Fitter, coarse: dict[str, list[OperatingPoint]]
) -> None:
    edge = measured("edge", {})
    chosen = fitter.fit(name, tolerance_points).within_tolerance
    assert measured(*again(name, chosen)).quality_lost_points <= tolerance_points
    allowed = [point for point in coarse[name] if point.quality_lost_points <= tolerance_points]
    assert saved(chosen, edge) >= max([0.0, *(saved(point, edge) for point in allowed)])
    if tolerance_points == 100.0:
        assert len(allowed) == len(coarse[name])
        assert saved(chosen, edge) > 0.0
    else:
        assert len(allowed) < len(coarse[name])


def again(name: str, point: OperatingPoint) -> tuple[str, dict[str, float]]:
    """Return the router of a point, edge-only where it has no parameters."""
    return (name, point.parameters) if point.parameters else ("edge", {})


def spied(
    fitter: Fitter, monkeypatch: pytest.MonkeyPatch, name: str, tolerance_points: float
) -> tuple[fitting.Fit, list[OperatingPoint], int]:
    """Fit one router; return the fit, the settings that it tried and the calls of `on_trial`."""
    search = registry.spec(name).search
    if search is not None:
        fitter.fit(registry.ANALYTIC, tolerance_points)
    tried, calls = [], []

    def noted(router: str, setting: dict[str, float]) -> OperatingPoint:
        assert router == name
        tried.append(Fitter._measure(fitter, router, setting))
        return tried[-1]

    monkeypatch.setattr(fitter, "_measure", noted)
    return fitter.fit(name, tolerance_points, lambda: calls.append(1)), tried, len(calls)


@pytest.mark.parametrize("name", FITTED_ROUTERS)
def test_each_setting_is_tried_once_and_the_progress_adds_up(
    name: str, fitter: Fitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tried, calls = spied(fitter, monkeypatch, name, 0.5)
    assert len(tried) == len({tuple(point.parameters.values()) for point in tried})
    assert len(tried) <= calls <= fitting.trials(name)
    if name in SEARCHED:
        # One fewer where both points that a search begins at are the same.
        assert len(tried) == calls >= fitting.trials(name) - 1


# --- the search


@pytest.mark.parametrize("name", SEARCHED)
def test_a_search_begins_at_the_simpler_fit_and_loses_nothing_to_it(
    name: str, fitter: Fitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = registry.spec(name).search
    assert search is not None
    simpler = fitter.fit(registry.ANALYTIC, 0.5).best_return
    found, tried, _ = spied(fitter, monkeypatch, name, 0.5)
    start, end = tried[0], tried[-1]
    assert start.parameters == search.start(**simpler.parameters)
    same_figures(start, measured(registry.ANALYTIC, simpler.parameters))  # it routes alike
    assert found.best_return == max(start, end, key=lambda point: point.mean_return)
    same_figures(found.best_return, measured(name, found.best_return.parameters))
    assert len({point.mean_return for point in tried}) > 1


@pytest.mark.parametrize("tolerance_points", [0.0, 0.5, 2.0, 100.0])
@pytest.mark.parametrize("name", SEARCHED)
def test_within_the_tolerance_nothing_that_a_search_tried_saves_more(
    name: str, tolerance_points: float, fitter: Fitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = measured("edge", {})
    found, tried, _ = spied(fitter, monkeypatch, name, tolerance_points)
    chosen = found.within_tolerance
    assert measured(*again(name, chosen)).quality_lost_points <= tolerance_points
    allowed = [point for point in tried if point.quality_lost_points <= tolerance_points]
    assert saved(chosen, edge) == max([0.0, *(saved(point, edge) for point in allowed)])
    assert (len(allowed) == len(tried)) == (tolerance_points == 100.0)
    assert saved(chosen, edge) > 0.0 or tolerance_points < 100.0


@pytest.mark.parametrize("name", SEARCHED)
def test_a_search_repeats_exactly(name: str) -> None:
    fits = [Fitter(small(), Drawn(small()), SEEDS).fit(name, 0.5) for _ in range(2)]
    assert fits[0] == fits[1]


def test_where_every_saving_costs_quality_the_fit_is_edge_only() -> None:
    of = dominated()
    strict = Fitter(of, Drawn(of), SEEDS)
    for name in FITTED_ROUTERS:
        chosen = strict.fit(name, 0.0).within_tolerance
        assert chosen.edge_share == 1.0
        assert saved(chosen, strict.edge) == 0.0
        assert chosen.parameters == {}
        if name in SEARCHED:  # none of a few settings around edge-only need save anything
            continue
        loose = strict.fit(name, 100.0).within_tolerance
        assert set(loose.parameters) == set(registry.spec(name).parameters)
        assert saved(loose, strict.edge) > 0.0

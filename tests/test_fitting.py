"""Parameters are fitted on training seeds alone, well, and stored with what they hold for."""

from __future__ import annotations

import functools
import itertools
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import gymnasium.utils.seeding
import numpy as np
import pytest

from baselines import fitted, fitting, make_router, registry, router_names
from baselines.fitted import FITTED_ROUTERS, fingerprint, fit_all, parameters, store, stored
from baselines.fitting import Fitter, Point
from edgeroute_env import Scenario, __version__, load_scenario
from edgeroute_env.config_files import read_yaml
from edgeroute_env.evaluation.episodes import EVALUATION_SEEDS, FIT_SEEDS, generators, run_episodes
from edgeroute_env.traces.sources import Drawn, Pinned

SEEDS = FIT_SEEDS[:6]
# A world in which the phone is never right where the edge is wrong.
DOMINATED = {
    "kind": "questions",
    "name": "dominated",
    "source": "made up",
    "joint": {"both": 0.5, "edge_only": 0.5, "device_only": 0.0, "neither": 0.0},
    "prompt": {"mu": 4.0, "sigma": 0.5},
    "answers": {"device": {"mu": 4.0, "sigma": 0.5}, "edge": {"mu": 4.0, "sigma": 0.5}},
}


@functools.cache
def plain() -> Scenario:
    return load_scenario("paper", {"name": "small", "workload.turns": 16})


def small(**changes: Any) -> Scenario:
    return load_scenario(plain(), changes)


def dominated() -> Scenario:
    mix = [{"calibration": DOMINATED, "share": 1}]
    return small(**{"workload.mix": mix, "objective.quality": "expected"})


@pytest.fixture(scope="module")
def fitter() -> Fitter:
    return Fitter(small(), Drawn(small()), SEEDS)


@pytest.fixture(scope="module")
def coarse() -> dict[str, list[Point]]:
    """Every coarse grid point of every router, measured without the fitter."""
    points = {}
    for name in FITTED_ROUTERS:
        grid = registry.kind(name).grid
        settings = [dict(zip(grid, s, strict=True)) for s in itertools.product(*grid.values())]
        points[name] = [measured(name, setting) for setting in settings]
    return points


@functools.cache
def training() -> Pinned:
    return Pinned(Drawn(small()), generators(SEEDS))


def measured(name: str, setting: dict[str, float]) -> Point:
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
    return Point(setting, run.returns().mean(), quality, surely_lost, latency_s, edge_share)


def saved(point: Point, edge: Point) -> float:
    """Return the share saved of both latency and calls."""
    return 1.0 - max(point.latency_s / edge.latency_s, point.edge_share / edge.edge_share)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep stored fits out of the presets' own folder, and fit on few episodes."""
    (tmp_path / "fitted").mkdir()
    monkeypatch.setattr(fitted, "config_path", tmp_path.joinpath)
    monkeypatch.setattr(fitted, "FIT_EPISODES", 2)
    return tmp_path / "fitted"


@pytest.fixture(scope="module")
def entry() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted, "FIT_EPISODES", 2)
        return fit_all(small(), "synthetic", 0.5)


# --- seeds


def test_training_and_evaluation_seeds_never_meet() -> None:
    assert not set(FIT_SEEDS) & set(EVALUATION_SEEDS)
    assert len(FIT_SEEDS) >= fitting.FIT_EPISODES
    assert min(*FIT_SEEDS, *EVALUATION_SEEDS) >= 0


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


@pytest.mark.parametrize("name", FITTED_ROUTERS)
def test_the_best_return_beats_every_coarse_grid_point(
    name: str, fitter: Fitter, coarse: dict[str, list[Point]]
) -> None:
    best = fitter.fit(name, 0.5).best_return
    greatest = max(point.mean_return for point in coarse[name])
    assert best.mean_return >= greatest
    assert min(point.mean_return for point in coarse[name]) < greatest
    # The figures stored with a setting are its own.
    own = measured(name, best.parameters)
    for field in ("mean_return", "quality", "quality_lost_points", "latency_s", "edge_share"):
        assert getattr(best, field) == pytest.approx(getattr(own, field), rel=1e-3)


@pytest.mark.parametrize("tolerance_points", [0.0, 0.5, 5.0, 100.0])
@pytest.mark.parametrize("name", FITTED_ROUTERS)
def test_within_the_tolerance_no_coarse_grid_point_saves_more(
    name: str, tolerance_points: float, fitter: Fitter, coarse: dict[str, list[Point]]
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


def again(name: str, point: Point) -> tuple[str, dict[str, float]]:
    """Return the router of a point, edge-only where it has no parameters."""
    return (name, point.parameters) if point.parameters else ("edge", {})


def test_each_setting_is_tried_once_and_the_progress_adds_up(
    fitter: Fitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FITTED_ROUTERS:
        tried, calls = [], []

        def noted(router: str, setting: dict[str, float], tried: list[Any] = tried) -> Point:
            tried.append((router, *setting.values()))
            return Fitter._measure(fitter, router, setting)

        monkeypatch.setattr(fitter, "_measure", noted)
        fitter.fit(name, 0.5, lambda calls=calls: calls.append(1))
        assert len(tried) == len(set(tried))
        assert {router for router, *_ in tried} == {name}
        assert len(tried) <= len(calls) <= fitting.trials(name)


def test_where_every_saving_costs_quality_the_fit_is_edge_only() -> None:
    of = dominated()
    strict = Fitter(of, Drawn(of), SEEDS)
    for name in FITTED_ROUTERS:
        chosen = strict.fit(name, 0.0).within_tolerance
        assert chosen.edge_share == 1.0
        assert saved(chosen, strict.edge) == 0.0
        assert chosen.parameters == {}
        loose = strict.fit(name, 100.0).within_tolerance
        assert set(loose.parameters) == set(registry.kind(name).grid)
        assert saved(loose, strict.edge) > 0.0


# --- what is stored


def test_a_fit_carries_its_provenance_and_every_router(entry: dict[str, Any]) -> None:
    assert entry["fingerprint"] == fingerprint(small(), "synthetic")
    assert entry["seeds"] == "0 to 1"
    assert entry["version"] == __version__
    assert entry["tolerance_points"] == 0.5
    with_grid = {name for name in router_names() if registry.kind(name).grid}
    assert set(entry["routers"]) == with_grid
    for name, points in entry["routers"].items():
        make_router(name, points["best_return"]["parameters"])
        assert set(points) == {"best_return", "within_tolerance"}
    assert (
        parameters(entry, "bao-multi") == entry["routers"]["bao-multi"]["best_return"]["parameters"]
    )
    assert parameters(entry, "edge") == {}


def test_a_stored_fit_reads_back_as_it_was(folder: Path, entry: dict[str, Any]) -> None:
    assert stored(small(), "synthetic") is None
    path = store(small(), "synthetic", entry)
    assert path == folder / "small.yaml"
    assert [found.name for found in folder.iterdir()] == ["small.yaml"]
    assert stored(small(), "synthetic") == entry
    assert stored(small(), "synthetic", 0.5) == entry
    other = {**entry, "seeds": "made up"}
    store(small(), "recorded", other)
    assert read_yaml(path) == {"synthetic": entry, "recorded": other}


@pytest.mark.parametrize(
    "change",
    [
        {"weights.edge_call": 0.081},
        {"workload.turns": 17},
        {"workload.mix.0.share": 0.41},
        {"device.switch_s": 0.16},
        {"edge.model": "llama-3.1-70b"},
        {"radio.outage_mean_s": 4.1},
        {"radio.snr_runs": {"file": "snr.csv"}},
        {"budgets.edge_calls": 5},
        {"objective.quality": "expected"},
        {"name": "other"},
    ],
    ids=str,
)
def test_a_stored_fit_is_void_for_another_scenario(
    change: dict[str, Any], folder: Path, entry: dict[str, Any]
) -> None:
    store(small(), "synthetic", entry)
    assert stored(small(**change), "synthetic") is None
    assert stored(small(description="told otherwise"), "synthetic") == entry


def test_a_stored_fit_is_void_for_another_tolerance_or_kind(
    folder: Path, entry: dict[str, Any]
) -> None:
    store(small(), "synthetic", entry)
    assert stored(small(), "synthetic", 0.6) is None
    assert stored(small(), "synthetic", 0.0) is None
    assert stored(small(), "recorded") is None
    incomplete = {**entry, "routers": dict(list(entry["routers"].items())[1:])}
    store(small(), "synthetic", incomplete)
    assert stored(small(), "synthetic") is None


def test_a_stored_fit_is_void_once_its_data_change(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    table = tmp_path / "gaps.csv"
    table.write_text("time_s\n" + "".join(f"{t}\n" for t in range(12)))
    of = small(**{"workload.arrivals": {"file": "gaps.csv"}})
    found = {**entry, "fingerprint": fingerprint(of, "recorded")}
    assert set(found["fingerprint"]) == {"scenario", "gaps.csv"}
    store(of, "recorded", found)
    assert stored(of, "recorded") == found
    table.write_text(table.read_text() + "13\n")
    assert stored(of, "recorded") is None

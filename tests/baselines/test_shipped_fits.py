"""The fits that ship hold for the presets, the data and the simulator that ship with them."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any

import pytest

from edgeroute_baselines import make_router
from edgeroute_baselines.fitted import FITTED_ROUTERS, fingerprint, fit_seeds
from edgeroute_baselines.fitting import OperatingPoint
from edgeroute_baselines.registry import ANALYTIC, spec
from edgeroute_env import load_scenario, scenario_names
from edgeroute_env.config_files import config_names, config_path, read_yaml
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.files import without_sha256
from edgeroute_env.recordings.downloads import data_folder
from edgeroute_env.traces.recorded import TraceKind, drawn, recorded_files
from edgeroute_env.traces.sources import Pinned

pytestmark = pytest.mark.thorough

SHIPPED: list[tuple[str, str, dict[str, Any]]] = [
    (name, kind, entry)
    for name in config_names("fitted")
    for kind, entry in without_sha256(read_yaml(config_path("fitted", f"{name}.yaml"))).items()
]
LONG = [(name, "recorded") for name in ("dialogue-min", "busy-cell", "long-context")]
each_fit = pytest.mark.parametrize(
    ("name", "kind", "entry"),
    [
        pytest.param(
            *fit, marks=[pytest.mark.slow] if fit[:2] in LONG else [], id="-".join(fit[:2])
        )
        for fit in SHIPPED
    ],
)


def skip_without_data(name: str, kind: str) -> None:
    files = recorded_files(load_scenario(name)) if kind == "recorded" else []
    absent = [file for file in files if not (data_folder() / file).is_file()]
    if absent:
        pytest.skip(f"the data folder lacks {', '.join(absent)}")


@pytest.mark.parametrize("name", scenario_names())
def test_every_preset_ships_a_fit_to_each_kind_of_traces(name: str) -> None:
    kinds = {"synthetic", "recorded"} if recorded_files(load_scenario(name)) else {"synthetic"}
    shipped = {kind for fitted, kind, _ in SHIPPED if fitted == name}
    assert shipped == kinds, "run `make fit`"


@each_fit
def test_a_fit_belongs_to_its_preset_as_it_is_now(
    name: str, kind: str, entry: dict[str, Any]
) -> None:
    assert name in scenario_names()
    assert kind in ("synthetic", "recorded")
    of = load_scenario(name)
    current, seeds = fingerprint(of, "synthetic")["scenario"], fit_seeds(of)
    assert entry["fingerprint"]["scenario"] == current, "the preset changed: run `make fit`"
    assert entry["seeds"] == f"{seeds[0]} to {seeds[-1]}", "run `make fit`"


@each_fit
def test_a_fit_to_recordings_belongs_to_the_data_as_they_are_now(
    name: str, kind: str, entry: dict[str, Any]
) -> None:
    skip_without_data(name, kind)
    assert entry["fingerprint"] == fingerprint(load_scenario(name), kind)


@each_fit
def test_a_fit_names_routers_and_settings_that_exist(
    name: str, kind: str, entry: dict[str, Any]
) -> None:
    assert set(entry["routers"]) == set(FITTED_ROUTERS)
    for router, points in entry["routers"].items():
        assert set(points) == {"best_return", "within_tolerance"}
        make_router(router, points["best_return"]["parameters"])
        within = points["within_tolerance"]
        make_router(router if within["parameters"] else "edge", within["parameters"])
        assert within["quality_lost_points"] <= entry["tolerance_points"]
        for point in points.values():
            assert set(point) == {field.name for field in fields(OperatingPoint)}
        # A search keeps no lucky trial, so what it must beat is the fit that it began at. Edge-only
        # stands in where no setting keeps the tolerance; it is spared the scorer.
        search = spec(router).search
        beaten = entry["routers"][ANALYTIC]["best_return"] if search else within
        if search or within["parameters"]:
            assert points["best_return"]["mean_return"] >= beaten["mean_return"]


@functools.lru_cache(maxsize=1)
def training(name: str, kind: TraceKind) -> Pinned:
    of = load_scenario(name)
    return Pinned(drawn(of, kind, "fit"), generators(fit_seeds(of)))


@pytest.mark.parametrize("router", ["bao-multi-queue", "linear"])
@each_fit
def test_the_simulator_still_gives_the_figures_of_a_fit(
    name: str, kind: TraceKind, entry: dict[str, Any], router: str
) -> None:
    skip_without_data(name, kind)
    assert router in entry["routers"], "run `make fit`"
    of = load_scenario(name)
    point = entry["routers"][router]["best_return"]
    chosen = make_router(router, point["parameters"])
    run = run_episodes(chosen, of, training(name, kind), fit_seeds(of))
    found = {"mean_return": run.returns().mean(), "quality": run.by_episode("quality").mean()}
    found["latency_s"] = run.by_episode("latency_s").mean()
    expected = {field: point[field] for field in found}
    assert found == pytest.approx(expected, rel=1e-3), "the simulator changed: run `make fit`"

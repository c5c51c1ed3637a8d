"""Stored fits: `configs/fitted/SCENARIO.yaml`, valid for the scenario and data they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from edgeroute_baselines.fitting import Fit, Fitter, OperatingPoint, Parameters
from edgeroute_baselines.registry import ROUTERS, make_router, spec
from edgeroute_env import InputError, __version__
from edgeroute_env.config_files import config_path, read_yaml
from edgeroute_env.files import replacing
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.semantic.recorded_scores import score_key
from edgeroute_env.tables_io import content_sha256, read_frame
from edgeroute_env.traces.recorded import TraceKind, drawn, recorded_files, scored_tables

FIT_EPISODES, FIT_TURNS, FEWEST_EPISODES = 400, 51_200, 40
FITTED_ROUTERS = tuple(name for name, router in ROUTERS.items() if router.fitted)


def fingerprint(scenario: Scenario, traces: TraceKind) -> dict[str, str]:
    """Return the hashes of all that a fit depends on: scenario, recorded files, their scores."""
    hashes = {"scenario": scenario_hash(scenario)}
    if traces == "recorded":
        for name in recorded_files(scenario):
            hashes[name] = content_sha256(read_frame(data_file(name)))[:16]
        for k, table in enumerate(scored_tables(scenario)):
            hashes[f"scores {k}"] = score_key(table.questions)[:16]
    return hashes


def fit_all(
    scenario: Scenario,
    traces: TraceKind,
    tolerance_points: float,
    on_trial: Callable[[], None] = lambda: None,
    names: Sequence[str] = FITTED_ROUTERS,
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Fit routers and return the entry to store, with its provenance.

    A saving may cost `tolerance_points` of quality, in points of 100. `on_trial` is called after
    each setting. `known` is a valid entry (see `stored_fits`) whose fits of other routers are kept.

    Raises:
        InputError: a router among `names` has no parameters to fit.
    """
    for name in names:
        if name not in FITTED_ROUTERS:
            raise InputError("router", name, "one of " + ", ".join(FITTED_ROUTERS))
    seeds = fit_seeds(scenario)
    kept = dict(known["routers"]) if known else {}
    others = {name: _fit(points) for name, points in kept.items() if name not in names}
    fitter = Fitter(scenario, drawn(scenario, traces, "fit"), seeds, others)
    for name in names:
        fit = fitter.fit(name, tolerance_points, on_trial)
        kept[name] = {
            "best_return": _entry(fit.best_return),
            "within_tolerance": _entry(fit.within_tolerance),
        }
    return {
        "fingerprint": fingerprint(scenario, traces),
        "tolerance_points": tolerance_points,
        "seeds": _named(seeds),
        "version": __version__,
        "routers": {name: kept[name] for name in FITTED_ROUTERS if name in kept},
    }


def unfitted(entry: Mapping[str, Any] | None) -> list[str]:
    """Return the routers that a valid entry, or none at all, holds no fit of."""
    return [name for name in FITTED_ROUTERS if entry is None or name not in entry["routers"]]


def fit_seeds(scenario: Scenario) -> Sequence[int]:
    """Return the training seeds of a scenario: fewer where its episodes are long."""
    enough = max(FIT_TURNS // scenario.workload.turns, FEWEST_EPISODES)
    return FIT_SEEDS[: min(FIT_EPISODES, enough)]


def stored_fits(
    scenario: Scenario, traces: TraceKind, tolerance_points: float | None = None
) -> dict[str, Any] | None:
    """Return the stored fits of a scenario, or None where there are none that are valid.

    An entry is valid for the routers that it holds; `unfitted` names the others. With a tolerance,
    only fits for that very tolerance are valid.
    """
    entry: dict[str, Any] | None = _entries(scenario).get(traces)
    if entry is None or tolerance_points not in (None, entry["tolerance_points"]):
        return None
    if entry["fingerprint"] != fingerprint(scenario, traces):
        return None
    return entry


def to_extend(
    scenario: Scenario, traces: TraceKind, tolerance_points: float
) -> dict[str, Any] | None:
    """Return the stored entry that a new fit of one router may join, None where there is none.

    All of an entry is of one provenance: the same data, tolerance, seeds and version.
    """
    entry = stored_fits(scenario, traces, tolerance_points)
    if entry is None or entry["version"] != __version__:
        return None
    return entry if entry["seeds"] == _named(fit_seeds(scenario)) else None


def has_entry(scenario: Scenario, traces: TraceKind) -> bool:
    """Return whether there is a fit under the scenario's name, valid or not."""
    return traces in _entries(scenario)


def store(scenario: Scenario, traces: TraceKind, entry: dict[str, Any]) -> Path:
    """Write an entry of `fit_all` into the scenario's file and return its path."""
    path, content = fitted_file(scenario), _entries(scenario)
    content[traces] = entry
    with replacing(path) as part:
        text = "# Written by `edgeroute fit`; fitted on training seeds.\n"
        part.write_text(text + yaml.safe_dump(content, sort_keys=True), encoding="utf-8")
    return path


def parameters(entry: dict[str, Any], name: str, point: str = "best_return") -> Parameters:
    """Return a router's parameters from an entry; empty for one that has none to fit."""
    owner = spec(name).parameters_of or name
    if owner not in FITTED_ROUTERS:
        return {}
    found: Parameters = entry["routers"][owner][point]["parameters"]
    return found


def stored_parameters(scenario: Scenario, traces: TraceKind, name: str) -> Parameters | None:
    """Return a router's stored parameters, none where it has none; None without a valid fit.

    What is chosen in hindsight is never stored.
    """
    if not spec(name).parameters:
        return {}
    entry = stored_fits(scenario, traces)
    if entry is None or (spec(name).parameters_of or name) not in entry["routers"]:
        return None
    return parameters(entry, name)


def fitted_parameters(scenario: Scenario, traces: TraceKind, name: str) -> Parameters:
    """Return a router's stored parameters; InputError where no valid fit is stored."""
    found = stored_parameters(scenario, traces, name)
    if found is None:
        allowed = f"a scenario with a valid fit; edgeroute fit -s {scenario.name} makes one"
        raise InputError("scenario", f"{scenario.name}, {traces} traces", allowed)
    return found


def fitted_router(scenario: Scenario, traces: TraceKind, name: str) -> Router:
    """Return a router with its stored parameters; InputError where no valid fit is stored."""
    return make_router(name, fitted_parameters(scenario, traces, name))


def fitted_file(scenario: Scenario) -> Path:
    """Return where the fits of a scenario are stored."""
    return config_path("fitted", f"{scenario.name}.yaml")


def _entries(scenario: Scenario) -> dict[str, Any]:
    """Return all that is stored for a scenario, valid or not, by kind of traces."""
    path = fitted_file(scenario)
    return read_yaml(path) if path.is_file() else {}


def _named(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}"


def _fit(points: Mapping[str, Any]) -> Fit:
    """Return what an entry tells of a router as the fit that it was."""
    return Fit(**{name: OperatingPoint(**point) for name, point in points.items()})


def _entry(point: OperatingPoint) -> dict[str, Any]:
    return {
        key: {k: float(v) for k, v in value.items()} if key == "parameters" else round(value, 5)
        for key, value in asdict(point).items()
    }

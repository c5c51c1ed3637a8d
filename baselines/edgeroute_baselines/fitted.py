"""Stored fits, valid for the scenario and data they name.

Those of the presets come with the package, in `configs/fitted/SCENARIO.yaml`. All others are kept
in the user's data folder, in `fits/SCENARIO-HASH.yaml`: scenarios of one name do not clash.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from edgeroute_baselines.fitting import Fit, Fitter, OperatingPoint, Parameters, trials
from edgeroute_baselines.registry import ANALYTIC, ROUTERS, make_router, spec
from edgeroute_env import InputError, __version__
from edgeroute_env.config_files import config_path, read_checked_yaml
from edgeroute_env.files import replacing, with_sha256, writing
from edgeroute_env.parallel import HERE, Plan, Step, Task, Workers, outcome
from edgeroute_env.recordings.downloads import data_file, data_folder
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario, scenario_hash, scenario_names
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.semantic.recorded_scores import score_key
from edgeroute_env.tables_io import content_sha256, read_frame
from edgeroute_env.traces.recorded import TraceKind, drawn, recorded_files, scored_tables
from edgeroute_env.traces.sources import TraceSource

FIT_EPISODES, FIT_TURNS, FEWEST_EPISODES = 400, 51_200, 40
FITTED_ROUTERS = tuple(name for name, router in ROUTERS.items() if router.fitted)
TOLERANCE_POINTS = 0.5  # of quality, of 100, that a saving may cost unless another is asked for

Content = dict[str, Any]  # entries by kind of traces, as a file holds them
_unkept: dict[Path, Content] = {}  # what no file could take, for the rest of this process


def fingerprint(scenario: Scenario, traces: TraceKind) -> dict[str, str]:
    """Return the hashes of all that a fit depends on: scenario, recorded files, their scores."""
    hashes = {"scenario": scenario_hash(scenario)}
    if traces == "recorded":
        for name in recorded_files(scenario):
            hashes[name] = content_sha256(read_frame(data_file(name)))[:16]
        for k, table in enumerate(scored_tables(scenario)):
            hashes[f"scores {k}"] = score_key(table.questions, table.by)[:16]
    return hashes


def fit_all(
    scenario: Scenario,
    traces: TraceKind,
    tolerance_points: float,
    names: Sequence[str] = FITTED_ROUTERS,
    known: Mapping[str, Any] | None = None,
    by: Workers = HERE,
) -> dict[str, Any]:
    """Fit routers and return the entry to store, with its provenance.

    A saving may cost `tolerance_points` of quality, in points of 100. `known` is a valid entry (see
    `stored_fits`) whose fits of other routers are kept.

    Raises:
        InputError: a router among `names` has no parameters to fit.
    """
    return outcome(fits_plan(scenario, traces, tolerance_points, names, known), by)


def fits_plan(
    scenario: Scenario,
    traces: TraceKind,
    tolerance_points: float,
    names: Sequence[str] = FITTED_ROUTERS,
    known: Mapping[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None] = lambda entry: None,
) -> Plan[dict[str, Any]]:
    """Plan what `fit_all` does; `keep` takes the entry so far whenever a router is fitted."""
    for name in names:
        if name not in FITTED_ROUTERS:
            raise InputError("router", name, "one of " + ", ".join(FITTED_ROUTERS))
    seeds, source = fit_seeds(scenario), drawn(scenario, traces, "fit")
    hashes = fingerprint(scenario, traces)
    old = known["routers"] if known else {}
    kept = {name: fit for name, fit in old.items() if name not in names}
    start = {ANALYTIC: _fit(kept[ANALYTIC])} if ANALYTIC in kept else {}

    def entry() -> dict[str, Any]:
        return {
            "fingerprint": hashes,
            "tolerance_points": tolerance_points,
            "seeds": _named(seeds),
            "version": __version__,
            "routers": {name: kept[name] for name in FITTED_ROUTERS if name in kept},
        }

    def task(name: str) -> Task:
        def keeps(fit: Fit) -> None:
            if name in names:
                kept[name] = {point: _entry(found) for point, found in vars(fit).items()}
                keep(entry())

        given = (name, tolerance_points, scenario, source, seeds, start)
        told = f"the fit of {name} to {scenario.name}, {traces} traces"
        return Task(told, _fitted, given, trials(name), keeps)

    searched = [name for name in names if spec(name).search is not None]
    others = [name for name in names if name not in searched]
    if searched and ANALYTIC not in (*others, *start):
        others.append(ANALYTIC)
    found = yield [task(name) for name in others]
    if ANALYTIC in others:
        start = {ANALYTIC: found[others.index(ANALYTIC)]}
    # The longest first, so that no worker is left alone with it at the end.
    yield [task(name) for name in sorted(searched, key=trials, reverse=True)]
    return entry()


def _fitted(
    step: Step,
    name: str,
    tolerance_points: float,
    scenario: Scenario,
    source: TraceSource,
    seeds: Sequence[int],
    known: Mapping[str, Fit],
) -> Fit:
    """Return the fit of one router."""
    fitter = Fitter(scenario, source, seeds, known)
    return fitter.fit(name, tolerance_points, lambda: step(1))


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
    hashes = fingerprint(scenario, traces)
    found = [_valid(path, traces, hashes, tolerance_points) for path in _files(scenario, hashes)]
    valid = [entry for entry in found if entry is not None]
    return max(valid, key=lambda entry: len(entry["routers"]), default=None)


def fit_missing(
    scenario: Scenario,
    traces: TraceKind,
    routers: Iterable[str] = FITTED_ROUTERS,
    tolerance_points: float | None = None,
    by: Workers = HERE,
) -> tuple[dict[str, Any] | None, list[str]]:
    """Fit those of some routers that no stored fit is valid for, and keep their fits.

    Returns the entry with the fits of all of them, None where none of them has parameters, and the
    names of those fitted now. A stored entry of another version or of other seeds is not added to:
    where it lacks a router, all that are asked for are fitted. Fits that no file can take are kept
    for this process, and one warning says so.
    """
    return outcome(missing_plan(scenario, traces, routers, tolerance_points), by)


def missing_plan(
    scenario: Scenario,
    traces: TraceKind,
    routers: Iterable[str] = FITTED_ROUTERS,
    tolerance_points: float | None = None,
) -> Plan[tuple[dict[str, Any] | None, list[str]]]:
    """Plan what `fit_missing` does."""
    owners = dict.fromkeys(spec(name).parameters_of or name for name in routers)
    entry = stored_fits(scenario, traces, tolerance_points)
    absent = [name for name in unfitted(entry) if name in owners]
    if not absent:
        return entry, []
    points = TOLERANCE_POINTS if tolerance_points is None else tolerance_points
    if entry is not None and _is_of_today(entry, scenario):
        points = entry["tolerance_points"]
    else:
        entry, absent = None, [name for name in FITTED_ROUTERS if name in owners]
    entry = yield from fits_plan(scenario, traces, points, absent, entry)
    path = own_file(scenario, traces)
    try:
        store(path, traces, entry)
    except InputError as error:
        _unkept.setdefault(path, {})[traces] = entry
        logging.getLogger(__name__).warning("fits are used but not kept: %s", error)
    return entry, absent


def to_extend(
    path: Path, scenario: Scenario, traces: TraceKind, tolerance_points: float
) -> dict[str, Any] | None:
    """Return a file's entry that a new fit of one router may join, None where there is none.

    All of an entry is of one provenance: the same data, tolerance, seeds and version.
    """
    entry = _valid(path, traces, fingerprint(scenario, traces), tolerance_points)
    return entry if entry is not None and _is_of_today(entry, scenario) else None


def has_entry(path: Path, traces: TraceKind) -> bool:
    """Return whether a file holds a fit, valid or not."""
    return traces in _content(path)


def store(path: Path, traces: TraceKind, entry: dict[str, Any]) -> None:
    """Write an entry of `fit_all` into a file of fits; InputError if it cannot be written."""
    content = {**_content(path), traces: entry}
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        text = "# Written by `edgeroute fit`; fitted on training seeds.\n"
        text += yaml.safe_dump(with_sha256(content), sort_keys=True)
        part.write_text(text, encoding="utf-8")


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
        way = "edgeroute_baselines.fit_missing"
        if scenario.name in scenario_names() and load_scenario(scenario.name) == scenario:
            way = f"edgeroute fit {name} -s {scenario.name} --traces {traces}"
        allowed = f"a scenario with a valid fit; to make one: {way}"
        raise InputError("scenario", f"{scenario.name}, {traces} traces", allowed)
    return found


def fitted_router(scenario: Scenario, traces: TraceKind, name: str) -> Router:
    """Return a router with its stored parameters; InputError where no valid fit is stored."""
    return make_router(name, fitted_parameters(scenario, traces, name))


def packaged_file(scenario: Scenario) -> Path:
    """Return where the fits of a preset come from, in the package or a checkout."""
    return config_path("fitted", f"{scenario.name}.yaml")


def own_file(scenario: Scenario, traces: TraceKind) -> Path:
    """Return where the fits of a scenario are kept in the user's data folder."""
    return _own_file(scenario, fingerprint(scenario, traces))


def _own_file(scenario: Scenario, hashes: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:12]
    return data_folder() / "fits" / f"{scenario.name}-{digest}.yaml"


def _files(scenario: Scenario, hashes: Mapping[str, str]) -> list[Path]:
    """Return the files that may hold a scenario's fits; those that the user made come first."""
    try:
        return [_own_file(scenario, hashes), packaged_file(scenario)]
    except InputError:  # a bare installation does not know where the user's data folder is
        return [packaged_file(scenario)]


def _valid(
    path: Path, traces: TraceKind, hashes: Mapping[str, str], tolerance_points: float | None
) -> dict[str, Any] | None:
    """Return a file's entry for such traces, if it was fitted to this very scenario and data."""
    entry: dict[str, Any] | None = _content(path).get(traces)
    if entry is None or entry["fingerprint"] != hashes:
        return None
    return entry if tolerance_points in (None, entry["tolerance_points"]) else None


def _is_of_today(entry: Mapping[str, Any], scenario: Scenario) -> bool:
    """Return whether an entry was fitted by this version, on the seeds that it fits on."""
    seeds = _named(fit_seeds(scenario))
    return bool(entry["version"] == __version__ and entry["seeds"] == seeds)


def _content(path: Path) -> Content:
    """Return all that is stored in a file, valid or not, by kind of traces.

    Raises:
        InputError: the file is damaged or was edited.
    """
    if not path.is_file():
        return _unkept.get(path, {})
    allowed = "as edgeroute fit wrote it, or no file: remove it to fit anew"
    return read_checked_yaml(path, "fits", allowed)


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

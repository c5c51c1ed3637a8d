"""`edgeroute sweep`: routers over the values of one parameter, with a table and a plot."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeroute_env.cli.options import (
    EpisodesOption,
    OverwriteOption,
    QuietOption,
    ResumeOption,
    ScenarioOption,
    SetOption,
    TracesOption,
    chosen_scenario,
    chosen_traces,
    console,
    notes,
    progress,
)
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation import results, tables
from edgeroute_env.evaluation.episodes import EVALUATION_SEEDS
from edgeroute_env.evaluation.plots import plot_sweep
from edgeroute_env.evaluation.sweep import KNOBS, PLOT_NAME, SWEEP, label_of, measured, variants
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind, drawn

ROUTERS = ("bao-multi-queue", "edge")


def sweep(
    parameter: Annotated[
        str, typer.Argument(help=f"{', '.join(KNOBS)}, or a dotted field of the scenario.")
    ],
    values: Annotated[
        str, typer.Option(metavar="V1,V2,...", help="The parameter's values, e.g. 10,20,40.")
    ],
    scenario: ScenarioOption = "paper",
    routers: Annotated[
        list[str] | None,
        typer.Option("--router", help="May be repeated; default: " + " ".join(ROUTERS)),
    ] = None,
    episodes: EpisodesOption = 100,
    traces: TracesOption = "auto",
    overrides: SetOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for sweep.json, .csv, .png; default: results/TIME.")
    ] = None,
    overwrite: OverwriteOption = False,
    resume: ResumeOption = False,
    quiet: QuietOption = False,
) -> None:
    """Vary one parameter and show how latency, quality and edge share of the routers move.

    Routers keep the parameters fitted to the scenario itself, as a deployed router would, and run
    on identical traces at each value.
    """
    from edgeroute_baselines import make_router
    from edgeroute_baselines.fitted import fingerprint

    asked = _numbers(values)
    chosen = chosen_scenario(scenario, overrides)
    kind, why = chosen_traces(chosen, traces)
    at = variants(chosen, parameter, asked)
    fits = {name: _parameters(chosen, kind, name) for name in routers or ROUTERS}
    sources = {value: drawn(variant, kind, "evaluation") for value, variant in at.items()}
    seeds = EVALUATION_SEEDS[:episodes]
    settings = {
        "parameter": parameter,
        "label": label_of(parameter),
        "traces": kind,
        "episodes": episodes,
        "seeds": [seeds[0], seeds[-1]],
        "fingerprint": fingerprint(chosen, kind),
        "routers": fits,
        "scenario": chosen.model_dump(mode="json"),
    }
    folder = out or results.dated_folder()
    found = results.open_folder(folder, overwrite, resume, SWEEP)
    rows = [] if found is None else _kept(found, settings, folder)
    done = {row["value"] for row in rows}
    left = [value for value in at if value not in done]
    turns = sum(at[value].workload.turns for value in left)
    with progress(quiet) as bar:
        task = bar.add_task(f"{chosen.name}: {parameter}", total=turns * len(fits))
        for value in left:
            runners = [make_router(name, fit) for name, fit in fits.items()]
            rows += measured(
                value, at[value], sources[value], seeds, runners, lambda: bar.advance(task)
            )
            rows.sort(key=lambda row: row["value"])  # stable: the routers keep their order
            _write(folder, settings, rows)
    if not left:  # an earlier run may have ended between two of its files
        _write(folder, settings, rows)
    console.print(tables.sweep(f"{chosen.name} · {kind} traces, {why}", settings, rows))
    names = (SWEEP.json_name, SWEEP.csv_name, PLOT_NAME)
    notes.print("written: " + ", ".join(str(folder / name) for name in names))


def _numbers(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)) or len(set(values)) < len(values):
        raise InputError("--values", text, "different numbers with commas between, e.g. 10,20,40")
    return sorted(values)


def _parameters(scenario: Scenario, kind: TraceKind, name: str) -> dict[str, float]:
    """Return what a router is deployed with."""
    from edgeroute_baselines.fitted import stored_parameters

    found = stored_parameters(scenario, kind, name)
    if found is None:
        allowed = f"a router without parameters (no stored {kind} fit matches this scenario)"
        raise InputError("--router", name, allowed)
    return found


def _kept(found: dict[str, Any], settings: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return the finished rows of an earlier run with the same settings."""
    differing = [name for name in settings if found["settings"].get(name) != settings[name]]
    if differing:
        allowed = f"a sweep with the same settings; these differ: {', '.join(differing)}"
        raise InputError("--resume", str(folder / SWEEP.json_name), allowed)
    rows: list[dict[str, Any]] = found["rows"]
    return rows


def _write(folder: Path, settings: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    content = {**results.provenance(), "settings": settings, "rows": rows}
    results.write(folder, content, SWEEP)
    plot_sweep(folder / PLOT_NAME, content)

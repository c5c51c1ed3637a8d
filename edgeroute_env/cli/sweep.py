"""`edgeroute sweep`: routers over the values of one parameter, with a table and a plot."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.fitting import say_fitted
from edgeroute_env.cli.options import console, notes, resolved, resumable, working
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation import tables
from edgeroute_env.evaluation.result_files import command_and_versions, dated_folder
from edgeroute_env.evaluation.sweep import KNOBS, PLOT_NAME, SWEEP_FILES
from edgeroute_env.evaluation.sweep_plot import plot_sweep
from edgeroute_env.parallel import workers

ROUTERS = ("bao-multi-queue", "edge")


def sweep(
    parameter: Annotated[
        str, typer.Argument(help=f"{', '.join(KNOBS)}, or a dotted field of the scenario.")
    ],
    values: Annotated[
        str, typer.Option(metavar="V1,V2,...", help="The parameter's values, e.g. 10,20,40.")
    ],
    scenario: options.ScenarioOption = "paper",
    routers: Annotated[
        list[str] | None,
        typer.Option("--router", help="May be repeated; default: " + " ".join(ROUTERS)),
    ] = None,
    episodes: options.EpisodesOption = 100,
    traces: options.TracesOption = "auto",
    overrides: options.SetOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for sweep.json, .csv, .png; default: results/TIME.")
    ] = None,
    overwrite: options.OverwriteOption = False,
    resume: options.ResumeOption = False,
    jobs: options.JobsOption = None,
    cluster: options.ClusterOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Vary one parameter and show how latency, quality and edge share of the routers move.

    Routers keep the parameters fitted to the scenario itself, as a deployed router would, and run
    on identical traces at each value.
    """
    from edgeroute_baselines import Sweep

    chosen, kind, why = resolved(scenario, overrides, traces)
    named = tuple(routers or ROUTERS)
    folder = out or dated_folder()
    by = workers(jobs, cluster)
    with resumable():
        with working(by, f"{chosen.name}: fitting", quiet) as (told, _):
            deployed = Sweep(chosen, parameter, _numbers(values), named, kind, episodes, told)
        say_fitted(chosen, kind, deployed.fitted)
        found = SWEEP_FILES.open(folder, overwrite, resume)
        earlier = [] if found is None else _kept(found, deployed.settings, folder)
        with working(by, f"{chosen.name}: {parameter}", quiet) as (told, _):
            measured = deployed.run(
                earlier,
                on_value=lambda measured: _write(folder, deployed.settings, measured),
                by=told,
            )
    console.print(f"{chosen.name} · {kind} traces, {why}")
    console.print(tables.sweep(deployed.settings, measured))
    notes.print("written: " + ", ".join(str(folder / name) for name in SWEEP_FILES.names))


def _numbers(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)) or len(set(values)) < len(values):
        raise InputError("--values", text, "different numbers with commas between, e.g. 10,20,40")
    return sorted(values)


def _kept(found: dict[str, Any], settings: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return the finished rows of an earlier run with the same settings."""
    differing = [name for name in settings if found["settings"].get(name) != settings[name]]
    if differing:
        allowed = f"a sweep with the same settings; these differ: {', '.join(differing)}"
        raise InputError("--resume", str(folder / SWEEP_FILES.json_name), allowed)
    rows: list[dict[str, Any]] = found["rows"]
    return rows


def _write(folder: Path, settings: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    content = {**command_and_versions(), "settings": settings, "rows": rows}
    SWEEP_FILES.write(folder, content)
    plot_sweep(folder / PLOT_NAME, content)

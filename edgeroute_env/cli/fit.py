"""`edgeroute fit`: fit routers' parameters on training seeds and store them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from edgeroute_env.cli import options
from edgeroute_env.cli.options import (
    ALL,
    chosen_scenarios,
    chosen_traces,
    console,
    notes,
    resumable,
    working,
)
from edgeroute_env.errors import InputError
from edgeroute_env.parallel import Plan, carried_out, workers
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind


def fit(
    router: Annotated[str, typer.Argument(help=f"A router's name, or {ALL}.")] = ALL,
    scenarios: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            "-s",
            help=f"A preset, a YAML file, or {ALL} presets; may be repeated; default: paper.",
        ),
    ] = None,
    traces: options.TracesOption = "auto",
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Quality that a saving may cost, in points.")
    ] = 0.5,
    packaged: Annotated[
        bool, typer.Option("--packaged", help="Store with the package's presets (make fit).")
    ] = False,
    overrides: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what is fitted as asked, fit the rest.")
    ] = False,
    jobs: options.JobsOption = None,
    cluster: options.ClusterOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Fit a router's parameters on training seeds; store them in the user's data folder.

    One or two parameters by grid search, more by CMA-ES around the fitted analytic rule. Fits of
    other routers to the same scenario, data and tolerance stay as they are. Each router's fit is
    stored as soon as it is made.
    """
    from edgeroute_baselines.fitted import FITTED_ROUTERS, own_file, packaged_file

    if packaged and overrides:
        raise InputError("--set", overrides[0], "given without --packaged: presets are as packaged")
    if router not in (ALL, *FITTED_ROUTERS):
        raise InputError("router", router, ", ".join((ALL, *FITTED_ROUTERS)))
    names = FITTED_ROUTERS if router == ALL else (router,)
    asked, told = [], []
    for chosen in chosen_scenarios(scenarios or ["paper"], overrides):
        kind, why = chosen_traces(chosen, traces)
        path = packaged_file(chosen) if packaged else own_file(chosen, kind)
        asked.append(_Fits(chosen, kind, tolerance, names, path))
        asked[-1].check(overwrite, resume)
        told.append(f"{chosen.name} · {kind} traces, {why}")
    by = workers(jobs, cluster)
    for line in told:
        notes.print(line)
    with resumable(), working(by, "fitting", quiet) as (followed, bar):
        for place, entry in carried_out([fits.plan(resume) for fits in asked], followed):
            bar.pause()
            console.print(yaml.safe_dump({asked[place].traces: entry}, sort_keys=True), end="")
            notes.print(f"written: {asked[place].path}")


@dataclass(frozen=True)
class _Fits:
    """The fits to one scenario that are asked for, and the file that takes them."""

    scenario: Scenario
    traces: TraceKind
    tolerance: float
    names: Sequence[str]
    path: Path

    def known(self) -> dict[str, Any] | None:
        """Return the stored entry that these fits may join."""
        from edgeroute_baselines.fitted import to_extend

        return to_extend(self.path, self.scenario, self.traces, self.tolerance)

    def check(self, overwrite: bool, resume: bool) -> None:
        """Raise InputError where fits are there that may not be replaced."""
        from edgeroute_baselines.fitted import has_entry

        known = self.known()
        stored = set(known["routers"]) if known else set()
        replaces = has_entry(self.path, self.traces) if known is None else stored & set(self.names)
        if replaces and not (overwrite or resume):
            allowed = f"--overwrite, to replace its {self.traces} fit, or --resume, to keep it"
            raise InputError("fit", str(self.path), allowed)

    def plan(self, resume: bool) -> Plan[dict[str, Any]]:
        """Plan the fits, each stored as soon as it is made; `resume` keeps those that are there."""
        from edgeroute_baselines.fitted import fits_plan, store

        known = self.known()
        stored = known["routers"] if known and resume else ()
        names = [name for name in self.names if name not in stored]
        keep = functools.partial(store, self.path, self.traces)
        given = self.scenario, self.traces, self.tolerance, names, known, keep
        return fits_plan(*given)

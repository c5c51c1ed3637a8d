"""`edgeroute fit`: fit routers' parameters on training seeds and store them."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml

from edgeroute_env.cli import options
from edgeroute_env.cli.options import console, notes, progress, resolved
from edgeroute_env.errors import InputError

ALL = "all"  # every router that has parameters to fit


def fit(
    router: Annotated[str, typer.Argument(help=f"A router's name, or {ALL}.")] = ALL,
    scenario: options.ScenarioOption = "paper",
    traces: options.TracesOption = "auto",
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Quality that a saving may cost, in points.")
    ] = 0.5,
    packaged: Annotated[
        bool, typer.Option("--packaged", help="Store with the package's presets (make fit).")
    ] = False,
    overrides: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Fit a router's parameters on training seeds; store them in the user's data folder.

    One or two parameters by grid search, more by CMA-ES around the fitted analytic rule. Fits of
    other routers to the same scenario, data and tolerance stay as they are.
    """
    from edgeroute_baselines.fitted import (
        FITTED_ROUTERS,
        fit_all,
        has_entry,
        own_file,
        packaged_file,
        store,
        to_extend,
    )
    from edgeroute_baselines.fitting import trials as settings_tried

    if packaged and overrides:
        raise InputError("--set", overrides[0], "given without --packaged: presets are as packaged")
    chosen, kind, why = resolved(scenario, overrides, traces)
    if router not in (ALL, *FITTED_ROUTERS):
        raise InputError("router", router, ", ".join((ALL, *FITTED_ROUTERS)))
    names = FITTED_ROUTERS if router == ALL else (router,)
    path = packaged_file(chosen) if packaged else own_file(chosen, kind)
    known = to_extend(path, chosen, kind, tolerance)
    replaces = has_entry(path, kind) if known is None else set(names) & set(known["routers"])
    if replaces and not overwrite:
        raise InputError("fit", str(path), f"--overwrite, to replace its {kind} fit")
    notes.print(f"{chosen.name} · {kind} traces, {why}")
    with progress(quiet) as bar:
        task = bar.add_task("fitting", total=sum(map(settings_tried, names)))
        entry = fit_all(chosen, kind, tolerance, lambda: bar.advance(task), names, known)
    store(path, kind, entry)
    console.print(yaml.safe_dump({kind: entry}, sort_keys=True), end="")
    notes.print(f"written: {path}")

"""`edgeroute tune`: fit the routers' parameters on training seeds and store them."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml

from edgeroute_env.cli.options import (
    OverwriteOption,
    QuietOption,
    ScenarioOption,
    TracesOption,
    chosen_scenario,
    chosen_traces,
    console,
    notes,
    progress,
)
from edgeroute_env.errors import InputError


def tune(
    scenario: ScenarioOption = "paper",
    traces: TracesOption = "auto",
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Quality that a saving may cost, in points.")
    ] = 0.5,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit the routers' parameters on training seeds; store them with their provenance.

    Thresholds, alpha and theta by grid search, the weights of `linear` by CMA-ES around them.
    """
    from baselines.fitted import FITTED_ROUTERS, fit_all, fitted_file, has_entry, store
    from baselines.fitting import trials

    chosen = chosen_scenario(scenario, None)
    kind, why = chosen_traces(chosen, traces)
    if has_entry(chosen, kind) and not overwrite:
        path = fitted_file(chosen)
        raise InputError("fit", str(path), f"--overwrite, to replace its {kind} fit")
    notes.print(f"{chosen.name} · {kind} traces, {why}")
    with progress(quiet) as bar:
        task = bar.add_task("fitting", total=sum(map(trials, FITTED_ROUTERS)))
        entry = fit_all(chosen, kind, tolerance, lambda: bar.advance(task))
    path = store(chosen, kind, entry)
    console.print(yaml.safe_dump({kind: entry}, sort_keys=True), highlight=False, end="")
    notes.print(f"written: {path}")

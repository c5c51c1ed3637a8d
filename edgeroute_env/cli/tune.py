"""`edgeroute tune`: fit routers' parameters or search agents' settings on training seeds."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer
import yaml

from edgeroute_env.cli.options import (
    OverwriteOption,
    QuietOption,
    ResumeOption,
    ScenarioOption,
    chosen_scenario,
    chosen_traces,
    console,
    notes,
    progress,
)
from edgeroute_env.cli.tune_agents import search
from edgeroute_env.errors import InputError
from edgeroute_env.scenario_files import parse_overrides

ALL = "all"  # every router that has parameters to fit


def tune(
    context: typer.Context,
    router: Annotated[str, typer.Argument(help=f"A router's name, {ALL}, ppo or dqn.")] = ALL,
    scenario: ScenarioOption = "paper",
    traces: Annotated[
        str | None,
        typer.Option(help="auto, synthetic or recorded; default: auto, for ppo and dqn synthetic."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Quality that a saving may cost, in points.")
    ] = 0.5,
    trials: Annotated[int, typer.Option(min=1, max=1000, help="Trainings of ppo or dqn.")] = 20,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Fix a training setting of ppo or dqn."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of a search and its trainings.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of a search; default: runs/SCENARIO-ALGORITHM-tuned."),
    ] = None,
    overwrite: OverwriteOption = False,
    resume: ResumeOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a router's parameters on training seeds; store them with their provenance.

    One or two parameters by grid search, more by CMA-ES around the fitted analytic rule. Fits of
    other routers to the same scenario, data and tolerance stay as they are.

    ppo and dqn: search training settings with Optuna instead, each trial a training of its own,
    the first with the packaged settings. The best end up in --out; edgeroute train takes them.
    """
    from edgeroute_agents.settings import SEARCHED
    from edgeroute_baselines.fitted import (
        FITTED_ROUTERS,
        fit_all,
        fitted_file,
        has_entry,
        store,
        to_extend,
    )
    from edgeroute_baselines.fitting import trials as settings_tried

    chosen = chosen_scenario(scenario, None)
    kind, why = chosen_traces(chosen, traces or ("synthetic" if router in SEARCHED else "auto"))
    if router not in (ALL, *FITTED_ROUTERS, *SEARCHED):
        raise InputError("router", router, ", ".join((ALL, *FITTED_ROUTERS, *SEARCHED)))
    if router in SEARCHED:
        _refuse(context, ("tolerance",), f"only for {ALL} and fitted routers")
        folder = out or Path("runs") / f"{chosen.name}-{router}-tuned"
        fixed = parse_overrides(overrides or [])
        search(chosen, router, fixed, trials, seed, kind, folder, overwrite, resume, quiet)
        return
    _refuse(context, ("trials", "overrides", "seed", "out", "resume"), "only for ppo and dqn")
    names = FITTED_ROUTERS if router == ALL else (router,)
    known = to_extend(chosen, kind, tolerance)
    replaces = has_entry(chosen, kind) if known is None else set(names) & set(known["routers"])
    if replaces and not overwrite:
        path = fitted_file(chosen)
        raise InputError("fit", str(path), f"--overwrite, to replace its {kind} fit")
    notes.print(f"{chosen.name} · {kind} traces, {why}")
    with progress(quiet) as bar:
        task = bar.add_task("fitting", total=sum(map(settings_tried, names)))
        entry = fit_all(chosen, kind, tolerance, lambda: bar.advance(task), names, known)
    path = store(chosen, kind, entry)
    console.print(yaml.safe_dump({kind: entry}, sort_keys=True), highlight=False, end="")
    notes.print(f"written: {path}")


def _refuse(context: typer.Context, names: Collection[str], allowed: str) -> None:
    """Raise InputError where an option was given that would be ignored."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in names and source is not None and source.name == "COMMANDLINE":
            raise InputError(parameter.opts[0], context.params[name], allowed)

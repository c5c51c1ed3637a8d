"""`edgeroute tune`: search the training settings of an algorithm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.fitting import fit_on_the_spot
from edgeroute_env.cli.options import (
    INTERRUPTED,
    notes,
    on_interrupt,
    progress,
    resolved,
    says,
    split_settings,
    to_resume,
)
from edgeroute_env.errors import needs


def tune(
    algorithm: Annotated[str, typer.Argument(help="ppo or dqn.")],
    scenario: options.ScenarioOption = "paper",
    traces: options.LearningTracesOption = "synthetic",
    trials: Annotated[int, typer.Option(min=1, max=1000, help="How many trainings.")] = 20,
    overrides: options.TrainingSetOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search and its trainings.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: runs/SCENARIO-ALGORITHM-tuned.")
    ] = None,
    overwrite: options.OverwriteOption = False,
    resume: options.ResumeOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Search training settings with Optuna, on training and validation seeds.

    What --set gives is not searched. Each trial is a training of its own, the first with the
    packaged settings. The best settings end up in --out; edgeroute train takes them. Ctrl-C ends
    the search after the present rollout; --resume then repeats that trial alone.
    """
    from edgeroute_agents.settings import load_settings

    fixed, of_scenario = split_settings(overrides)
    start = load_settings(algorithm, fixed)
    chosen, kind, why = resolved(scenario, of_scenario, traces)
    folder = out or Path("runs") / f"{chosen.name}-{algorithm}-tuned"
    with needs("edgeroute tune", "agents"):
        from edgeroute_agents.train import RULES
        from edgeroute_agents.tuning import TUNED, HyperparameterSearch, SearchTask
    fit_on_the_spot(chosen, kind, RULES, quiet)
    with progress(quiet) as bar:
        task = bar.add_task(algorithm, total=trials * start.frames)
        search = HyperparameterSearch(
            SearchTask(chosen, start, fixed, seed, kind),
            folder,
            say=says(bar, quiet),
            tell=lambda frames: bar.update(task, completed=frames),
        )
        search.open(overwrite, resume)
        size = f"{trials} trials of {start.frames:,} frames"
        notes.print(f"{chosen.name} · {kind} traces, {why} · {algorithm}, {size}")
        with on_interrupt(search.stop):
            ended = search.run(trials)
    if not ended:
        notes.print(f"stopped; to go on: {to_resume()}")
        raise typer.Exit(INTERRUPTED)
    place, best = search.best
    notes.print(
        f"written: {folder / TUNED}, {best.value:+.4f} on the validation seeds, trial {place}"
    )

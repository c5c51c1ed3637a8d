"""`edgeroute train`: learn a policy that starts as the fitted rule."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.fitting import fit_on_the_spot
from edgeroute_env.cli.options import (
    notes,
    on_interrupt,
    progress,
    resolved,
    says,
    set_again,
    split_settings,
    to_resume,
)
from edgeroute_env.errors import needs
from edgeroute_env.files import open_folder
from edgeroute_env.working import INTERRUPTED


def train(
    algorithm: Annotated[str, typer.Argument(help="ppo or dqn.")],
    scenario: options.ScenarioOption = "paper",
    overrides: options.TrainingSetOption = None,
    tuned: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="What edgeroute tune ALGORITHM wrote."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of networks and environments.")] = 0,
    traces: options.LearningTracesOption = "synthetic",
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: runs/SCENARIO-ALGORITHM-SEED.")
    ] = None,
    overwrite: options.OverwriteOption = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint in --out.")
    ] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Train a policy; the best on validation seeds, if fresh ones confirm it, ends up in --out.

    Ctrl-C ends it after the present rollout; --resume then continues as if nothing had happened.
    """
    from edgeroute_agents.policy import FILE
    from edgeroute_agents.settings import load_settings

    settings, of_scenario = split_settings(overrides)
    asked = load_settings(algorithm, settings, tuned)
    chosen, kind, why = resolved(scenario, of_scenario, traces)
    folder = out or Path("runs") / f"{chosen.name}-{algorithm}-{seed}"
    open_folder(folder, [FILE], overwrite, resume)
    with needs("edgeroute train", "agents"):
        from edgeroute_agents.train import RULES, Training
        from edgeroute_agents.watching import Follower
    notes.print(f"{chosen.name} · {kind} traces, {why} · {algorithm}, {asked.frames:,} frames")
    fit_on_the_spot(chosen, kind, RULES, quiet)
    with progress(quiet) as bar:
        task = bar.add_task(algorithm, total=asked.frames)
        follower = Follower(
            say=says(bar, quiet), tell=lambda frames: bar.update(task, completed=frames)
        )
        with on_interrupt(follower.stop):
            standing = Training(chosen, asked, seed, kind).run(folder, follower, resume)
    if not standing.finished:
        notes.print(f"stopped; to go on: {to_resume()}")
        raise typer.Exit(INTERRUPTED)
    notes.print(f"written: {folder / FILE}, {standing.gap:+.3f} on the validation seeds")
    same = [scenario, *set_again(of_scenario), "--policy", str(folder / FILE)]
    notes.print(f"to compare it: {shlex.join(['edgeroute', 'benchmark', *same])}")

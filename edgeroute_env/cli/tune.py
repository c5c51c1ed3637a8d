"""`edgeroute tune`: search the training settings of an algorithm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.fitting import fit_on_the_spot
from edgeroute_env.cli.options import notes, resolved, resumable, split_settings, working
from edgeroute_env.errors import needs
from edgeroute_env.parallel import workers


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
    jobs: options.JobsOption = None,
    cluster: options.ClusterOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Search training settings with Optuna, on training and validation seeds.

    What --set gives is not searched. Each trial is a training of its own, the first with the
    packaged settings. The best settings end up in --out; edgeroute train takes them. Trials know
    those of earlier rounds of four, so at most four run side by side. After Ctrl-C --resume repeats
    the trials that were under way.
    """
    from edgeroute_agents.settings import load_settings

    fixed, of_scenario = split_settings(overrides)
    start = load_settings(algorithm, fixed)
    chosen, kind, why = resolved(scenario, of_scenario, traces)
    folder = out or Path("runs") / f"{chosen.name}-{algorithm}-tuned"
    with needs("edgeroute tune", "agents"):
        from edgeroute_agents.train import RULES
        from edgeroute_agents.tuning import TUNED, HyperparameterSearch, SearchTask
    by = workers(jobs, cluster)
    with resumable():
        fit_on_the_spot(chosen, kind, RULES, quiet, by)
        with working(by, algorithm, quiet) as (followed, bar):
            search = HyperparameterSearch(
                SearchTask(chosen, start, fixed, seed, kind), folder, bar.say
            )
            search.open(overwrite, resume)
            size = f"{trials} trials of {start.frames:,} frames"
            notes.print(f"{chosen.name} · {kind} traces, {why} · {algorithm}, {size}")
            search.run(trials, followed)
    place, best = search.best
    notes.print(
        f"written: {folder / TUNED}, {best.value:+.4f} on the validation seeds, trial {place}"
    )

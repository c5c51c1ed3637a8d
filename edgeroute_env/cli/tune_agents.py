"""The part of `edgeroute tune` that searches the training settings of ppo and dqn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from edgeroute_env.cli.options import INTERRUPTED, notes, on_interrupt, progress, says
from edgeroute_env.errors import missing_package
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind


def search(
    scenario: Scenario,
    algorithm: str,
    fixed: Mapping[str, Any],
    trials: int,
    seed: int,
    traces: TraceKind,
    folder: Path,
    overwrite: bool,
    resume: bool,
    quiet: bool,
) -> None:
    """Search with Optuna until `trials` trainings have ended.

    Ctrl-C ends it after the present rollout; a resumed search repeats that trial alone.
    """
    from edgeroute_agents.settings import load_settings

    start = load_settings(algorithm, fixed)
    try:
        from edgeroute_agents.tuning import TUNED, Search
    except ImportError as error:
        raise missing_package(str(error.name), f"edgeroute tune {algorithm}", "agents") from None
    with progress(quiet) as bar:
        task = bar.add_task(algorithm, total=trials * start.frames)
        found = Search(
            *(scenario, start, fixed, folder, seed, traces, overwrite, resume),
            say=says(bar, quiet),
            tell=lambda frames: bar.update(task, completed=frames),
        )
        size = f"{trials} trials of {start.frames:,} frames"
        notes.print(f"{scenario.name} · {traces} traces · {algorithm}, {size}")
        with on_interrupt(found.stop):
            ended = found.run(trials)
    if not ended:
        notes.print(f"stopped; continue with --resume --out {folder}")
        raise typer.Exit(INTERRUPTED)
    value = f"{found.best.value:+.4f} on the validation seeds, trial {found.best.number}"
    notes.print(f"written: {folder / TUNED}, {value}")

"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import functools
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from edgeroute_env.errors import InputError
from edgeroute_env.evaluation.tables import WIDTH
from edgeroute_env.parallel import WorkerDied, Workers
from edgeroute_env.recordings.downloads import data_folder, getting, recorded_tables
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario, parse_overrides, scenario_names
from edgeroute_env.traces.recorded import TraceKind, missing_scores, recorded_files
from edgeroute_env.working import CLUSTER_HELP, INTERRUPTED, JOBS_HELP, Bar
from edgeroute_env.working import progress as _progress
from edgeroute_env.working import working as _working

ScenarioOption = Annotated[
    str, typer.Option("--scenario", "-s", help="A preset's name or a path to a YAML file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Override a field; may be repeated."),
]
TracesOption = Annotated[
    str,
    typer.Option(
        "--traces",
        help="auto, synthetic or recorded; auto takes recordings where the data folder holds them.",
    ),
]
TraceOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Follow this trace instead, e.g. of edgeroute trace import."),
]
LearningTracesOption = Annotated[
    str,
    typer.Option(
        "--traces",
        help="synthetic, recorded or auto (recorded where the data folder holds the recordings); "
        "synthetic traces leave the recordings unseen, to be measured on.",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Keep what is finished in --out.")]
TrainingSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Override a training setting, or a field of the scenario by its dotted name.",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of the episode.")]
EpisodesOption = Annotated[int, typer.Option(min=2, max=100_000, help="Evaluation episodes.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Show no progress bar.")]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help=JOBS_HELP),
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help=CLUSTER_HELP),
]

ALL = "all"  # of what a command takes: every preset, every router

# Names and paths are printed as they are: brackets in them are no markup.
_Console = functools.partial(Console, markup=False, highlight=False, emoji=False)
# Equal on a terminal, in a file and in a pipe.
console = _Console(width=WIDTH)
# A row stays one line in a file or a pipe, to search for.
rows = _Console(width=None if sys.stdout.isatty() else 1000)
notes = _Console(stderr=True, soft_wrap=True)


def chosen_scenario(name: str, overrides: list[str] | None) -> Scenario:
    """Return the scenario with the command line's overrides."""
    return load_scenario(name, parse_overrides(overrides or []))


def chosen_scenarios(names: list[str], overrides: list[str] | None) -> list[Scenario]:
    """Return the scenarios that a command asks for; InputError where two have one name."""
    chosen = [
        chosen_scenario(name, overrides) for name in (scenario_names() if names == [ALL] else names)
    ]
    found = [scenario.name for scenario in chosen]
    for name in found:
        if found.count(name) > 1:
            raise InputError("scenarios", name, "scenarios with a name of their own each")
    return chosen


def split_settings(assignments: list[str] | None) -> tuple[dict[str, Any], list[str]]:
    """Return the training settings among what --set gave, and the scenario's fields.

    Only the latter have dots in their names.
    """
    of_scenario = [text for text in assignments or [] if "." in text.partition("=")[0]]
    of_training = [text for text in assignments or [] if text not in of_scenario]
    return parse_overrides(of_training), of_scenario


def set_again(assignments: list[str] | None) -> list[str]:
    """Return the words of a command line that give these overrides of a scenario."""
    return [word for assignment in assignments or [] for word in ("--set", assignment)]


def to_resume() -> str:
    """Return the command that goes on with what this one has begun."""
    given = [word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")]
    return shlex.join(["edgeroute", *given, "--resume"])


def chosen_traces(scenario: Scenario, wanted: str) -> tuple[TraceKind, str]:
    """Return the kind of traces to use, and why in words."""
    if wanted not in ("auto", "synthetic", "recorded"):
        raise InputError("--traces", wanted, "auto, synthetic or recorded")
    files = recorded_files(scenario)
    absent = [name for name in files if not (data_folder() / name).is_file()]
    if wanted == "synthetic":
        return "synthetic", "drawn from the scenario's law"
    if wanted == "auto" and files and not absent and (commands := missing_scores(scenario)):
        lacking = "no scores of the recorded questions are stored; to make them: "
        return "synthetic", f"packaged calibration; {lacking}{', '.join(commands)}"
    if wanted == "recorded" or (files and not absent):
        return "recorded", "from " + ", ".join(files)
    if not files:
        return "synthetic", "the scenario names no recordings"
    return "synthetic", f"packaged calibration; the data folder lacks {_to_get(absent)}"


def _to_get(absent: list[str]) -> str:
    """Return missing files with the commands that bring those which are published."""
    published = [table for table in recorded_tables().values() if table in absent]
    told = ", ".join(absent)
    if published:
        told += f"; to get them: {', '.join(str(getting(table)) for table in published)}"
    if len(published) < len(absent):
        told += f"; tables of yours go into {data_folder()}"
    return told


def resolved(
    name: str, overrides: list[str] | None, wanted: str
) -> tuple[Scenario, TraceKind, str]:
    """Return the scenario, the kind of traces to use, and why in words."""
    scenario = chosen_scenario(name, overrides)
    return scenario, *chosen_traces(scenario, wanted)


def progress(quiet: bool) -> Progress:
    """Return a progress bar on standard error, so that standard output stays a result."""
    bar: Progress = _progress(quiet, notes)
    return bar


def working(by: Workers, told: str, quiet: bool) -> AbstractContextManager[tuple[Workers, Bar]]:
    """Give workers whose steps a progress bar shows, and the bar."""
    return _working(by, told, quiet, notes)


@contextmanager
def resumable() -> Iterator[None]:
    """Say how to go on where Ctrl-C, or the death of workers, ends the block."""
    try:
        yield
    except KeyboardInterrupt:
        notes.print(f"stopped; to go on: {to_resume()}")
        raise typer.Exit(INTERRUPTED) from None
    except WorkerDied as died:
        notes.print(f"edgeroute: {died}; fewer --jobs need less memory. To go on: {to_resume()}")
        raise typer.Exit(1) from None


@contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C call `stop` instead of ending the program inside the block."""
    before = signal.signal(signal.SIGINT, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def says(bar: Progress, quiet: bool) -> Callable[[str], None]:
    """Return what prints a line above a progress bar, nothing where that is hidden."""

    def say(line: str) -> None:
        if not quiet:
            bar.console.print(line)

    return say

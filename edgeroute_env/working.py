"""How a program shows its workers at work, and what programs outside of `edgeroute` ask for."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgeroute_env.errors import InputError, needs
from edgeroute_env.parallel import WorkerDied, Workers, workers

INTERRUPTED = 130  # what a shell says of a program that SIGINT ended
JOBS_HELP = "Processes side by side; the results are the same."
CLUSTER_HELP = "Work on the Ray cluster at this address."


def progress(quiet: bool, console: Any = None) -> Any:
    """Return a progress bar of rich, on standard error so that standard output stays a result."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    on = console or Console(stderr=True)
    return Progress(*columns, TimeRemainingColumn(), console=on, disable=quiet, transient=True)


class Bar:
    """One progress bar over all workers, shown once they have something to do."""

    def __init__(self, told: str, quiet: bool, console: Any = None) -> None:
        """Take what is said beside the bar, and a console of rich."""
        self.quiet, self._progress = quiet, progress(quiet, console)
        self._task = self._progress.add_task(told, total=None)

    def tell(self, done: int, known: int) -> None:
        """Show so many steps done, of those known of so far."""
        self._progress.start()
        self._progress.update(self._task, completed=done, total=known)

    def say(self, line: str) -> None:
        """Print a line above the bar, nothing where that is hidden."""
        if not self.quiet:
            self._progress.console.print(line)

    def pause(self) -> None:
        """Hide the bar, to print a result."""
        if self._progress.live.is_started:  # to stop an idle bar prints an empty line
            self._progress.stop()


@contextmanager
def working(
    by: Workers, told: str, quiet: bool = False, console: Any = None
) -> Iterator[tuple[Workers, Bar]]:
    """Give workers whose steps a progress bar shows, and the bar."""
    bar = Bar(told, quiet, console)
    try:
        yield dataclasses.replace(by, tell=bar.tell), bar
    finally:
        bar.pause()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --jobs and --cluster."""
    parser.add_argument("--jobs", type=int, metavar="N", help=JOBS_HELP)
    parser.add_argument("--cluster", metavar="ADDRESS", help=CLUSTER_HELP)


@contextmanager
def program(given: argparse.Namespace, told: str) -> Iterator[tuple[Workers, Bar]]:
    """Give the workers that the options ask for, with a bar; end the program on what stops them.

    Bad input ends it with exit code 2, Ctrl-C with INTERRUPTED, dead workers with 1.
    """
    try:
        with needs(told, "cli"), working(workers(given.jobs, given.cluster), told) as at_work:
            yield at_work
    except InputError as error:
        _end(str(error), 2)
    except KeyboardInterrupt:
        _end("stopped; the same command goes on", INTERRUPTED)
    except WorkerDied as died:
        _end(str(died), 1)


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)

"""A spinner while the simulator is compiled, so that a first run does not look hung."""

from __future__ import annotations

import typer

from edgeroute_env._compile import COMPILING, watch
from edgeroute_env.cli.options import notes


def spin_while_compiling(command: typer.Context) -> None:
    """Show a spinner on a terminal for as long as `command` compiles; elsewhere a line is told."""
    if notes.is_terminal:
        spinner = notes.status(COMPILING)
        watch.begun, watch.ended = spinner.start, spinner.stop
        command.call_on_close(spinner.stop)

"""The command line: `edgeroute`. The only place that reaches across all packages."""

from __future__ import annotations

import io
import os
import sys
import threading
from contextlib import suppress

from edgeroute_env.errors import InputError, needs

BROKEN_PIPE = 141  # what a shell says of a program whose reader has gone, as of `head`


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2.

    So is what the system refuses: a full disk, a folder that has gone, an output that is closed.
    """
    try:
        _prepare_streams()
        threading.excepthook = _end_of_thread
        with needs("the command line", "cli"):
            from edgeroute_env.cli.app import app
        try:
            app()
        finally:
            sys.stdout.flush()
    except InputError as error:
        _end(str(error), 2)
    except BrokenPipeError:
        _end("", BROKEN_PIPE)
    except OSError as error:
        place = os.fsdecode(error.filename) if error.filename else "standard output or a file"
        _end(str(InputError(place, error.strerror or error, "what can be read and written")), 2)
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # rich and typer end with 1 then
            _end("", BROKEN_PIPE)
        raise


def _prepare_streams() -> None:
    """Let any text be printed, whatever the encoding; refuse an output that is closed.

    A file that is opened later would take its number, and get what is printed.
    """
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        raise InputError("standard output", "closed", "an open one; > /dev/null shows nothing")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Show how a thread failed, but for what the system refused its files.

    TensorBoard's thread, which writes the curves, hands that on to the main one.
    """
    if not issubclass(ended.exc_type, OSError):
        threading.__excepthook__(ended)


def _end(message: str, code: int) -> None:
    """Print a message, if there is one, and leave; what standard output cannot take is dropped."""
    with suppress(OSError):
        if message:
            print(f"edgeroute: {message}", file=sys.stderr)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)

"""The command line: `edgeroute`. The only place that reaches across all packages."""

from __future__ import annotations

import errno
import sys

from edgeroute_env.errors import InputError, needs


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    try:
        with needs("the command line", "cli"):
            from edgeroute_env.cli.app import app
        app()
    except InputError as error:
        _refuse(error)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:  # wherever a path is first looked at
            raise
        _refuse(InputError("path", error.filename, "a shorter name"))


def _refuse(error: InputError) -> None:
    print(f"edgeroute: {error}", file=sys.stderr)
    sys.exit(2)

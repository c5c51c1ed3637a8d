"""The command line: `edgeroute`. The only place that reaches across all packages."""

from __future__ import annotations

import sys

from edgeroute_env.errors import InputError, needs


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    try:
        with needs("the command line", "cli"):
            from edgeroute_env.cli.app import app
        app()
    except InputError as error:
        print(f"edgeroute: {error}", file=sys.stderr)
        sys.exit(2)

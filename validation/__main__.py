"""Compare the model with published figures, theory and recordings; write the page of results.

    python -m validation --out docs --overwrite

It takes less than a minute.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeroute_env.errors import InputError
from validation.write import write_page


def progress(name: str) -> None:
    """Tell on standard error which section is being computed."""
    print(f"comparing: {name}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write FOLDER/validation.md and its plots; bad input is one line and exit code 2."""
    # Without its usage, argparse tells an error in one line.
    parser = argparse.ArgumentParser(
        "python -m validation", usage=argparse.SUPPRESS, description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the page")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    asked = parser.parse_args(arguments)
    try:
        page = write_page(asked.out, asked.overwrite, progress)
    except InputError as error:
        parser.error(str(error))
    print(f"written: {page}")


if __name__ == "__main__":
    main()

"""`edgeroute validate`: the model beside published figures, theory and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli.options import OverwriteOption, console


def validate(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for validation.md and validation/*.png.")
    ] = Path("validation"),
    overwrite: OverwriteOption = False,
) -> None:
    """Write a page that holds the model against measurements, theory and recordings.

    Comparisons with recordings need the data folder; the page names those that it had to leave out.
    """
    from edgeroute_env.validation.page import write_page

    page, *plots = write_page(out, overwrite)
    console.print(f"written: {page} and {len(plots)} plots beside it", soft_wrap=True)

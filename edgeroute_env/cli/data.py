"""`edgeroute data`: the published files behind the recordings."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.options import console
from edgeroute_env.evaluation.tables import blank
from edgeroute_env.recordings import builders, downloads

app = typer.Typer(help="List, fetch and locate published data.", no_args_is_help=True)


@app.command("list")
def list_datasets() -> None:
    """List the published datasets: size, licence, the table built from them, and what is here."""
    tables = downloads.recorded_tables()
    shown = blank(names=("dataset", "size", "licence", "files", "table", "here"))
    for name, dataset in downloads.datasets().items():
        folder = downloads.data_folder()
        here = sum((folder / name / file.path).is_file() for file in downloads.published(name))
        table = tables.get(name, "")
        built = "yes" if table and (folder / table).is_file() else "no" if table else ""
        size = f"{dataset.bytes / 1e6:.1f} MB"
        shown.add_row(name, size, dataset.licence, f"{here}/{dataset.files}", table, built)
    console.print(shown)


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="A dataset of `edgeroute data list`.")],
    base_url: Annotated[
        str | None,
        typer.Option(help="A mirror of GitHub's raw files, or a local folder laid out like one."),
    ] = None,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Download a dataset, verified by SHA-256, and build the table that the presets name.

    A repeated call continues where it stopped.
    """
    files = downloads.download(name, base_url=base_url, progress=not quiet)
    if name not in builders.BUILDERS:
        for path in files.values():
            console.print(str(path), soft_wrap=True)
        return
    built = builders.build_table(name, files, downloads.data_folder(), overwrite)
    says = f"{built.rows} rows, as the presets were fitted on"
    if built.differs:
        says = f"{built.rows} rows; other than the presets were fitted on: " + ", ".join(
            built.differs
        )
    if built.estimated:
        says += f" (lengths are estimates: {built.estimated})"
    console.print(f"{built.path}: {says}", soft_wrap=True)


@app.command("path")
def path() -> None:
    """Print the data folder: $EDGEROUTE_DATA, else the user's data folder."""
    console.print(str(downloads.data_folder()), soft_wrap=True)

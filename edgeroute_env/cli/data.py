"""`edgeroute data`: the published files behind the recordings."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from edgeroute_env.cli import options
from edgeroute_env.cli.options import console
from edgeroute_env.recordings import downloads

app = typer.Typer(help="List, fetch and locate published data.", no_args_is_help=True)


@app.command("list")
def list_datasets() -> None:
    """List the published datasets: files, size, licence, and whether they are here."""
    table = Table("dataset", "files", "size", "licence", "here")
    for name, dataset in downloads.datasets().items():
        folder = downloads.data_folder() / name
        here = sum((folder / file.name).is_file() for file in downloads.published(name))
        size = f"{dataset.bytes / 1e6:.1f} MB"
        table.add_row(name, str(dataset.files), size, dataset.licence, f"{here}/{dataset.files}")
    console.print(table)


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="A dataset of `edgeroute data list`.")],
    base_url: Annotated[str | None, typer.Option(help="A mirror of GitHub's raw files.")] = None,
    quiet: options.QuietOption = False,
) -> None:
    """Download a dataset, verified by SHA-256; a repeated call continues where it stopped."""
    for path in downloads.download(name, base_url=base_url, progress=not quiet):
        console.print(str(path), soft_wrap=True, highlight=False)


@app.command("path")
def path() -> None:
    """Print the data folder: $EDGEROUTE_DATA, else the user's data folder."""
    console.print(str(downloads.data_folder()), soft_wrap=True, highlight=False)

"""`edgeroute trace`: make, import and inspect traces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from gymnasium.utils import seeding
from rich.table import Table

from edgeroute_env.cli import options
from edgeroute_env.cli.options import console, resolved
from edgeroute_env.errors import InputError
from edgeroute_env.files import refuse_overwrite
from edgeroute_env.recordings.files import TABLES, write_table
from edgeroute_env.recordings.importers import IMPORTERS
from edgeroute_env.recordings.shapes import Recording
from edgeroute_env.traces.columns import BASE
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from edgeroute_env.traces.trace import Trace

app = typer.Typer(help="Make, import and inspect traces.", no_args_is_help=True)
OutArgument = Annotated[Path, typer.Option("--out", "-o", help="A .parquet, .csv or .csv.gz file.")]


@app.command("make")
def make(
    out: OutArgument,
    scenario: options.ScenarioOption = "paper",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the trace.")] = 0,
    traces: options.TracesOption = "synthetic",
    overrides: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Draw one trace from a scenario and write it, one row a turn.

    The same as the trace that the environment follows after `reset(seed=SEED)`.
    """
    refuse_overwrite(out, overwrite)
    chosen, kind, why = resolved(scenario, overrides, traces)
    pinned = Pinned(drawn(chosen, kind), [seeding.np_random(seed)[0]])
    Trace.from_rows(pinned.rows[0]).save(out, overwrite)
    console.print(f"{chosen.workload.turns} turns, {kind} ({why}): {out}", soft_wrap=True)


@app.command("import")
def import_(
    source_format: Annotated[
        str,
        typer.Argument(help=f"Published: {', '.join(IMPORTERS)}. Your table: {', '.join(TABLES)}."),
    ],
    files: Annotated[list[Path], typer.Argument(help="The files; a table is one file.")],
    out: OutArgument,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=NAME", help="What a table calls a field."),
    ] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Turn published files, or a table of your own, into a table that scenarios can name.

    For example: edgeroute trace import outcomes mine.csv --column quality_edge=gpt4 -o out.parquet
    """
    refuse_overwrite(out, overwrite)
    recording = _imported(source_format, files, columns or [])
    write_table(recording, out, overwrite)
    written = ", ".join(recording.columns())
    console.print(f"{len(recording)} rows ({written}): {out}", soft_wrap=True)


def _imported(source_format: str, files: list[Path], assignments: list[str]) -> Recording:
    names = dict(assignment.partition("=")[::2] for assignment in assignments)
    if source_format in TABLES:
        if len(files) != 1:
            raise InputError("FILES", f"{len(files)} files", "one table file")
        return TABLES[source_format](files[0], names)
    if names:
        raise InputError("--column", assignments[0], "only for " + ", ".join(TABLES))
    if source_format not in IMPORTERS:
        raise InputError("FORMAT", source_format, "one of " + ", ".join([*IMPORTERS, *TABLES]))
    return IMPORTERS[source_format](files)


@app.command("info")
def info(path: Annotated[Path, typer.Argument(help="A trace file.")]) -> None:
    """Check a trace file and summarise its columns."""
    trace = Trace.load(path)
    table = Table(title=f"{path}: {len(trace)} turns", title_justify="left")
    for heading in ("column", "min", "median", "mean", "max", "meaning"):
        table.add_column(heading, justify="left" if heading in ("column", "meaning") else "right")
    for column in BASE:
        values = trace[column.name].astype(float)
        row = (values.min(), np.median(values), values.mean(), values.max())
        table.add_row(column.name, *(f"{value:.4g}" for value in row), column.meaning)
    console.print(table)

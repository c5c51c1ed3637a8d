"""`edgeroute trace`: make, import and inspect traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.options import chosen_scenario, console, resolved
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation import tables
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.files import refuse_overwrite, writing
from edgeroute_env.recordings.downloads import data_folder
from edgeroute_env.recordings.importers import IMPORTERS, import_files
from edgeroute_env.recordings.tables import TABLES, Picked, read_recording, write_table
from edgeroute_env.traces.columns import BASE
from edgeroute_env.traces.own import trace_from_table
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
    traces: options.TracesOption = "auto",
    overrides: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Draw one trace from a scenario and write it, one row a turn.

    The same as an environment of that kind of traces follows after `reset(seed=SEED)`.
    """
    _check_out(out, overwrite)
    chosen, kind, why = resolved(scenario, overrides, traces)
    pinned = Pinned(drawn(chosen, kind), generators([seed]))
    Trace.from_rows(pinned.rows[0]).save(out, overwrite)
    console.print(f"{chosen.workload.turns} turns, {kind} ({why}): {out}", soft_wrap=True)


@app.command("import")
def import_(
    source_format: Annotated[
        str,
        typer.Argument(
            help=f"Published: {', '.join(IMPORTERS)}. Your table: {', '.join(TABLES)}, or trace."
        ),
    ],
    files: Annotated[list[Path], typer.Argument(help="The files; a table is one file.")],
    out: OutArgument,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=NAME", help="What a table calls a field."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="NAME=VALUE", help="Keep the rows that hold a value."),
    ] = None,
    drop_unusable: Annotated[
        bool, typer.Option("--drop-unusable", help="Leave out rows that cannot be read.")
    ] = False,
    time_unit: Annotated[
        str | None, typer.Option(help="mooncake: of its times, ms (by default) or s.")
    ] = None,
    block_tokens: Annotated[
        int | None, typer.Option(help="mooncake: tokens a hash stands for, 512 by default.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", "-s", help="trace: draws what the table does not hold."),
    ] = None,
    overrides: options.SetOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="trace: seed of what is drawn.")] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Turn published files, or a table of your own, into a table that scenarios can name.

    For example: edgeroute trace import outcomes mine.csv --column quality_edge=gpt4 -o out.parquet

    With the format `trace`, a table of your own turns becomes a trace to replay: it holds
    arrival_s and, as far as you have them, prompt_tokens (or prompt, a text), score,
    quality_device, quality_edge, dialogue and other columns of a trace.
    """
    _check_out(out, overwrite)
    pick = Picked(_assignments("--column", columns), _assignments("--where", where), drop_unusable)
    of_format = {"--time-unit": time_unit, "--block-tokens": block_tokens}
    of_trace = {"--scenario": scenario, "--set": overrides, "--seed": seed}
    if source_format in TABLES or source_format == "trace":
        _refuse(source_format, of_format)
        if len(files) != 1:
            raise InputError("FILES", f"{len(files)} files", "one table file")
    if source_format == "trace":
        chosen = chosen_scenario(scenario or "paper", overrides)
        made = trace_from_table(files[0], chosen, pick, seed or 0)
        made.trace.save(out, overwrite)
        _tell(made.notes, f"{len(made.trace)} turns: {out}")
        return
    _refuse(source_format, of_trace)
    if source_format in TABLES:
        recording = read_recording(TABLES[source_format], files[0], *pick)
    else:
        _refuse(source_format, {"--where": where, "--drop-unusable": drop_unusable or None})
        named = {f"--column {field}": name for field, name in pick.columns.items()}
        recording = import_files(source_format, files, {**named, **of_format})
    write_table(recording, out, overwrite)
    _tell(recording.notes, f"{len(recording)} rows ({', '.join(recording.columns())}): {out}")


def _check_out(out: Path, overwrite: bool) -> None:
    """Refuse what cannot be written; the data folder is made where there is none yet."""
    folder = data_folder()
    if out.parent == folder:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    refuse_overwrite(out, overwrite)


def _assignments(option: str, texts: list[str] | None) -> dict[str, str]:
    found = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(option, text, "NAME=VALUE")
        found[name] = value
    return found


def _refuse(source_format: str, options: dict[str, Any]) -> None:
    """Raise InputError for an option that a format has no use for."""
    for name, value in options.items():
        if value is not None:
            raise InputError(name, value, f"only other formats than {source_format}")


def _tell(notes: Sequence[str], result: str) -> None:
    for line in (*notes, result):
        console.print(line, soft_wrap=True)


@app.command("info")
def info(path: Annotated[Path, typer.Argument(help="A trace file.")]) -> None:
    """Check a trace file and summarise its columns."""
    trace = Trace.load(path)
    figures = ("min", "median", "mean", "max")
    console.print(f"{path}: {len(trace)} turns", soft_wrap=True)
    table = tables.blank(names=("column",), wide=figures)
    table.add_column("meaning", overflow="fold")
    for column in BASE:
        values = trace[column.name].astype(float)
        row = (values.min(), np.median(values), values.mean(), values.max())
        table.add_row(column.name, *(f"{value:.4g}" for value in row), column.meaning)
    console.print(table)

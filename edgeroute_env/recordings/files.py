"""Recordings as table files: parquet, csv or csv.gz, one column a field, one row a line.

The standard table's columns are named as the recording's fields, so what `write_table` wrote is
read back by the path alone. Tables from elsewhere are read by naming their columns:

    read_outcomes(path, {"prompt_tokens": "prompt_tok", "quality_edge": "ok:gpt-4-1106", ...})

A field that `columns` leaves out is looked up by its own name; columns that are no field are
ignored. `where` keeps the rows in which its columns hold its values, e.g. {"mobility": "driving"}.
Every fault of a file is one InputError that names the file; rows count from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.shapes import RULES, Arrivals, Dialogues, Outcomes, Recording, SnrRuns
from edgeroute_env.tables_io import read_frame, write_frame

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Recording)
Columns = Mapping[str, str]


def read_outcomes(
    path: str | Path, columns: Columns | None = None, where: Columns | None = None
) -> Outcomes:
    """Return the Outcomes in a table file; InputError where it cannot be used."""
    return make_recording(Outcomes, path, _read(Outcomes, path, columns or {}, where or {}))


def read_dialogues(
    path: str | Path, columns: Columns | None = None, where: Columns | None = None
) -> Dialogues:
    """Return the Dialogues in a table file; InputError where it cannot be used.

    The file's task and dialogue columns together name a dialogue, by any numbers or texts; it is
    numbered 0, 1, 2 ... in the order of the rows.
    """
    found = _read(Dialogues, path, columns or {}, where or {})
    numbers: dict[tuple[Any, Any], int] = {}
    keys = zip(found["task"], found["dialogue"], strict=True)
    found["dialogue"] = [numbers.setdefault(key, len(numbers)) for key in keys]
    return make_recording(Dialogues, path, found)


def read_arrivals(
    path: str | Path, columns: Columns | None = None, where: Columns | None = None
) -> Arrivals:
    """Return the Arrivals in a table file; InputError where it cannot be used."""
    return make_recording(Arrivals, path, _read(Arrivals, path, columns or {}, where or {}))


def read_snr_runs(
    path: str | Path, columns: Columns | None = None, where: Columns | None = None
) -> SnrRuns:
    """Return the SnrRuns in a table file; InputError where it cannot be used."""
    return make_recording(SnrRuns, path, _read(SnrRuns, path, columns or {}, where or {}))


TABLES: dict[str, Callable[..., Recording]] = {
    "outcomes": read_outcomes,
    "dialogues": read_dialogues,
    "arrivals": read_arrivals,
    "snr": read_snr_runs,
}


def write_table(recording: Recording, path: str | Path, overwrite: bool = False) -> Path:
    """Write a recording as its standard table, whole or not at all; return the path.

    InputError for an unknown ending, a file that exists (unless `overwrite`) or a folder that
    cannot be written to.
    """
    return write_frame(recording.columns(), path, overwrite)


def make_recording(kind: type[R], path: str | Path, columns: Mapping[str, Any]) -> R:
    """Return a recording of what a file holds; its InputErrors name the file."""
    try:
        return kind(**columns)
    except InputError as error:
        raise InputError(f"{path}: {error.field}", error.value, error.allowed) from None


def _read(
    kind: type[Recording], path: str | Path, columns: Columns, where: Columns
) -> dict[str, Any]:
    """Return the values of a recording's fields, as far as the table holds them."""
    specs = fields(kind)
    names = [spec.name for spec in specs]
    unknown = [name for name in columns if name not in names]
    if unknown:
        raise InputError("columns", unknown[0], f"{kind.__name__} has {', '.join(names)}")
    frame = _kept(read_frame(path), path, where)
    found = {}
    for spec in specs:
        column = columns.get(spec.name, spec.name)
        if column in frame:
            found[spec.name] = _values(f"{path}: {spec.name}", spec.name, frame[column])
        elif spec.name in columns or spec.default is MISSING:
            present = ", ".join(map(str, frame.columns))
            raise InputError(f"{path}: {spec.name}", f"no column {column!r}", f"one of {present}")
    return found


def _kept(frame: pd.DataFrame, path: str | Path, where: Columns) -> pd.DataFrame:
    """Return the rows whose columns hold the values that `where` asks for."""
    for column, value in where.items():
        if column not in frame:
            raise InputError(f"{path}: where", column, "one of " + ", ".join(map(str, frame)))
        chosen = frame[column].astype(str) == value
        if not chosen.any():
            present = ", ".join(sorted(frame[column].astype(str).unique())[:10])
            raise InputError(f"{path}: where {column}", value, f"a value that is there: {present}")
        frame = frame[chosen]
    return frame.reset_index(drop=True) if where else frame


def _values(place: str, field: str, column: pd.Series[Any]) -> Any:
    """Return a column's values, none of them empty; numbers serve as names where names are due."""
    empty = column.isna().to_numpy().nonzero()[0]
    if empty.size:
        raise InputError(f"{place}, row {empty[0]}", "an empty cell", "a value in every row")
    if RULES[field].kind is str and column.dtype.kind in "iu":
        column = column.astype(str)
    return column.to_numpy()

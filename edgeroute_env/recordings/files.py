"""Recordings as table files: parquet, csv or csv.gz, one column a field, one row a line.

In a standard table the columns have the names of the recording's fields. So a table that
`write_table` wrote needs only its path. For other tables, `columns` names the column of each field:

    read_outcomes(path, {"prompt_tokens": "prompt_tok", "quality_edge": "ok:gpt-4-1106", ...})

A field that `columns` leaves out is read from the column of its own name. Other columns are
ignored. `where` keeps the rows in which its columns hold its values, e.g. {"mobility": "driving"}.
Every fault of a file gives one InputError, which names the file. Rows count from 0.
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
    """Return the Outcomes in a table file; InputError if it cannot be used."""
    return make_recording(Outcomes, path, _read(Outcomes, path, columns or {}, where or {}))


def read_dialogues(
    path: str | Path, columns: Columns | None = None, where: Columns | None = None
) -> Dialogues:
    """Return the Dialogues in a table file; InputError if it cannot be used.

    The columns task and dialogue together name a dialogue, by any numbers or texts. The dialogues
    are then numbered 0, 1, 2 ... in the order of the rows.
    """
    found = _read(Dialogues, path, columns or {}, where or {})
    numbers: dict[tuple[Any, Any], int] = {}
    keys = zip(found["task"], found["dialogue"], strict=True)
    found["dialogue"] = [numbers.setdefault(key, len(numbers)) for key in keys]
    return make_recording(Dialogues, path, found)


def read_arrivals(
    path: str | Path, columns: Columns | None = None, where: Columns | None = None
) -> Arrivals:
    """Return the Arrivals in a table file; InputError if it cannot be used."""
    return make_recording(Arrivals, path, _read(Arrivals, path, columns or {}, where or {}))


def read_snr_runs(
    path: str | Path, columns: Columns | None = None, where: Columns | None = None
) -> SnrRuns:
    """Return the SnrRuns in a table file; InputError if it cannot be used."""
    return make_recording(SnrRuns, path, _read(SnrRuns, path, columns or {}, where or {}))


TABLES: dict[str, Callable[..., Recording]] = {
    "outcomes": read_outcomes,
    "dialogues": read_dialogues,
    "arrivals": read_arrivals,
    "snr": read_snr_runs,
}


def write_table(recording: Recording, path: str | Path, overwrite: bool = False) -> Path:
    """Write a recording as its standard table, completely or not at all; return the path.

    InputError for an unknown ending, a file that exists (unless `overwrite` is True) or a folder
    that cannot be written to.
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
    """Return the values of those fields of a recording that the table holds."""
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
    """Return a column's values, none of them empty; numbers become texts where it needs texts."""
    empty = column.isna().to_numpy().nonzero()[0]
    if empty.size:
        raise InputError(f"{place}, row {empty[0]}", "an empty cell", "a value in every row")
    if RULES[field].kind is str and column.dtype.kind in "iu":
        column = column.astype(str)
    return column.to_numpy()

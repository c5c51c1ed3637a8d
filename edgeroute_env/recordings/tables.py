"""Recordings as table files: parquet, csv or csv.gz, one column a field, one row a line.

In a standard table the columns have the names of the recording's fields. So a table that
`write_table` wrote needs only its path. For other tables, `columns` names the column of each field:

    read_recording(Outcomes, path, {"prompt_tokens": "prompt_tok", "quality_edge": "ok:gpt-4", ...})

A field that `columns` leaves out is looked up by its own name; columns that are no field are
ignored. A field of tokens can be given as the text itself: `prompt` for `prompt_tokens`, `answer`,
`answer_device` and `answer_edge` likewise; its tokens are estimated (see `count_tokens`). `where`
keeps the rows in which its columns hold its values, e.g. {"mobility": "driving"} or {"run": 3}.
`drop_unusable` leaves out the rows that a field cannot hold and says in the recording's `notes`
how many. Every fault of a file is one InputError that names the file; rows count from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.cells import numbered, numbers
from edgeroute_env.recordings.shapes import (
    RULES,
    Arrivals,
    ColumnRule,
    Dialogues,
    Outcomes,
    Recording,
    SnrRuns,
    converted,
)
from edgeroute_env.recordings.tokens import count_tokens
from edgeroute_env.tables_io import read_frame, write_frame

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Recording)
Columns = Mapping[str, str]
Where = Mapping[str, str | int | float | bool]
DROP = "--drop-unusable, drop_unusable: true in a scenario"
TEXTS = {  # what is counted in tokens, as a text
    "prompt": "prompt_tokens",
    "answer": "answer_tokens",
    "answer_device": "answer_tokens_device",
    "answer_edge": "answer_tokens_edge",
}


class Picked(NamedTuple):
    """Which of a table's columns and rows count."""

    columns: Columns = MappingProxyType({})
    where: Where = MappingProxyType({})
    drop_unusable: bool = False


class Found(NamedTuple):
    """What a table holds of some fields.

    columns, cells: by field, as values and as the file has them. rows: their numbers in the file.
    """

    path: str | Path
    columns: dict[str, NDArray[Any]]
    cells: dict[str, NDArray[Any]]
    rows: NDArray[np.int64]
    notes: tuple[str, ...]

    @contextmanager
    def naming_rows(self) -> Iterator[None]:
        """Let errors name the file and, of a row, its number and text in the file."""
        try:
            yield
        except InputError as error:
            field, value = error.field, error.value
            name, _, row = field.partition(", row ")
            if row and name in self.cells:
                field = f"{name}, row {self.rows[int(row)]}"
                value = _shown(self.cells[name][int(row)])
            raise InputError(f"{self.path}: {field}", value, error.allowed) from None


TABLES: dict[str, type[Recording]] = {
    "outcomes": Outcomes,
    "dialogues": Dialogues,
    "arrivals": Arrivals,
    "snr": SnrRuns,
}


def read_recording(
    kind: type[R],
    path: str | Path,
    columns: Columns | None = None,
    where: Where | None = None,
    drop_unusable: bool = False,
) -> R:
    """Return the recording in a table file; InputError where it cannot be used.

    In a file of dialogues, the task and dialogue columns together name a dialogue, by any numbers
    or texts; it is numbered 0, 1, 2 ... in the order of the rows, and its rows stand together.
    """
    specs = [spec for spec in fields(kind) if spec.name in RULES]
    required = [spec.name for spec in specs if spec.default is MISSING]
    rules = {spec.name: RULES[spec.name] for spec in specs}
    if kind is Dialogues:
        rules["dialogue"] = ColumnRule(str)  # whatever names it
    pick = Picked(columns or {}, where or {}, drop_unusable)
    found = picked_fields(path, rules, required, pick)
    values: dict[str, Any] = dict(found.columns)
    with found.naming_rows():
        if kind is Dialogues:
            keys = list(zip(values["task"].tolist(), values["dialogue"].tolist(), strict=True))
            _refuse_interleaved(keys)
            values["dialogue"] = numbered(keys)
        return kind(**values, notes=found.notes)


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


def picked_fields(
    path: str | Path, rules: Mapping[str, ColumnRule], required: Sequence[str], pick: Picked
) -> Found:
    """Return the values of fields as far as a table holds them, and how many rows were left out.

    `rules` names the fields to look for and what each may hold, `required` those that have to
    be there.

    Raises:
        InputError: an unknown field, a missing column, no row left, or a cell that cannot be used
            (unless those rows are to be left out).
    """
    known = [*rules, *(text for text in TEXTS if TEXTS[text] in rules)]
    unknown = [name for name in pick.columns if name not in known]
    if unknown:
        raise InputError("columns", unknown[0], "one of " + ", ".join(known))
    frame = _kept(read_frame(path, texts=True), path, pick.where)
    if not len(frame):
        raise InputError(f"{path}: rows", 0, "one row at least")
    found: dict[str, NDArray[Any]] = {}
    for field in known:
        name = TEXTS.get(field, field)
        column = pick.columns.get(field, field)
        if column in frame and name not in found:
            cells = frame[column].to_numpy()
            found[name] = _lengths(cells) if field in TEXTS else _plain(cells, rules[name].kind)
        elif field in pick.columns:
            raise _no_column(path, field, column, frame)
    for name in required:
        if name not in found:
            raise _no_column(path, name, name, frame)
    good = np.ones(len(frame), bool)
    values: dict[str, NDArray[Any]] = {}
    for name, cells in found.items():
        values[name], usable = converted(name, cells, rules[name])
        good &= usable
        if not pick.drop_unusable and not usable.all():
            row = int(np.flatnonzero(~usable)[0])
            allowed = f"{rules[name].allowed()}; rows that do not fit can be left out: {DROP}"
            raise InputError(f"{path}: {name}, row {frame.index[row]}", _shown(cells[row]), allowed)
    if not good.any():
        raise InputError(f"{path}: rows", f"{len(frame)}, none of them usable", "one usable row")
    kept = {name: cells[good] for name, cells in found.items()}
    columns = {name: converted(name, cells, rules[name])[0] for name, cells in kept.items()}
    left = f"left out {(~good).sum()} of {len(frame)} rows that cannot be used"
    notes = () if good.all() else (left,)
    return Found(path, columns, kept, frame.index.to_numpy()[good], notes)


def _refuse_interleaved(keys: Sequence[tuple[Any, Any]]) -> None:
    """Raise InputError where a dialogue is taken up again after another one."""
    seen: set[tuple[Any, Any]] = set()
    for row, (key, before) in enumerate(zip(keys, [None, *keys], strict=False)):
        if key != before and key in seen:
            allowed = "a dialogue's rows together: sort the table by dialogue, then by turn"
            raise InputError(f"dialogue, row {row}", key[1], allowed)
        seen.add(key)


def _no_column(path: str | Path, field: str, column: str, frame: pd.DataFrame) -> InputError:
    present = shown_names(frame.columns)
    allowed = f"one of {present}; name the column that holds it: --column {field}=NAME"
    return InputError(f"{path}: {field}", f"no column {column!r}", allowed)


def shown_names(names: Iterable[Any]) -> str:
    """Return some names in words, the first twenty at most."""
    first = [str(name)[:40] for name in names]
    return ", ".join(first[:20]) + (f" and {len(first) - 20} more" if len(first) > 20 else "")


def _kept(frame: pd.DataFrame, path: str | Path, where: Where) -> pd.DataFrame:
    """Return the rows whose columns hold the values that `where` asks for."""
    for column, value in where.items():
        if column not in frame:
            raise InputError(f"{path}: where", column, "one of " + shown_names(frame))
        texts = frame[column].astype(str).str.strip()
        as_number = numbers(np.array([str(value)]))[0]  # 3 is 3.0, and NaN is no value
        chosen = (texts.str.lower() == str(value).lower()).to_numpy()
        chosen = chosen | (numbers(texts.to_numpy()) == as_number)
        if not chosen.any():
            allowed = "a value that is there: " + shown_names(sorted(texts.unique()))
            raise InputError(f"{path}: where {column}", value, allowed)
        frame = frame[chosen]
    return frame


def _lengths(cells: NDArray[Any]) -> NDArray[np.float64]:
    """Return the estimated tokens of texts; NaN where there is none."""
    is_text = [isinstance(cell, str) and cell != "" for cell in cells]
    pairs = zip(cells, is_text, strict=True)
    return np.array([count_tokens(cell) if good else np.nan for cell, good in pairs])


def _plain(cells: NDArray[Any], kind: type) -> NDArray[Any]:
    """Return cells as they are; numbers serve as names where texts are due."""
    if kind is not str or cells.dtype.kind not in "iuf":
        return cells
    return np.where(np.isfinite(cells), cells.astype(str), "")


def _shown(cell: Any) -> Any:
    plain = cell.item() if isinstance(cell, np.generic) else cell
    return "an empty cell" if plain is None or plain == "" or plain != plain else plain

"""A trace as users see it: validated columns, named with their units, one row a turn."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.cells import check_rows, check_times, column_of
from edgeroute_env.traces.columns import BASE, BASE_NAMES, ROW, Column
from edgeroute_env.traces.law import TraceLaw
from edgeroute_env.traces.world import derive


class Trace:
    """Everything in an episode that no routing decision can change.

    Args:
        columns: one array a column of `columns.BASE`, all of the same length T >= 1.
        source: where the columns come from, for error messages.

    Raises:
        InputError: a column is missing, unknown, of another length, not numeric or out of its
            range; times decrease; or a phone's dialogue skips a turn. It names the first bad row.
    """

    def __init__(self, columns: Mapping[str, ArrayLike], source: str = "trace") -> None:
        """Check the columns and store them in their declared types."""
        if not isinstance(columns, Mapping):
            raise InputError(f"{source}: columns", columns, "a mapping from names to arrays")
        missing = [name for name in BASE_NAMES if name not in columns]
        if missing:
            file = "FILE" if source == "trace" else shlex.quote(source)
            draws = f"edgeroute trace import trace {file} --out completed.parquet"
            allowed = f"also {', '.join(missing)}; what lacks is drawn by: {draws}"
            raise InputError(f"{source}: columns", ", ".join(map(str, columns))[:80], allowed)
        unknown = [name for name in columns if name not in BASE_NAMES]
        if unknown:
            raise InputError(f"{source}: columns", unknown[0], "only " + ", ".join(BASE_NAMES))
        turns = np.size(columns["arrival_s"])
        if turns == 0:
            raise InputError(f"{source}: turns", 0, "at least one turn")
        checked = {c.name: _checked(c, columns[c.name], turns, source) for c in BASE}
        _check_order(checked, source)
        self._columns = MappingProxyType(checked)

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """The columns by name; neither they nor their values can be changed once checked."""
        return self._columns

    def __reduce__(self) -> tuple[type[Trace], tuple[dict[str, NDArray[Any]]]]:
        """Copy and pickle as columns that are checked again."""
        return type(self), (dict(self._columns),)

    def __len__(self) -> int:
        """Return the number of turns."""
        return int(self.columns["arrival_s"].size)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return one column, shape (T,)."""
        if name not in self.columns:
            raise InputError("trace column", name, "one of " + ", ".join(BASE_NAMES))
        return self.columns[name]

    @classmethod
    def from_rows(cls, rows: NDArray[Any]) -> Trace:
        """Return the trace that the kernel holds as `rows`, ROW of shape (T,)."""
        return cls({name: rows[name] for name in BASE_NAMES})

    def rows(self, law: TraceLaw, phones: int) -> NDArray[Any]:
        """Return the kernel's rows, ROW (T,), with the columns that follow from the scenario."""
        counts = {"device": phones, "benchmark": len(law.benchmarks), "user": len(law.world)}
        for name, count in counts.items():
            allowed = f"0 to {count - 1} in this scenario"
            check_rows(f"trace: {name}", self[name], self[name] < count, allowed)
        rows = np.zeros(len(self), ROW)
        for name in BASE_NAMES:
            rows[name] = self[name]
        derive(law, rows)
        return rows

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Write a .parquet or .csv file in one move; refuse to replace one unless told to."""
        from edgeroute_env.tables_io import write_frame

        return write_frame(self.columns, path, overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read a trace from a .parquet or .csv file."""
        from edgeroute_env.tables_io import read_frame

        frame = read_frame(path)
        return cls({name: frame[name].to_numpy() for name in frame.columns}, str(path))


def _checked(column: Column, values: ArrayLike, turns: int, source: str) -> NDArray[Any]:
    field = f"{source}: {column.name}"
    array = column_of(field, values)
    if array.shape != (turns,):
        raise InputError(field, f"shape {array.shape}", f"shape ({turns},), as arrival_s")
    if array.dtype.kind not in ("biuf" if column.dtype == "?" else "iuf"):
        raise InputError(field, f"values of type {array.dtype}", "numbers")
    good = (array >= column.low) & (array <= column.high)  # NaN is neither
    allowed = f"numbers from {column.low:g} to {column.high:g} ({column.meaning})"
    if column.dtype in ("i4", "?"):
        good &= array == np.floor(array)
        allowed = f"whole {allowed}"
    check_rows(field, array, good, allowed)
    stored = array.astype(column.dtype)
    return np.frombuffer(stored.tobytes(), stored.dtype)  # bytes stay as they are


def _check_order(columns: Mapping[str, NDArray[Any]], source: str) -> None:
    check_times(f"{source}: arrival_s", columns["arrival_s"])
    _, first, phone = np.unique(columns["device"], return_index=True, return_inverse=True)
    user = columns["user"]
    owner = user[first][phone]
    allowed = f"{owner[(user != owner).argmax()]}, the phone's user from its first turn on"
    check_rows(f"{source}: user", user, user == owner, allowed)
    order = np.argsort(columns["device"], kind="stable")
    device, turn = columns["device"][order], columns["turn"][order]
    ended = columns["last_turn"][order]
    follows = np.concatenate(([False], (device[1:] == device[:-1]) & ~ended[:-1]))
    expected = np.where(follows, np.concatenate(([0], turn[:-1])) + 1, 1)
    good = np.empty(turn.size, bool)
    good[order] = (turn == 1) | (turn == expected)
    allowed = "1, or one more than the phone's turn before it in the same dialogue"
    check_rows(f"{source}: turn", columns["turn"], good, allowed)

"""What the cells of a column mean: numbers, truths, times and names, whatever type holds them.

A column arrives as an array of any type, or of texts where it comes from a csv file. A cell that
is not what its column needs becomes NaN, so that the caller can name its row or leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeroute_env.errors import InputError

Floats = NDArray[np.float64]

_TRUTHS = {"true": 1.0, "false": 0.0}
_NETTRACK = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)_(\d\d)\.(\d\d)\.(\d\d)")  # of G-NetTrack logs
TIMES = "seconds, or times such as 2023-11-16 18:15:46.68 or 2019.12.16_13.40.04"


def column_of(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return values as an array of shape (n,), n >= 1; InputError where they are none."""
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(name, "a masked array", "values without a mask: fill or drop those")
    try:
        column = np.asarray(values)
    except (ValueError, TypeError):
        raise InputError(name, "a ragged sequence", "one value a row") from None
    if column.ndim != 1 or column.size == 0:
        raise InputError(name, f"shape {column.shape}", "one value a row, one row at least")
    return column


def check_rows(field: str, values: NDArray[Any], good: NDArray[np.bool_], allowed: str) -> None:
    """Raise InputError at the first row that is not good."""
    bad = np.flatnonzero(~good)
    if bad.size:
        value = values[bad[0]]
        plain = value.item() if isinstance(value, np.generic) else value
        raise InputError(f"{field}, row {bad[0]}", plain, allowed)


def check_times(field: str, times_s: NDArray[Any]) -> None:
    """Raise InputError at the first time that is before the one above it."""
    ordered = np.diff(times_s, prepend=times_s[0]) >= 0
    before = times_s[ordered.argmin() - 1]
    allowed = f"times that never decrease, at least {before:g} here: sort the table by time"
    check_rows(field, times_s, ordered, allowed)


def numbers(column: NDArray[Any], truths: bool = False) -> Floats:
    """Return a column's numbers, or their texts', as floats; true and false only if `truths`."""
    if column.dtype.kind in "iuf" or (truths and column.dtype.kind == "b"):
        return column.astype(np.float64)
    if column.dtype.kind not in "OUST":
        return np.full(column.size, np.nan)
    return np.array([_number(value, truths) for value in column])


def _number(value: Any, truths: bool) -> float:
    if truths and str(value).strip().lower() in _TRUTHS:
        return _TRUTHS[str(value).strip().lower()]
    if isinstance(value, bool | np.bool_ | np.timedelta64) or "_" in str(value):
        return np.nan  # float() would take True for 1, 2 s for 2 and 1_0 for 10
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def seconds(column: NDArray[Any]) -> Floats:
    """Return times in seconds: as they are, of durations, or of dates from the first one."""
    if column.dtype.kind in "mM":
        if column.dtype.kind == "M":
            dates = column[~np.isnat(column)]
            column = column - dates[0] if dates.size else column - column
        if np.datetime_data(column.dtype)[0] in ("generic", "Y", "M"):
            return np.full(column.size, np.nan)  # of no fixed length
        return column / np.timedelta64(1, "s")
    found = numbers(column)
    if np.isfinite(found).any() or column.dtype.kind not in "OUST":
        return found
    since = [_since(value) for value in column]
    first = next((moment for moment in since if moment is not None), None)
    if any(isinstance(value, timedelta) for value in column):
        first = timedelta()
    gaps = [None if moment is None or first is None else moment - first for moment in since]
    return np.array([np.nan if gap is None else gap / timedelta(seconds=1) for gap in gaps])


def _since(value: Any) -> timedelta | None:
    """Return a duration, or the time from a fixed origin to a date; None for anything else."""
    if isinstance(value, timedelta):
        return value if value == value else None  # pandas' missing value differs from itself
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(_NETTRACK.sub(r"\1-\2-\3 \4:\5:\6", value.strip()))
        except ValueError:
            return None
    if not isinstance(value, datetime) or value != value:
        return None
    zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
    return zoned - datetime(1970, 1, 1, tzinfo=UTC)


def numbered(names: Iterable[Hashable]) -> list[int]:
    """Return 0, 1, 2 ... for names, in the order in which they first appear."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(name, len(known)) for name in names]

"""Recordings: real data in four checked shapes, from which recorded traces are built.

A recording is frozen and holds read-only arrays of one length. A bad value raises an InputError
that names the column and its first bad row; rows count from 0. `files` reads and writes recordings
as tables. `importers` makes them from the published formats.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.cells import (
    TIMES,
    check_rows,
    check_times,
    column_of,
    numbered,
    numbers,
    seconds,
)

_SURROGATE = re.compile("[\ud800-\udfff]")
Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Texts: TypeAlias = NDArray[np.str_]


class ColumnRule(NamedTuple):
    """What a column may hold: its type and, for numbers, the range.

    A float may be given as a truth or as a time, an int as any name; see `cells`. Where `blank`, a
    number may be missing, and is NaN.
    """

    kind: type
    low: float = 0
    high: float = 0
    given: Literal["number", "truth", "time", "name"] = "number"
    blank: bool = False

    def allowed(self) -> str:
        """Say what a value must be."""
        if self.kind is str:
            return "a text"
        whole = "a whole number" if self.kind is int else "a number"
        also = {"truth": ", or true or false", "time": f"; {TIMES}", "name": ", or a text"}
        empty = ", or none" if self.blank else ""
        return f"{whole} from {self.low:g} to {self.high:g}{also.get(self.given, '')}{empty}"


_ID = ColumnRule(int, 0, 2**31 - 1, "name")  # what a trace's 4-byte columns hold
_COUNT = ColumnRule(int, 1, 2**31 - 1)
_TOKENS = ColumnRule(int, 1, 1e7)
_SHARE = ColumnRule(float, 0, 1)
_QUALITY = ColumnRule(float, 0, 1, "truth")
_TEXT = ColumnRule(str)

RULES = {
    "prompt_tokens": _TOKENS,
    "answer_tokens": _TOKENS,
    "answer_tokens_device": _TOKENS,
    "answer_tokens_edge": _TOKENS,
    "quality_device": _QUALITY,
    "quality_edge": _QUALITY,
    "score": _SHARE,
    "group": _TEXT,
    "task": _TEXT,
    "mobility": _TEXT,
    "app": _TEXT,
    "dialogue": _ID,
    "session": _ID,
    "run": _ID,
    "turn": _COUNT,
    "time_s": ColumnRule(float, -1e12, 1e12, "time"),
    "snr_db": ColumnRule(float, -100, 100),
    "cqi": ColumnRule(float, 0, 15, blank=True),
    "downlink_kbps": ColumnRule(float, 0, 1e8),
    "ping_ms": ColumnRule(float, 0, 1e6, blank=True),
}


@dataclass(frozen=True, eq=False)
class Recording:
    """What all recordings share: conversion, checks and length.

    notes: what the reader of a file has to say of it, such as how many rows it left out.
    """

    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """Convert every column to a read-only array and check it, then check the rows' order."""
        rows: int | None = None
        for name, values in self.columns().items():
            column = _checked(name, values)
            rows = column.size if rows is None else rows
            if column.size != rows:
                raise InputError(name, f"{column.size} rows", f"{rows} rows, as the first column")
            object.__setattr__(self, name, column)
        for spec in fields(self):
            if spec.default is MISSING and getattr(self, spec.name) is None:
                raise InputError(spec.name, None, "one value a row")
        self._check_order()

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(next(iter(self.columns().values())).size)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns that are present, by name."""
        named = {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name in RULES}
        return {name: values for name, values in named.items() if values is not None}

    def _check_order(self) -> None:
        """Raise InputError if the order of the rows is wrong."""


@dataclass(frozen=True, eq=False)
class Outcomes(Recording):
    """How two models answered the same questions: one row a question, columns of shape (n,).

    prompt_tokens, answer_tokens_device, answer_tokens_edge: tokens, 1 or more. quality_device,
    quality_edge: 0 (wrong) to 1 (right). score: a scorer's P(the large model is needed), 0 to 1.
    group: subject or task.
    """

    prompt_tokens: Integers
    quality_device: Floats
    quality_edge: Floats
    answer_tokens_device: Integers | None = None
    answer_tokens_edge: Integers | None = None
    score: Floats | None = None
    group: Texts | None = None


@dataclass(frozen=True, eq=False)
class Dialogues(Recording):
    """Lengths of dialogues: one row a turn, in order; columns of shape (n,).

    task: what the dialogue is about, the same for all its turns. dialogue: 0, 1, 2 ... in row
    order. turn: 1, 2, 3 ... within the dialogue. prompt_tokens (the user's new text) and
    answer_tokens: tokens, 1 or more.
    """

    task: Texts
    dialogue: Integers
    turn: Integers
    prompt_tokens: Integers
    answer_tokens: Integers

    def _check_order(self) -> None:
        first = np.diff(self.dialogue, prepend=-1) != 0
        start = np.flatnonzero(first)
        numbers = np.cumsum(first) - 1
        check_rows("dialogue", self.dialogue, self.dialogue == numbers, "0, 1, 2 ... in row order")
        turns = np.arange(len(self)) - start[numbers] + 1
        check_rows("turn", self.turn, self.turn == turns, "1, 2, 3 ... within the dialogue")
        same_task = self.task == self.task[start[numbers]]
        check_rows("task", self.task, same_task, "one task for all turns of a dialogue")


@dataclass(frozen=True, eq=False)
class Arrivals(Recording):
    """When requests arrived at a server: one row a request; columns of shape (n,).

    time_s: seconds from any origin, never decreasing. session: the conversation to which a request
    belongs; absent if the source does not tell.
    """

    time_s: Floats
    session: Integers | None = None

    @property
    def gaps_s(self) -> Floats:
        """Seconds from each request to the next one of any session; shape (n - 1,)."""
        return np.diff(self.time_s)

    @property
    def follow_up_gaps_s(self) -> Floats:
        """Seconds from a session's request to its next one.

        Shape (n - sessions,): sorted by session, and by time within a session. InputError if the
        recording has no sessions.
        """
        if self.session is None:
            raise InputError("session", None, "arrivals with a session column")
        order = np.argsort(self.session, kind="stable")
        same_session = np.diff(self.session[order]) == 0
        gaps_s: Floats = np.diff(self.time_s[order])[same_session]
        return gaps_s

    def _check_order(self) -> None:
        check_times("time_s", self.time_s)


@dataclass(frozen=True, eq=False)
class SnrRuns(Recording):
    """Radio measurements: one row a sample, sorted by run; columns of shape (n,).

    run: the drive or walk to which a sample belongs. time_s: seconds, never decreasing within a
    run. snr_db: signal-to-noise ratio, -100 to 100 dB. mobility: how the phone moved. app: what the
    phone did; `download` used all of the link. cqi: channel quality, 0 to 15, the mean of a second,
    NaN for none. downlink_kbps: throughput, kbit/s. ping_ms: a round trip, NaN where none was
    measured.
    """

    run: Integers
    time_s: Floats
    snr_db: Floats
    mobility: Texts | None = None
    app: Texts | None = None
    cqi: Floats | None = None
    downlink_kbps: Floats | None = None
    ping_ms: Floats | None = None

    def taken(self, chosen: NDArray[np.bool_]) -> SnrRuns:
        """Return the chosen samples, a mask of shape (n,)."""
        columns: dict[str, Any] = {k: values[chosen] for k, values in self.columns().items()}
        return SnrRuns(**columns)

    def _check_order(self) -> None:
        first = np.concatenate(([True], np.diff(self.run) != 0))
        starts = np.flatnonzero(first)
        _, earliest = np.unique(self.run[starts], return_index=True)
        together = ~first
        together[starts[earliest]] = True
        allowed = "a run's samples together: sort the table by run, then by time"
        check_rows("run", self.run, together, allowed)
        ordered = first | (np.diff(self.time_s, prepend=self.time_s[0]) >= 0)
        check_rows("time_s", self.time_s, ordered, "times that never decrease within a run")


def converted(name: str, values: Any, rule: ColumnRule) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a column's values in its rule's type, and which of them it may hold; both (n,)."""
    raw = column_of(name, values)
    if rule.kind is str:
        good = np.array([_is_text(value) for value in raw])
        texts = [value if kept else "" for value, kept in zip(raw, good, strict=True)]
        return np.array(texts, np.str_), good
    found = seconds(raw) if rule.given == "time" else numbers(raw, rule.given == "truth")
    if rule.given == "name":
        found = _names_as_numbers(raw, found, rule.high)
    good = np.isfinite(found) & (found >= rule.low) & (found <= rule.high)
    if rule.blank:
        good |= _is_empty(raw)
    if rule.kind is int:
        good &= found == np.floor(found)
        return np.where(good, found, 0).astype(np.int64), good
    return found, good


def _names_as_numbers(raw: NDArray[Any], found: Floats, high: float) -> Floats:
    """Return the numbers of names that are texts, or numbers above `high`; others as they are."""
    texts = np.array([_is_text(value) for value in raw])
    if not ((texts & np.isnan(found)) | (found > high)).any():
        return found
    due = texts | np.isfinite(found)
    result = np.full(raw.size, np.nan)
    result[due] = numbered(str(name).strip() for name in raw[due].tolist())
    return result


def _is_empty(raw: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which cells hold nothing, shape (n,)."""
    if raw.dtype.kind == "f":
        missing: NDArray[np.bool_] = np.isnan(raw)
        return missing
    return np.array([value is None or value == "" or value != value for value in raw])


def _is_text(value: Any) -> bool:
    """Return whether a value is a text that a file can hold: not blank, no half a surrogate."""
    return isinstance(value, str) and value.strip() != "" and not _SURROGATE.search(value)


def _checked(name: str, values: Any) -> NDArray[Any]:
    """Return `values` as a read-only array, all of them such as the column may hold."""
    column, good = converted(name, values, RULES[name])
    check_rows(name, column_of(name, values), good, RULES[name].allowed())
    column.flags.writeable = False
    return column

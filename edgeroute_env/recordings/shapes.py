"""Recordings: real data in four checked shapes, from which recorded traces are built.

A recording is frozen and holds read-only arrays of one length. A bad value raises an InputError
that names the column and its first bad row; rows count from 0. `files` reads and writes recordings
as tables. `importers` makes them from the published formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError

Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Texts: TypeAlias = NDArray[np.str_]


class _Rule(NamedTuple):
    """What a column may hold: int, float or str and, for numbers, the range."""

    kind: type
    low: float = 0
    high: float = 0


_ID = _Rule(int, 0, 2**31 - 1)  # what the 4-byte columns of a trace can hold
_COUNT = _Rule(int, 1, 2**31 - 1)
_TOKENS = _Rule(int, 1, 1e7)
_SHARE = _Rule(float, 0, 1)
_TEXT = _Rule(str)

RULES = {
    "prompt_tokens": _TOKENS,
    "answer_tokens": _TOKENS,
    "answer_tokens_device": _TOKENS,
    "answer_tokens_edge": _TOKENS,
    "quality_device": _SHARE,
    "quality_edge": _SHARE,
    "score": _SHARE,
    "group": _TEXT,
    "task": _TEXT,
    "mobility": _TEXT,
    "dialogue": _ID,
    "session": _ID,
    "run": _ID,
    "turn": _COUNT,
    "time_s": _Rule(float, -1e12, 1e12),
    "snr_db": _Rule(float, -100, 100),
}


@dataclass(frozen=True, eq=False)
class Recording:
    """What all recordings share: conversion, checks and length."""

    def __post_init__(self) -> None:
        """Convert every column to a read-only array and check it, then check the rows' order."""
        rows: int | None = None
        for name, values in self.columns().items():
            column = _checked(name, values, RULES[name])
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
        named = {spec.name: getattr(self, spec.name) for spec in fields(self)}
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
        _all_rows("dialogue", self.dialogue, self.dialogue == numbers, "0, 1, 2 ... in row order")
        turns = np.arange(len(self)) - start[numbers] + 1
        _all_rows("turn", self.turn, self.turn == turns, "1, 2, 3 ... within the dialogue")
        same_task = self.task == self.task[start[numbers]]
        _all_rows("task", self.task, same_task, "one task for all turns of a dialogue")


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
        ordered = np.diff(self.time_s, prepend=self.time_s[0]) >= 0
        _all_rows("time_s", self.time_s, ordered, "times that never decrease")


@dataclass(frozen=True, eq=False)
class SnrRuns(Recording):
    """Radio measurements: one row a sample, sorted by run; columns of shape (n,).

    run: the drive or walk to which a sample belongs. time_s: seconds, never decreasing within a
    run. snr_db: signal-to-noise ratio, -100 to 100 dB. mobility: how the phone moved.
    """

    run: Integers
    time_s: Floats
    snr_db: Floats
    mobility: Texts | None = None

    def _check_order(self) -> None:
        first = np.concatenate(([True], np.diff(self.run) != 0))
        starts = np.flatnonzero(first)
        _, earliest = np.unique(self.run[starts], return_index=True)
        together = ~first
        together[starts[earliest]] = True
        _all_rows("run", self.run, together, "runs whose samples stand together")
        ordered = first | (np.diff(self.time_s, prepend=self.time_s[0]) >= 0)
        _all_rows("time_s", self.time_s, ordered, "times that never decrease within a run")


def _checked(name: str, values: Any, rule: _Rule) -> NDArray[Any]:
    """Return `values` as a read-only (n,) array of the rule's kind, all within its range."""
    kind, low, high = rule
    raw = np.asarray(values)
    if raw.ndim != 1 or raw.size == 0:
        raise InputError(name, f"shape {raw.shape}", "one value a row, one row at least")
    if kind is str:
        is_text = [isinstance(value, str) and value != "" for value in raw]
        _all_rows(name, raw, is_text, "a text")
        column: NDArray[Any] = raw.astype(np.str_)
    else:
        numbers = _numbers(name, raw)
        whole = "a whole number" if kind is int else "a number"
        good = np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
        if kind is int:
            good &= numbers == np.floor(numbers)
        _all_rows(name, raw, good, f"{whole} from {low:g} to {high:g}")
        column = numbers.astype(np.int64 if kind is int else np.float64)
    column.flags.writeable = False
    return column


def _numbers(name: str, raw: NDArray[Any]) -> Floats:
    """Return numbers, or texts of numbers, as floats; InputError at the first other value."""
    if raw.dtype.kind in "biuf":
        return raw.astype(np.float64)
    numbers = np.empty(raw.size)
    for row, value in enumerate(raw):
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            raise _bad_row(name, row, value, "a number") from None
    return numbers


def _all_rows(
    name: str, values: NDArray[Any], good: Sequence[bool] | NDArray[np.bool_], allowed: str
) -> None:
    """Raise InputError at the first row that is not good."""
    bad = np.flatnonzero(~np.asarray(good))
    if bad.size:
        raise _bad_row(name, int(bad[0]), values[bad[0]], allowed)


def _bad_row(name: str, row: int, value: Any, allowed: str) -> InputError:
    plain = value.item() if isinstance(value, np.generic) else value
    return InputError(f"{name}, row {row}", plain, allowed)

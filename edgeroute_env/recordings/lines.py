"""Text files read line by line or as JSON; what is wrong is one error naming file and line."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from edgeroute_env.errors import InputError
from edgeroute_env.files import check_size
from edgeroute_env.packed import open_packed

LARGEST = 2.0**64
MOST_BYTES = 2**32  # of a published file: Azure's week takes more than 1e9


def csv_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a csv file with their line numbers; InputError where there are none."""
    line = 0
    with opened(path, newline="") as file:
        rows = csv.DictReader(file, strict=True)
        names = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = names
        repeated = [name for name in names if name and names.count(name) > 1]
        if repeated:
            raise InputError(f"{path}, line 1", repeated[0], "a name for each column")
        missing = [name for name in required if name not in names]
        if missing:
            present = ", ".join(names) or "none"
            raise InputError(f"{path}, line 1", f"columns {present}", f"with {missing[0]}")
        for row in rows:
            line = rows.line_num
            if None in row or None in row.values():
                raise InputError(f"{path}, line {line}", "too many or too few fields", "a full row")
            yield line, row
    if not line:
        raise InputError(str(path), "no rows", "one row at least")


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the JSON objects of a jsonl file with their line numbers; InputError if none."""
    found = False
    with opened(path) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            found = True
            with naming_line(path, f"line {line}", "a JSON object"):
                item = json.loads(text)
                if not isinstance(item, dict):
                    raise ValueError(f"a JSON {type(item).__name__}")
            yield line, item
    if not found:
        raise InputError(str(path), "no lines", "one line at least")


@contextmanager
def opened(path: Path, newline: str | None = None) -> Iterator[IO[str]]:
    """Open a text file, compressed or not; InputError where it cannot be read."""
    try:
        check_size(path, MOST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: or a path with a null byte
        raise InputError(str(path), str(error), "a readable text file") from None
    try:
        raw = open_packed(path) if path.suffix == ".gz" else path.open("rb")
        with raw, io.TextIOWrapper(raw, "utf-8-sig", newline=newline) as file:
            yield file
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(path), str(error), "a readable text file") from None


@contextmanager
def naming_line(path: str | Path, place: str, allowed: str) -> Iterator[None]:
    """Turn what goes wrong with one line into the InputError that names it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}, {place}: {error.field}", error.value, error.allowed) from None
    except RecursionError:
        raise InputError(f"{path}, {place}", "JSON nested too deeply", allowed) from None
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}, {place}", reason, allowed) from None


def number_of(field: str, value: Any, low: float, whole: bool = False) -> float:
    """Return a field's number; InputError unless it is one (and whole), from `low` up."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(field, value, "a number")
    if not low <= value <= LARGEST or (whole and value != int(value)):
        raise InputError(field, value, f"a {'whole ' * whole}number from {low:g} up")
    return value

"""Prompts to score, from csv, jsonl and parquet files; bad rows are told by their line."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgeroute_env.errors import InputError
from edgeroute_env.files import check_size, refuse_overwrite, replacing
from edgeroute_env.tables_io import read_frame

PROMPT_FORMATS = (".csv", ".jsonl", ".parquet")
MOST_BYTES = 2**28  # all prompts are held at once


class PromptRow(NamedTuple):
    """A row: the line it begins on (parquet: its number, from 1), its values, and what is wrong."""

    line: int
    values: dict[str, Any]
    fault: str | None = None


def read_prompts(path: Path, column: str) -> list[PromptRow]:
    """Return the rows of a file, each with a text in `column` or the fault that it has.

    Raises:
        InputError: the file is missing, of another format, unreadable, empty, or lacks the column.
    """
    reader = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}[_kind("file", path)]
    try:
        check_size(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InputError("file", str(path), f"an existing file of prompts ({error})") from None
    try:
        rows = [row if row.fault else _checked(row, column) for row in reader(path)]
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start}", "a file in UTF-8") from None
    except csv.Error as error:
        raise InputError(str(path), str(error), "a readable csv file") from None
    if not rows:
        raise InputError(str(path), "no rows", "at least one prompt")
    if not any(column in row.values for row in rows):
        named = dict.fromkeys(name for row in rows for name in row.values)
        allowed = "one of " + (", ".join(map(str, named)) or "the file's columns")
        raise InputError(f"{path}: column", column, allowed)
    return rows


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path, overwrite: bool) -> None:
    """Write rows as csv, jsonl or parquet, whole or not at all; missing values stay empty."""
    kind = _kind("output", path)
    refuse_overwrite(path, overwrite)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with replacing(path) as part:
        if kind == ".jsonl":
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            part.write_text("".join(lines), encoding="utf-8")
        elif kind == ".csv":
            with part.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(rows)
        else:
            import pandas as pd

            pd.DataFrame({name: [row.get(name) for row in rows] for name in names}).to_parquet(
                part, index=False
            )


def _kind(field: str, path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in PROMPT_FORMATS:
        raise InputError(field, str(path), "a name ending in " + ", ".join(PROMPT_FORMATS))
    return kind


def _checked(row: PromptRow, column: str) -> PromptRow:
    text = row.values.get(column)
    if not isinstance(text, str):
        return row._replace(fault=f"{column} is {'missing' if text is None else text!r}, not text")
    if not text.strip():
        return row._replace(fault=f"{column} is empty")
    return row


def _csv(path: Path) -> Iterator[PromptRow]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        begins = reader.line_num + 1
        for values in reader:
            if values:
                uneven = f"{len(values)} values for {len(names)} columns"
                fault = uneven if len(values) != len(names) else None
                yield PromptRow(begins, dict(zip(names, values, strict=False)), fault)
            begins = reader.line_num + 1


def _jsonl(path: Path) -> Iterator[PromptRow]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                values = json.loads(text)
            except (ValueError, RecursionError) as error:
                yield PromptRow(line, {}, f"not JSON: {error}")
                continue
            if isinstance(values, dict):
                yield PromptRow(line, values)
            else:
                yield PromptRow(line, {}, f"{type(values).__name__}, not an object")


def _parquet(path: Path) -> Iterator[PromptRow]:
    frame = read_frame(path)
    for number, values in enumerate(frame.to_dict("records"), 1):
        yield PromptRow(number, {str(name): value for name, value in values.items()})

"""A compressed file of others is read up to a limit, whoever reads it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeroute_env import InputError, Trace
from edgeroute_env.packed import ALWAYS_BYTES, open_packed
from edgeroute_env.recordings.importers import azure_csv, mtbench101_jsonl
from edgeroute_env.recordings.mooncake import mooncake_jsonl
from edgeroute_env.tables_io import read_frame

READERS: dict[str, list[Callable[[Path], Any]]] = {
    "csv.gz": [read_frame, azure_csv, Trace.load],
    "jsonl.gz": [mtbench101_jsonl, mooncake_jsonl],
}


@pytest.mark.thorough
@pytest.mark.parametrize("line", [b"1,2\n", b"0"], ids=repr)
def test_a_bomb_is_one_error(line: bytes, tmp_path: Path) -> None:
    content = line * (2 * ALWAYS_BYTES // len(line))
    for kind, readers in READERS.items():
        path = tmp_path / f"bomb.{kind}"
        head = b"TIMESTAMP,ContextTokens,GeneratedTokens\n" if kind == "csv.gz" else b""
        path.write_bytes(gzip.compress(head + content))
        for reader in readers:
            with pytest.raises(InputError):
                reader(path)


def test_only_what_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    for size in (ALWAYS_BYTES, ALWAYS_BYTES + 1):
        path.write_bytes(gzip.compress(bytes(size)))
        with open_packed(path) as file:
            if size == ALWAYS_BYTES:
                assert len(file.read()) == size
                continue
            with pytest.raises(OSError, match=f"more than {ALWAYS_BYTES} bytes once unpacked"):
                file.read()

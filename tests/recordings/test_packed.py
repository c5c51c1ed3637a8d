"""A compressed file of others is read up to a limit, whoever reads it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

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


def written(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("size", [1, 10**6])
def test_a_parquet_file_whose_texts_repeat_is_measured_before_it_is_read(
    size: int, tmp_path: Path
) -> None:
    rows = 2 * ALWAYS_BYTES // 10**6  # of a megabyte each
    path = written(tmp_path / "a.parquet", text=["x" * size] * rows, n=np.zeros(rows))
    assert path.stat().st_size < 10**5
    if size == 1:
        assert len(read_frame(path)) == rows
        return
    with pytest.raises(InputError, match=r"134000000 bytes once unpacked; \d+ at most"):
        read_frame(path)


def test_long_texts_that_differ_are_read(tmp_path: Path) -> None:
    texts = [f"{k}{'x' * 2_000}" for k in range(2_000)]  # 4 MB; a chunk's bytes times rows: 8 GB
    path = written(tmp_path / "a.parquet", text=texts, parts=[["a", "b"]] * len(texts))
    assert list(read_frame(path)["text"]) == texts


@pytest.mark.parametrize("value", [0.0, "a"])
def test_a_parquet_file_of_equal_cells_is_counted_before_it_is_read(
    value: Any, tmp_path: Path
) -> None:
    path, rows = tmp_path / "a.parquet", 2**20
    table = pa.table({"a": pa.array([value]).take(pa.array(np.zeros(rows, np.int64)))})
    with parquet.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(table)
    assert path.stat().st_size < 10**5
    with pytest.raises(InputError, match=f"{20 * rows} cells"):
        read_frame(path)

"""Table files (parquet, csv) read with one clear error and written in one move.

A parquet file holds a checksum of every page and of its content, so that a changed bit is found
when it is read; csv files are for people and hold none (gzip's own guards a .csv.gz).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from numpy.typing import NDArray

from edgeroute_env.errors import InputError, missing_package
from edgeroute_env.files import check_size, refuse_overwrite, replacing
from edgeroute_env.packed import most_unpacked, open_packed

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ".parquet, .csv or .csv.gz"
MOST_CELLS = 2**28
ALWAYS_CELLS = 2**24  # what any parquet file may hold
MOST_CELLS_A_BYTE = 100  # equal cells take next to nothing; of real tables few a byte
MOST_BYTES = 2**31
CHECKSUM = b"edgeroute_sha256"  # of the content, in a parquet file's metadata


def _pandas() -> Any:
    try:
        import pandas
        import pyarrow  # noqa: F401  (pandas needs it for parquet)
    except ImportError:
        raise missing_package("pandas", "reading and writing tables", "cli") from None
    return pandas


def _format(path: Path) -> str:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return "parquet"
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    raise InputError("file", str(path), f"a name ending in {FORMATS}")


def read_frame(path: str | os.PathLike[str], texts: bool = False) -> pd.DataFrame:
    """Return the table in a parquet or csv file, its rows numbered from 0.

    An index with a name is a column; one without is none. Names of columns are stripped.

    Args:
        path: the file. Blank lines of a csv file count as none.
        texts: leave the cells of a csv file the texts that they are, an empty one "".

    Raises:
        InputError: the file is missing, of another format, or damaged.
    """
    _pandas()
    path = Path(path)
    kind = _format(path)
    if not path.is_file():
        raise InputError("file", str(path), "an existing table file")
    try:
        check_size(path, MOST_BYTES)
        frame = _read_parquet(path) if kind == "parquet" else _read_csv(path, texts)
    except Exception as error:  # pandas and pyarrow raise many kinds, all mean the same here
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        wanted = {"csv": "a readable csv table, commas between its columns"}
        raise InputError(str(path), reason, wanted.get(kind, "a readable parquet table")) from None
    frame = frame.rename(columns=lambda name: str(name).strip())
    frame = frame[[name for name in frame.columns if name not in ("", "__index_level_0__")]]
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise InputError(f"{path}: columns", str(repeated[0]), "a name for each column")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet

    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        _check_unpacked(file, path)
        table = file.read()
    stored = (table.schema.metadata or {}).get(CHECKSUM)
    frame: pd.DataFrame = table.to_pandas()
    if stored is not None and stored != content_sha256(frame).encode():
        raise ValueError("the content differs from its checksum")
    return frame.reset_index(drop=all(name is None for name in frame.index.names))


def _check_unpacked(file: Any, path: Path) -> None:
    """Raise ValueError for a parquet file that unpacks to more cells or bytes than one of its size.

    A text that repeats is stored once, so the lengths of all texts are added up before they are
    written out. What the metadata say of single columns is not asked for: where it is damaged,
    pyarrow ends the process.
    """
    size, metadata = path.stat().st_size, file.metadata
    cells = metadata.num_rows * metadata.num_columns
    most = min(MOST_CELLS, max(ALWAYS_CELLS, MOST_CELLS_A_BYTE * size))
    if cells > most:
        raise ValueError(f"{cells} cells; {most} at most in a file of {size} bytes")
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    unpacked, most = sum(group.total_byte_size for group in groups), most_unpacked(size)
    if unpacked <= most < unpacked * metadata.num_rows:
        unpacked = _text_bytes(path, file.schema_arrow)
    if unpacked > most:
        raise ValueError(f"{unpacked} bytes once unpacked; {most} at most in a file of {size}")


def _text_bytes(path: Path, schema: Any) -> int:
    """Return how long all texts in a parquet file are together, those within lists left out."""
    import pyarrow
    from pyarrow import compute, parquet

    kinds = (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_binary)
    names = [field.name for field in schema if any(is_kind(field.type) for is_kind in kinds)]
    with parquet.ParquetFile(path, read_dictionary=names, page_checksum_verification=True) as file:
        total = 0
        for batch in file.iter_batches(columns=names):
            for column in batch.columns:
                lengths = compute.binary_length(column.dictionary)
                total += compute.sum(lengths.take(column.indices)).as_py() or 0
    return total


def _read_csv(path: Path, texts: bool) -> pd.DataFrame:
    import pyarrow
    from pyarrow import csv

    parse = csv.ParseOptions(newlines_in_values=True)
    convert = csv.ConvertOptions()
    if texts:
        with _opened(path) as raw, csv.open_csv(raw, parse_options=parse) as file:
            convert.column_types = dict.fromkeys(file.schema.names, pyarrow.string())
    with _opened(path) as raw:
        table = csv.read_csv(raw, parse_options=parse, convert_options=convert)
    frame: pd.DataFrame = table.to_pandas()  # reads floats back exactly, "NA" as text
    return frame


def _opened(path: Path) -> BinaryIO:
    return open_packed(path) if path.suffix.lower() == ".gz" else path.open("rb")


def column_sha256(values: pd.Series[Any]) -> str:
    """Return a hash of a column's values and type that does not depend on the file's format."""
    if values.dtype.kind in "biuf":
        array = values.to_numpy()
        return hashlib.sha256(array.dtype.str.encode() + array.tobytes()).hexdigest()
    return hashlib.sha256(json.dumps([str(value) for value in values]).encode()).hexdigest()


def content_sha256(frame: pd.DataFrame) -> str:
    """Return a hash of a table's columns: their names, order, types and values."""
    columns = [(str(name), column_sha256(frame[name])) for name in frame.columns]
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()


def _maybe_packed(raw: BinaryIO, path: Path) -> AbstractContextManager[Any]:
    """Return `raw`, compressed if the name asks for it; equal tables give equal bytes."""
    if path.suffix != ".gz":
        return nullcontext(raw)
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0)


def write_frame(
    columns: Mapping[str, NDArray[Any]], path: str | os.PathLike[str], overwrite: bool = False
) -> Path:
    """Write columns as a parquet or csv file, completely or not at all."""
    pandas = _pandas()
    path = Path(path)
    kind = _format(path)
    refuse_overwrite(path, overwrite)
    frame = pandas.DataFrame(dict(columns))
    with replacing(path) as part:
        if kind == "parquet":
            _write_parquet(frame, part)
        else:
            with part.open("wb") as raw, _maybe_packed(raw, path) as file:
                frame.to_csv(file, index=False)
    return path


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    # What is read back is hashed: a text column may come back as another type of text.
    metadata = {**(table.schema.metadata or {}), CHECKSUM: content_sha256(table.to_pandas())}
    parquet.write_table(table.replace_schema_metadata(metadata), path, write_page_checksum=True)

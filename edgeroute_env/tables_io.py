"""Table files (parquet, csv): a read fails with one clear error, a write succeeds as a whole."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from numpy.typing import NDArray

from edgeroute_env.errors import InputError, missing_package
from edgeroute_env.files import refuse_overwrite, replacing

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ".parquet, .csv or .csv.gz"


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


def read_frame(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the table in a parquet or csv file.

    Raises:
        InputError: the file is missing, of another format, or damaged.
    """
    pandas = _pandas()
    path = Path(path)
    kind = _format(path)
    if not path.is_file():
        raise InputError("file", str(path), "an existing table file")
    frame: pd.DataFrame
    try:
        if kind == "parquet":
            frame = pandas.read_parquet(path)
        else:
            from pyarrow import csv

            frame = csv.read_csv(path).to_pandas()  # reads floats back exactly, "NA" as text
    except Exception as error:  # pandas and pyarrow raise many kinds; all mean the same
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise InputError(str(path), reason, f"a readable {kind} table") from None
    return frame


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
            frame.to_parquet(part, index=False)
        else:
            with part.open("wb") as raw, _maybe_packed(raw, path) as file:
                frame.to_csv(file, index=False)
    return path

"""What files of others may unpack to: a few bytes can stand for any number."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import Any

ALWAYS_BYTES = 2**26  # what any file may unpack to
MOST_BYTES = 2**32
MOST_RATIO = 100  # tables and JSON lines of our data sets unpack to 3 to 30 times their size


def open_packed(path: Path) -> io.BufferedReader:
    """Open a gzip file to read bytes; what goes beyond the limit raises OSError."""
    limit = most_unpacked(os.stat(path).st_size)
    return io.BufferedReader(_Limited(gzip.open(path, "rb"), limit), 2**20)


def most_unpacked(packed_bytes: int) -> int:
    """Return how many bytes a file of so many may unpack to."""
    return min(MOST_BYTES, max(ALWAYS_BYTES, MOST_RATIO * packed_bytes))


class _Limited(io.RawIOBase):
    """The first bytes of a stream, and an error instead of the next one."""

    def __init__(self, file: gzip.GzipFile, limit: int) -> None:
        self._file, self._limit = file, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        if self._file.tell() > self._limit:
            raise OSError(f"more than {self._limit} bytes once unpacked; unpack it first if right")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()

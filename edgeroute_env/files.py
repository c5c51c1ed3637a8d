"""Output files: never overwritten unasked, never half-written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgeroute_env.errors import InputError


def refuse_overwrite(path: Path, overwrite: bool) -> None:
    """Raise InputError where `path` cannot be written or exists and may not be replaced."""
    if path.is_dir():
        raise InputError("output", str(path), "a file, not a folder")
    if path.exists() and not overwrite:
        raise InputError("output", str(path), "a path that does not exist yet, or --overwrite")
    if not path.absolute().parent.is_dir():
        raise InputError("output", str(path), "a path in an existing folder")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it there once the block has succeeded."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise InputError(
            "output", str(path), f"a place to write to ({error.strerror or error})"
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()

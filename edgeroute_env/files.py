"""Output files: never overwritten unasked, never half-written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
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


def open_folder(
    folder: Path, files: Sequence[str], overwrite: bool, resume: bool | None = None
) -> None:
    """Make the folder of a command's output, --out.

    The names in `files` tell that an earlier run wrote here; `overwrite` lets them be replaced,
    `resume` continued (None where a command cannot).

    Raises:
        InputError: such a file is there and may not be touched, or the folder cannot be used.
    """
    for name in files:
        if (folder / name).is_dir():
            raise InputError("--out", str(folder), f"a folder where {name} is no folder")
        if (folder / name).exists() and not (overwrite or resume):
            ways = "or --overwrite" if resume is None else "--overwrite or --resume"
            raise InputError("--out", str(folder), f"a folder without {name}, {ways}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", str(folder), f"a usable folder ({error})") from None


def read_whole(path: Path, most_bytes: int = 2**26) -> bytes:
    """Return a file's content; OSError or ValueError where it is none, or too large to be ours."""
    check_size(path, most_bytes)
    return path.read_bytes()


def check_size(path: Path, most_bytes: int) -> None:
    """Raise OSError or ValueError for what is no regular file, or larger than `most_bytes`."""
    size = path.stat().st_size
    if not path.is_file():  # a pipe would be waited for, a device would never end
        raise ValueError("not a regular file")
    if size > most_bytes:
        raise ValueError(f"{size} bytes; at most {most_bytes}")


def sealed(content: bytes) -> bytes:
    """Return a file's content behind its SHA-256, so that damage is noticed."""
    return hashlib.sha256(content).digest() + content


def unsealed(content: bytes) -> bytes:
    """Return what `sealed` was given; ValueError where a bit has changed since."""
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        raise ValueError("its checksum does not fit: the file is damaged or of another kind")
    return rest


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

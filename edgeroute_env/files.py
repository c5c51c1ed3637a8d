"""Output files: never overwritten unasked, never half-written.

A file is written under a name that nobody can foretell, beside its own, and gets its own once it
is whole and on the disk.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgeroute_env.errors import InputError

JUST_MADE_S = 60.0  # how long an empty part may be one that its writer has yet to lock


def refuse_overwrite(path: Path, overwrite: bool) -> None:
    """Raise InputError where `path` cannot be written or exists and may not be replaced."""
    if path.is_dir():
        raise InputError("output", str(path), "a file, not a folder")
    _refuse_device(path)
    if os.path.lexists(path) and not overwrite:
        raise InputError("output", str(path), "a path that does not exist yet, or --overwrite")
    if not path.parent.is_dir():
        raise InputError("output", str(path), "a path in an existing folder")


def _refuse_device(path: Path) -> None:
    if path.exists() and not path.is_file():  # /dev/full itself would be replaced
        raise InputError("output", str(path), "a plain file, no device or pipe")


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
        if os.path.lexists(folder / name) and not (overwrite or resume):
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


def safetensors_metadata(content: bytes) -> dict[str, str]:
    """Return what a safetensors file says beside its arrays; an exception where it is none."""
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return found


def sealed(content: bytes) -> bytes:
    """Return a file's content behind its SHA-256, so that damage is noticed."""
    return hashlib.sha256(content).digest() + content


def unsealed(content: bytes) -> bytes:
    """Return what `sealed` was given; ValueError where a bit has changed since."""
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        raise ValueError("its checksum does not fit: the file is damaged or of another kind")
    return rest


def with_sha256(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a JSON or YAML file is to hold, and its SHA-256 as one more field.

    How the file lays it out does not count.
    """
    return {**content, "sha256": _sha256(content)}


def without_sha256(found: Any) -> dict[str, Any]:
    """Return what `with_sha256` was given; ValueError where anything has changed since."""
    content = dict(found) if isinstance(found, dict) else {}
    if content.pop("sha256", None) != _sha256(content):
        raise ValueError("its checksum does not fit: it was damaged or edited, or is another kind")
    return content


def _sha256(content: Mapping[str, Any]) -> str:
    read_back = json.loads(json.dumps(content))  # with the keys that a file has: texts
    return hashlib.sha256(json.dumps(read_back, sort_keys=True).encode()).hexdigest()


def tensors_sha256(arrays: Mapping[str, Any], name: str, said: str) -> str:
    """Return the SHA-256 of a safetensors file's arrays and of what it says under `name`."""
    from safetensors.numpy import save

    return hashlib.sha256(save(dict(arrays), {name: said})).hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says of writing to `path` in the block into an InputError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError("output", str(path), f"a place to write to ({reason})") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give an empty temporary file beside `path`; move it there once the block has succeeded.

    The file keeps the permissions of the one that it replaces. A link at `path` is replaced
    itself, so that nothing outside the folder is written to.

    Raises:
        InputError: `path` is a device, or the system refuses to write; what was there stays.
    """
    _refuse_device(path)
    with writing(path):
        _remove_leftovers(path)
        part, handle = new_part(path)
        try:
            with os.fdopen(handle, "rb") as file:
                _lock(handle)
                if path.is_file() and not path.is_symlink():
                    part.chmod(stat.S_IMODE(path.stat().st_mode))
                yield part
                os.fsync(file)
            os.replace(part, path)
        finally:
            with suppress(OSError):
                part.unlink()


def new_part(path: Path) -> tuple[Path, int]:
    """Make an empty file beside `path`, to become it later; return it and its open handle."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    return part, os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def own_parts(path: Path) -> Iterator[Path]:
    """Yield the unfinished files for `path`: plain ones of this user, no planted links."""
    for part in sorted(path.parent.glob(f".{glob.escape(path.name)}.*.part")):
        with suppress(FileNotFoundError):
            found = part.lstat()
            owned = not hasattr(os, "getuid") or found.st_uid == os.getuid()
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and owned:
                yield part


def _remove_leftovers(path: Path) -> None:
    """Remove what killed writers of `path` left; one that still runs holds a lock on its file."""
    for part in own_parts(path):
        with suppress(OSError):
            handle = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            with os.fdopen(handle, "rb"):
                found = os.fstat(handle)
                is_new = not found.st_size and time.time() - found.st_mtime < JUST_MADE_S
                if not is_new and _lock(handle):
                    part.unlink()


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed or the process ends; False where that fails."""
    if sys.platform == "win32":  # killed writers' files stay there
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

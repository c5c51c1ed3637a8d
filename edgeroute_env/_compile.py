"""One way to compile the numerical core, with a disk cache that notices every edit.

Numba keys a cached function by its own source file alone. A change in a function that it calls
would then go unnoticed. Here the key covers every compiled module of the package, and the modules
beside the function's own.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])
_told: list[str] = []  # why compiled code is not kept, once it has been said
COMPILING = "compiling the simulator, once on this machine (about 20 s)"


@dataclass
class Watch:
    """Whom to tell that something is compiled, so that a first run does not look hung."""

    begun: Callable[[], object]
    ended: Callable[[], object]
    depth: int = 0  # functions under way: each waits for those that it calls

    def enter(self) -> None:
        """A function is not on disk and will be compiled."""
        if self.depth == 0:
            self.begun()
        self.depth += 1

    def leave(self) -> None:
        """A function is compiled."""
        self.depth -= 1
        if self.depth == 0:
            self.ended()


@cache
def _say_compiling() -> None:
    if sys.stderr is not None:  # a program without a console has none
        print(f"EdgeRoute: {COMPILING}", file=sys.stderr, flush=True)


watch = Watch(begun=_say_compiling, ended=lambda: None)


@cache
def _source_stamp(own: Path) -> str:
    core = {Path(__file__).parent / name for name in ("physics", "traces", "simulator")}
    digest = hashlib.sha256(numba.__version__.encode())
    for folder in sorted(core | {own}):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def compiled(function: F) -> F:
    """Compile `function` in numba's nopython mode, cached on disk.

    Division by zero follows IEEE 754 (no Python exception), as the formulas expect.
    """
    return _compiled(function, "never")


def inlined(function: F) -> F:
    """Compile a stage of the kernel into its caller.

    A call that passes records and arrays costs as much as the arithmetic of a small stage. LLVM
    does not inline large stages by itself.
    """
    return _compiled(function, "always")


def _uncounted(_: Any, arrays: Any) -> Any:
    """Return a named tuple of arrays that are not counted as held; numbers in it stay.

    To count who holds an array, whenever one is passed on, costs an eighth of a turn. The caller
    of compiled code holds its arrays in any case.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (given,), uncounted = arguments, []
        for i, kind in enumerate(arrays):
            value = builder.extract_value(given, i)
            if isinstance(kind, numba.types.Array):
                held = context.make_array(kind)(context, builder, value)
                held.meminfo = held.meminfo.type(None)
                value = held._getvalue()
            uncounted.append(value)
        return context.make_tuple(builder, arrays, uncounted)

    return arrays(arrays), build


borrowed: Any = intrinsic(_uncounted)


def _compiled(function: F, inline: str) -> F:
    options: Any = {"error_model": "numpy", "nogil": True, "inline": inline}
    try:
        dispatcher: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError as error:  # neither the package's folder nor the home can be written
        _say_uncached(str(error))
        return numba.njit(**options)(function)  # type: ignore[no-any-return]
    disk: Any = getattr(dispatcher, "_cache", None)
    cache_file: Any = getattr(disk, "_cache_file", None)
    if hasattr(cache_file, "_source_stamp"):
        cache_file._source_stamp = _source_stamp(Path(function.__code__.co_filename).parent)
        _forgive(disk)
    return dispatcher  # type: ignore[no-any-return]


def _forgive(disk: Any) -> None:
    """Let a cache that cannot be written, as on a full disk, be as if it were empty.

    One that was cut short, as a full disk leaves it, is begun anew.
    """
    load, save = disk.load_overload, disk.save_overload

    def load_or_none(*key: Any) -> Any:
        found = None
        try:
            found = load(*key)
        except Exception:  # whatever a file that was cut short makes of unpickling
            with suppress(OSError):  # to save will fail as well, and say so
                disk.flush()
        if found is None:
            watch.enter()
        return found

    def save_or_go_on(*entry: Any) -> None:
        watch.leave()
        try:
            save(*entry)
        except Exception as error:  # it may not be the disk's: the index is unpickled first
            _say_uncached(repr(error))

    disk.load_overload, disk.save_overload = load_or_none, save_or_go_on


def _say_uncached(reason: str) -> None:
    """Warn, once a process, that compiled code is not kept."""
    if not _told:
        _told.append(reason)
        message = (
            "compiled code cannot be kept on disk, so every process compiles it again; "
            f"NUMBA_CACHE_DIR may name a folder that can be written ({reason[:200]})"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)

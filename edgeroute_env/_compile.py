"""One way to compile the numerical core, with a disk cache that notices every edit.

Numba keys a cached function by its own source file alone. A change in a function that it calls
would then go unnoticed. Here the key covers every compiled module of the package, and the modules
beside the function's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


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


def _compiled(function: F, inline: str) -> F:
    options: Any = {"cache": True, "error_model": "numpy", "nogil": True, "inline": inline}
    dispatcher: Any = numba.njit(**options)(function)
    cache_file: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if hasattr(cache_file, "_source_stamp"):
        cache_file._source_stamp = _source_stamp(Path(function.__code__.co_filename).parent)
    return dispatcher  # type: ignore[no-any-return]

"""An event loop whose clock jumps to the next timer when nothing else is left to do.

What sleeps and talks over local sockets in one process runs at once, and its times are exact, on a
busy machine too.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
SOCKETS_S = 0.002  # real time in which what was sent over a local socket has arrived


class _Jumping(selectors.DefaultSelector):
    """Waits for sockets only for a moment, then counts the rest of the wait as over."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready; else let the clock jump."""
        if timeout is None or timeout <= 0.0:
            return super().select(timeout)
        ready = super().select(0) or super().select(SOCKETS_S)
        if not ready:
            self.now_s += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call the function here: the clock would jump while a thread works."""
        done: asyncio.Future[T] = self.create_future()
        done.set_result(func(*args))
        return done


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, in no time but that of its own sums."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)

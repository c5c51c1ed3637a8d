"""A step that another thread can meet halfway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from edgeroute_env.simulator.batch import Batch


@contextmanager
def halted(step: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Future[Any]]:
    """Start a step in a thread and hold it inside the simulator until the block ends."""
    inside, go_on, simulate = Event(), Event(), Batch.step

    def slow(batch: Batch, actions: Any) -> None:
        inside.set()
        assert go_on.wait(10)
        simulate(batch, actions)

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(Batch, "step", slow)
        first = pool.submit(step)
        assert inside.wait(10)
        try:
            yield first
        finally:
            go_on.set()
            first.exception(10)

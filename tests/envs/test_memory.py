"""Environments take no more memory however long they run, are reset or are copied."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv

STATUS = Path("/proc/self/statm")
PAGE, MOST_BYTES = 4096, 4 * 2**20  # what the allocator may keep, of hundreds of MB a leak takes

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="no /proc here")


def resident_bytes() -> int:
    return int(STATUS.read_text().split()[1]) * PAGE


def vector_steps(times: int) -> None:
    env = EdgeRouteVectorEnv(200)
    env.reset(seed=0)
    for _ in range(times):
        env.step(np.ones(200, np.int64))


def scalar_steps(times: int) -> None:
    env = EdgeRouteEnv()
    env.reset(seed=0)
    for k in range(times):
        if any(env.step(k % 2)[2:4]):
            env.reset()


def copies(times: int) -> None:
    env = EdgeRouteEnv()
    env.reset(seed=0)
    for _ in range(times // 50):
        copy.deepcopy(env).step(1)
        assert len(env.trace) > 0


def grown(work: Callable[[int], None], times: int) -> int:
    work(times // 4)  # what is made once
    before = resident_bytes()
    work(times)
    return resident_bytes() - before


@pytest.mark.parametrize("work", [vector_steps, scalar_steps, copies])
def test_memory_does_not_grow(work: Callable[[int], None]) -> None:
    assert grown(work, 2_000) < MOST_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("work", [vector_steps, scalar_steps, copies])
def test_memory_does_not_grow_over_millions_of_turns(work: Callable[[int], None]) -> None:
    assert grown(work, 50_000) < MOST_BYTES  # ten million turns of the vector

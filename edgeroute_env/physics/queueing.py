"""First-come-first-served admission to a batch of limited size and memory; Erlang's C formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled


@compiled
def earliest(times_s: NDArray[np.float64]) -> int:
    """Return the index of the earliest time (ties: the lowest index)."""
    best = 0
    for i in range(1, times_s.size):
        if times_s[i] < times_s[best]:
            best = i
    return best


@compiled
def move_row(rows: NDArray[np.float64], source: int, target: int) -> None:
    """Copy one row of an array onto another.

    Where both may be the same, numba's own assignment of rows goes through newly allocated memory.
    """
    for column in range(rows.shape[1]):
        rows[target, column] = rows[source, column]


@compiled
def admission_s(
    live: NDArray[np.float64],
    count: int,
    ready_s: float,
    tokens: float,
    pool_tokens: float,
    until_s: float = np.inf,
) -> tuple[float, int]:
    """Return when a request can join a batch, and how many requests are still in it then.

    `live` has the shape (most, columns). Its first `count` rows are the requests of the batch;
    column 0 is when each ends (s), column 1 how many tokens of memory it holds. The request waits
    until fewer than `most` are left and its own tokens fit into the pool, or until none is left.
    Rows that have ended by then are dropped, the others are moved to the front. If it cannot join
    until `until_s`, the time is infinite, and those that have not ended then are kept.

    Requests must come in order of arrival, each ready no earlier than the one before has started.
    With a pool without limit this is G/G/c, first come first served, exactly.
    """
    kept, held_tokens = 0, 0.0
    for i in range(count):
        if live[i, 0] > ready_s:
            if kept < i:
                move_row(live, i, kept)
            held_tokens += live[i, 1]
            kept += 1
    while kept > 0 and (kept == live.shape[0] or held_tokens + tokens > pool_tokens):
        first = earliest(live[:kept, 0])
        if live[first, 0] > until_s:
            return np.inf, kept
        ready_s = live[first, 0]
        held_tokens -= live[first, 1]
        kept -= 1
        move_row(live, kept, first)
    return ready_s, kept


@compiled
def erlang_c(servers: int, utilisation: float) -> float:
    """Return P(wait > 0) of M/M/c at a utilisation in [0, 1), by Erlang B's stable recursion."""
    offered = servers * utilisation
    blocking = 1.0
    for k in range(1, servers + 1):
        blocking = offered * blocking / (k + offered * blocking)
    return blocking / (1.0 - utilisation * (1.0 - blocking))


@compiled
def delayed_wait_s(servers: int, utilisation: float, service_s: float) -> float:
    """Return the mean wait (s) of those M/M/c customers who wait at all; it is exponential."""
    return service_s / (servers * (1.0 - utilisation))


@compiled
def mean_wait_s(servers: int, utilisation: float, service_s: float) -> float:
    """Return the mean M/M/c wait (s) over all customers."""
    return erlang_c(servers, utilisation) * delayed_wait_s(servers, utilisation, service_s)

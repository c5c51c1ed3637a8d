"""First-come-first-served queues: the Kiefer-Wolfowitz step and Erlang's C formula.

Source: Kiefer and Wolfowitz, On the theory of queues with many servers, 1955; Erlang, 1917.
"""

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
def busy_slots(free_at_s: NDArray[np.float64], time_s: float) -> int:
    """Return how many slots are still occupied at `time_s`."""
    busy = 0
    for i in range(free_at_s.size):
        if free_at_s[i] > time_s:
            busy += 1
    return busy


@compiled
def kiefer_wolfowitz_step(
    free_at_s: NDArray[np.float64], arrival_s: float, service_s: float
) -> float:
    """Serve one request on the first free slot, update `free_at_s`, return its waiting time (s).

    Exact for G/G/c in order of arrival, when called in that order.
    """
    slot = earliest(free_at_s)
    start_s: float = max(arrival_s, free_at_s[slot])
    free_at_s[slot] = start_s + service_s
    return start_s - arrival_s


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

"""The compiled entry points into the simulator's stages, in a folder of their own.

What is compiled is kept on disk until a file beside it changes, so little lies beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.simulator import kernel
from edgeroute_env.simulator.arrive import arrive
from edgeroute_env.simulator.believe import expect
from edgeroute_env.simulator.edge_queue import NEVER_S, EdgeQueue
from edgeroute_env.simulator.requests import fits_phone


@compiled
def begin(
    parameters: Any,
    rows: Any,
    episodes: Any,
    devices: Any,
    waiting: NDArray[np.float64],
    live: NDArray[np.float64],
    seen: Any,
    matrix: NDArray[np.float32],
) -> None:
    """Make the phone cold and idle, with full budgets, and let nothing be on its way."""
    episodes[0].next_at_s = NEVER_S
    kernel.start_phone(parameters[0], devices[0])


@compiled
def look(  # noqa: PLR0913
    parameters: Any,
    rows: Any,
    episodes: Any,
    devices: Any,
    waiting: NDArray[np.float64],
    live: NDArray[np.float64],
    seen: Any,
    matrix: NDArray[np.float32],
    own_busy: float,
    heat: float,
    battery: float,
) -> None:
    """Let the turn arrive and observe it; NaN is what the phone has not told."""
    p, row, ep, dev = parameters[0], rows[0], episodes[0], devices[0]
    arrive(p, row, ep, dev, EdgeQueue(waiting, live, 0), row.arrival_s)
    ep.reported_busy = own_busy
    if heat == heat:
        dev.heat_now = heat
    if battery == battery and p.battery_j < np.inf:
        dev.believed.battery_j = battery * p.battery_j
    kernel.look(p, row, ep, dev, seen[0])
    kernel.scale(matrix, 0)


@compiled
def decide(parameters: Any, rows: Any, episodes: Any, devices: Any, action: int) -> None:
    """Expect what `action` leads to."""
    expect(parameters[0], rows[0], episodes[0], devices[0], action)


@compiled
def fits(parameters: Any, rows: Any, episodes: Any, devices: Any) -> bool:
    """Return whether the phone's context holds the turn."""
    return fits_phone(parameters[0], rows[0], devices[0].believed)

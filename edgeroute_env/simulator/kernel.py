"""The kernel: one turn of a batch of episodes, the only place where a turn is simulated.

`step` runs the stages in this order: serve, expect, account, arrive, estimate, observe. Each is a
file; `expect` is in believe. A scalar environment is a batch of one, so it runs the same machine
code as a vector of thousands.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import borrowed, compiled, inlined
from edgeroute_env.simulator import features
from edgeroute_env.simulator.account import account
from edgeroute_env.simulator.arrive import arrive, start_dialogue
from edgeroute_env.simulator.believe import expect
from edgeroute_env.simulator.edge_queue import NEVER_S, EdgeQueue
from edgeroute_env.simulator.estimate import estimate
from edgeroute_env.simulator.observe import observe
from edgeroute_env.simulator.serve import serve
from edgeroute_env.simulator.state import UNLIMITED

COUNT = features.COUNT
_GAIN = (1.0 / features.SCALE).astype(np.float32)
_LOW, _HIGH = features.LOW, features.HIGH


class Arrays(NamedTuple):
    """All that the kernel reads and writes, for n episodes.

    Attributes:
        parameters: PARAMETERS, shape (users,); a trace's rows name its user.
        traces: ROW, shape (m, T); `episodes["trace"]` and `["length"]` say which to follow.
        episodes: EPISODE, shape (n,).
        devices: DEVICE, shape (n, phones).
        waiting: requests on their way to the edge, shape (n, places, REQUEST); see `edge_queue`.
        live: requests in the edge's batch, shape (n, 2, max_sequences, SEQUENCE).
        seen: SEEN, shape (n,), the same memory as `matrix`.
        matrix: the observations, float32, shape (n, COUNT).
        outcomes: OUTCOME, shape (n,).
    """

    parameters: Any
    traces: Any
    episodes: Any
    devices: Any
    waiting: NDArray[np.float64]
    live: NDArray[np.float64]
    seen: Any
    matrix: NDArray[np.float32]
    outcomes: Any


@compiled
def begin(arrays: Arrays, which: NDArray[np.int64]) -> int:
    """Reset the episodes `which` to the first turn of their traces and observe it.

    Returns -1; or, having done nothing, the first episode whose trace does not fit the arrays.
    """
    for e in which:
        if not _fits(arrays, arrays.episodes[e]):
            return int(e)
    for e in which:
        ep = arrays.episodes[e]
        row = arrays.traces[ep.trace, 0]
        p = arrays.parameters[row.user]
        ep.cursor = 0
        ep.over = 0
        ep.next_at_s = NEVER_S
        ep.waiting = 0
        ep.reported_busy = 0.0
        ep.live = 0
        ep.latest_start_s = 0.0
        ep.latest_end_s = 0.0
        for d in range(arrays.devices.shape[1]):
            start_phone(p, arrays.devices[e, d])
        if arrays.devices.shape[1] > 1 and arrays.parameters.size > 1:  # budgets of each one's user
            for k in range(ep.length):
                its = arrays.traces[ep.trace, k]
                _give_budgets(arrays.parameters[its.user], arrays.devices[e, its.device])
        dev = arrays.devices[e, row.device]
        arrive(p, row, ep, dev, EdgeQueue(arrays.waiting, arrays.live, e), 0.0)
        look(p, row, ep, dev, arrays.seen[e])
        scale(arrays.matrix, e)
    return -1


@compiled
def _fits(arrays: Arrays, ep: Any) -> bool:
    """Return whether an episode's trace, its users and its phones lie within the arrays."""
    traces = arrays.traces
    if not (0 <= ep.trace < traces.shape[0] and 1 <= ep.length <= traces.shape[1]):
        return False
    users, phones = arrays.parameters.size, arrays.devices.shape[1]
    for k in range(ep.length):
        row = traces[ep.trace, k]
        if not (0 <= row.user < users and 0 <= row.device < phones):
            return False
    return True


@compiled
def step(  # noqa: PLR0913  (numba takes 1.4 us to unpack a named tuple: a third of a scalar step)
    parameters: Any,
    traces: Any,
    episodes: Any,
    devices: Any,
    waiting: NDArray[np.float64],
    live: NDArray[np.float64],
    seen: Any,
    matrix: NDArray[np.float32],
    outcomes: Any,
    actions: NDArray[np.int64],
) -> None:
    """Do what `advance` does; takes the fields of `Arrays` one by one."""
    arrays = Arrays(parameters, traces, episodes, devices, waiting, live, seen, matrix, outcomes)
    advance(arrays, actions)


@compiled
def advance(arrays: Arrays, actions: NDArray[np.int64]) -> None:
    """Route one turn of every running episode; leave finished ones alone.

    `actions` is int64 of shape (n,), each 0 or 1. An episode's last observation shows its last turn
    again, with the state after that turn.
    """
    arrays = borrowed(arrays)
    several = arrays.devices.shape[1] > 1  # one phone pays nothing for what several need
    looked = -1  # whose values are to be scaled, one episode late: just written, they would stall
    for e in range(arrays.episodes.size):
        ep = arrays.episodes[e]
        if ep.over:
            continue
        row = arrays.traces[ep.trace, ep.cursor]
        p = arrays.parameters[row.user]
        dev = arrays.devices[e, row.device]
        out = arrays.outcomes[e]
        queue = EdgeQueue(arrays.waiting, arrays.live, e)
        serve(p, row, ep, dev, queue, actions[e], out)
        expect(p, row, ep, dev, actions[e])
        account(p, row, dev, out)
        ep.cursor += 1
        if several:
            out.terminated = _leave_out(arrays, e)
        else:
            out.terminated = 1.0 if p.battery_j < UNLIMITED and dev.battery_j <= 0.0 else 0.0
        out.truncated = 1.0 if ep.cursor == ep.length and out.terminated == 0.0 else 0.0
        if out.terminated or out.truncated:
            ep.over = 1
        else:
            previous_s = row.arrival_s
            row = arrays.traces[ep.trace, ep.cursor]
            if several:  # the next phone may be another user's
                p = arrays.parameters[row.user]
            dev = arrays.devices[e, row.device]
            arrive(p, row, ep, dev, queue, previous_s)
        look(p, row, ep, dev, arrays.seen[e])
        if looked >= 0:
            scale(arrays.matrix, looked)
        looked = e
    if looked >= 0:
        scale(arrays.matrix, looked)


@compiled
def _leave_out(arrays: Arrays, e: int) -> float:
    """Leave out the turns of phones whose battery is spent; return 1 if no phone is left."""
    ep, length = arrays.episodes[e], arrays.episodes[e].length
    while ep.cursor < length:
        row = arrays.traces[ep.trace, ep.cursor]
        if arrays.devices[e, row.device].battery_j > 0.0:
            return 0.0
        ep.cursor += 1
    for d in range(arrays.devices.shape[1]):
        if arrays.devices[e, d].battery_j > 0.0:
            return 0.0
    return 1.0


@compiled
def _give_budgets(p: Any, dev: Any) -> None:
    """Give a phone its user's whole budgets."""
    dev.battery_j = p.battery_j
    dev.quota_left = p.edge_calls
    dev.window_ends_s = p.window_s


@compiled
def start_phone(p: Any, dev: Any) -> None:
    """Make a phone cold and idle, with full budgets and no question asked yet."""
    _give_budgets(p, dev)
    dev.free_at_s = 0.0
    dev.heat = 0.0
    dev.tail_ends_s = 0.0
    dev.uplink_from_s = 0.0
    dev.uplink_free_at_s = 0.0
    dev.work_from_s = 0.0
    dev.settled_at_s = 0.0
    dev.jobs = 0
    dev.believed.uplink_from_s = 0.0
    dev.asked = 0.0
    dev.edge_wait_s = 0.0
    dev.edge_told_at_s = -np.inf
    dev.next_edge_wait_s = 0.0
    dev.next_edge_told_at_s = -np.inf
    start_dialogue(dev)


@inlined
def look(p: Any, row: Any, ep: Any, dev: Any, seen: Any) -> None:
    """Write an observation: physical values by name."""
    estimate(p, row, ep, dev, seen)
    observe(p, row, ep, dev, seen)


@inlined
def scale(matrix: NDArray[np.float32], e: int) -> None:
    """Scale and clip the physical values of observation `e` in place."""
    for i in range(COUNT):
        matrix[e, i] = min(max(matrix[e, i] * _GAIN[i], _LOW[i]), _HIGH[i])

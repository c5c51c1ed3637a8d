"""What is looked at before it reaches compiled code, which would not notice that it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.error import InvalidAction
from numpy.typing import NDArray

from edgeroute_env.errors import InputError, shown
from edgeroute_env.simulator.features import HIGH, LOW
from edgeroute_env.simulator.state import WORK_ROWS
from edgeroute_env.traces.columns import BASE, DERIVED

if TYPE_CHECKING:
    from edgeroute_env.simulator.kernel import Arrays

ACTIONS_ALLOWED = "0 (answer on the device) or 1 (send to the edge)"

# What may be infinite: budgets without a limit, and what has not happened yet.
_UNBOUNDED = {"battery_j", "quota_left", "edge_told_at_s", "next_edge_told_at_s", "next_at_s"}


def checked_actions(actions: Any, n: int) -> NDArray[np.int64]:
    """Return the actions of `n` episodes as int64, shape (n,).

    Raises:
        InvalidAction: another shape, or an action that is not the number 0 or 1.
    """
    try:
        array = np.asarray(actions)
    except ValueError:  # ragged
        array = np.empty(0)
    if array.shape != (n,):
        raise InvalidAction(f"actions: got shape {array.shape}; allowed: ({n},)")
    if array.dtype.kind not in "iub" or isinstance(actions, np.ma.MaskedArray):
        raise InvalidAction(f"actions: got {shown(actions)}; allowed: integers, {ACTIONS_ALLOWED}")
    if np.bitwise_or.reduce(array) not in (0, 1):  # one pass: no other number has only that bit
        e = int(((array < 0) | (array > 1)).argmax())
        raise InvalidAction(f"actions[{e}]: got {array[e]!r}; allowed: {ACTIONS_ALLOWED}")
    return array.astype(np.int64, copy=False)


def check_state(arrays: Arrays, source: str) -> None:
    """Raise InputError where the kernel's arrays hold what no episode can reach.

    Names `source`, the array, the field and the first bad value.
    """
    episodes, traces = arrays.episodes, arrays.traces
    stored, turns = traces.shape
    over, length = episodes["over"], episodes["length"]
    first = np.where(over == 0, 1, 0)  # an episode that has not begun may follow nothing
    for name, low, high in (
        ("over", 0, 1),
        ("trace", 0, stored - 1),
        ("length", first, turns),
        ("cursor", 0, length - first),
        ("waiting", 0, arrays.waiting.shape[1]),
        ("live", 0, arrays.live.shape[2]),
    ):
        _between(f"{source}: episodes.{name}", episodes[name], low, high)
    followed = np.zeros(stored, np.int64)
    np.maximum.at(followed, episodes["trace"], length)
    rows = traces[np.arange(turns) < followed[:, None]]
    for column in BASE + DERIVED:
        field = f"{source}: traces.{column.name}"
        _between(field, rows[column.name].view(_COMPARED[column.dtype]), column.low, column.high)
    users, phones = arrays.parameters.size, arrays.devices.shape[1]
    _between(f"{source}: traces.user", rows["user"], 0, users - 1)
    _between(f"{source}: traces.device", rows["device"], 0, phones - 1)
    _between(f"{source}: devices.jobs", arrays.devices["jobs"], 0, WORK_ROWS)
    believed = arrays.devices["believed"]
    for label, records in (
        ("episodes", episodes),
        ("devices", arrays.devices),
        ("devices.believed", believed),
    ):
        for name in records.dtype.names:
            if records[name].dtype == believed.dtype:
                continue
            most = np.inf if name in _UNBOUNDED else np.finfo(np.float64).max
            _between(f"{source}: {label}.{name}", records[name], -most, most)
    _between(f"{source}: waiting", arrays.waiting, 0.0, np.inf)
    _between(f"{source}: live", arrays.live, 0.0, np.inf)
    _between(f"{source}: observations", arrays.matrix[over == 0], LOW, HIGH)


# A flag is compared as the byte that it is, since a foreign one may hold more than 0 or 1.
_COMPARED = {"?": "u1", "i4": "i4", "f4": "f4", "f8": "f8"}


def _between(field: str, values: NDArray[Any], low: Any, high: Any) -> None:
    """Raise InputError for the first value that is not from `low` to `high`; NaN never is."""
    bad = ~((values >= low) & (values <= high))
    if bad.any():
        at = int(bad.reshape(-1).argmax())
        ends = [np.broadcast_to(end, values.shape).reshape(-1)[at] for end in (low, high)]
        value = values.reshape(-1)[at].item()
        raise InputError(field, value, f"from {ends[0]:g} to {ends[1]:g}")

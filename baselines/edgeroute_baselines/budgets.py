"""What the observation tells of a phone's budgets: its quota of edge calls and its battery.

Shares of what a phone has, as observed; a phone without a budget shows 1 forever.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import Floats, Seen


def can_call(seen: Seen) -> NDArray[np.bool_]:
    """Return where the edge would still accept a call, shape (n,).

    A refused call costs the upload for nothing: the phone answers in the end.
    """
    accepted: NDArray[np.bool_] = seen["quota_left"] > 0.0
    return accepted


def has_quota(seen: Seen) -> NDArray[np.bool_]:
    """Return where edge calls are limited: only then does the window's clock run, shape (n,)."""
    limited: NDArray[np.bool_] = seen["quota_time_left"] < 1.0
    return limited


def has_battery(seen: Seen) -> NDArray[np.bool_]:
    """Return where a limited battery has begun to drain, shape (n,)."""
    limited: NDArray[np.bool_] = seen["battery_left"] < 1.0
    return limited


def device_work_s(seen: Seen) -> Floats:
    """Return for how long the phone itself would compute this turn, shape (n,).

    What drains a battery: the decode dominates, and an edge call costs little but the radio's tail.
    """
    work_s: Floats = seen["device_switch_s"] + seen["device_prefill_s"] + seen["device_decode_s"]
    return work_s

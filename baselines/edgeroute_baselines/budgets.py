"""What the observation tells about a phone's budgets: its quota of edge calls and its battery.

The observation shows shares of each budget. A phone without a budget always shows 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import Floats, Seen


def can_call(seen: Seen) -> NDArray[np.bool_]:
    """Return where the edge would still accept a call, shape (n,).

    A refused call wastes its upload, since the phone answers in the end.
    """
    return seen["quota_left"] > 0.0


def has_quota(seen: Seen) -> NDArray[np.bool_]:
    """Return where edge calls are limited: only then does the window's clock run, shape (n,)."""
    return seen["quota_time_left"] < 1.0


def has_battery(seen: Seen) -> NDArray[np.bool_]:
    """Return where a limited battery drains while its window's clock runs, shape (n,)."""
    return (seen["battery_left"] < 1.0) & (seen["battery_time_left"] < 1.0)


def device_work_s(seen: Seen) -> Floats:
    """Return how long (s) the phone itself would compute this turn, shape (n,).

    This is what drains a battery. Decode dominates; an edge call costs little but the radio's tail.
    """
    return seen["device_switch_s"] + seen["device_prefill_s"] + seen["device_decode_s"]

"""Drift plus penalty (Neely, Stochastic Network Optimization, 2010) with two virtual queues.

A virtual queue grows with what is spent of a budget. It is served at the rate that would spend the
budget evenly. To minimise V * penalty + drift, the rule adds `backlog * use / V` to a route's cost.
It knows no demand, so it reacts to spending alone. Both queues follow from the observation:

- calls: `quota_time_left - quota_left`, the share of the window's calls spent ahead of the clock;
- energy: `battery_time_left - battery_left`, the same of the battery against its window.

A queue is empty where spending is behind. Here the backlog counts from the window's start, because
a window keeps what is not yet spent. In Neely's queues idle service is lost. `call_price` and
`work_price_per_s` are 1/V in units of score. An edge call uses one call, and the phone's own work
uses its seconds. The call queue starts with a backlog of `reserve` (Neely's place-holder backlog,
section 4.8), so that the rule does not give calls away at a window's start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import ExtendedBao, fused
from edgeroute_baselines.budgets import can_call, device_work_s, has_battery, has_quota
from edgeroute_baselines.rule import Seen, finite, not_negative


@dataclass(frozen=True)
class LyapunovRouter(ExtendedBao):
    """Prices are in units of score, for a call or a second of work, per whole budget of backlog."""

    call_price: float
    reserve: float
    work_price_per_s: float
    name: str = "lyapunov"

    def __post_init__(self) -> None:
        """Refuse parameters that the rule cannot use."""
        super().__post_init__()
        not_negative(call_price=self.call_price, work_price_per_s=self.work_price_per_s)
        finite(reserve=self.reserve)

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        ahead = np.maximum(seen["quota_time_left"] - seen["quota_left"] + self.reserve, 0.0)
        calls = np.where(has_quota(seen), ahead, 0.0)
        drained = np.maximum(seen["battery_time_left"] - seen["battery_left"], 0.0)
        energy = np.where(has_battery(seen), drained, 0.0)
        value = fused(seen, self.alpha_per_s) - self.theta - self.call_price * calls
        value = value + self.work_price_per_s * energy * device_work_s(seen)
        return (value > 0.0) & can_call(seen)

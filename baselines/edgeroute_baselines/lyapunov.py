"""Drift plus penalty (Neely, Stochastic Network Optimization, 2010) with two virtual queues.

A virtual queue grows with what is spent of a budget. It is served at the rate that would spend the
budget evenly. To minimise V * penalty + drift, the rule adds `backlog * use / V` to a route's cost.
It knows no demand, so it reacts to spending alone. Both queues follow from the observation:

- calls: `quota_time_left - quota_left`, the share of the window's calls spent ahead of the clock;
- energy: `time_left - battery_left`, the same of the battery against the episode's turns.

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

from edgeroute_baselines.bao import fused
from edgeroute_baselines.budgets import can_call, device_work_s, has_battery, has_quota
from edgeroute_baselines.checks import finite, not_negative
from edgeroute_env import decode

# The step of each parameter with which the search begins, and the lower bounds of the search.
SCALES = {
    "alpha_per_s": 0.02,
    "theta": 0.05,
    "call_price": 0.2,
    "reserve": 0.1,
    "work_price_per_s": 0.05,
}
LEAST = {"alpha_per_s": 0.0, "call_price": 0.0, "work_price_per_s": 0.0}


@dataclass(frozen=True)
class LyapunovRouter:
    """Prices are in units of score, for a call or a second of work, per whole budget of backlog."""

    alpha_per_s: float
    theta: float
    call_price: float
    reserve: float
    work_price_per_s: float
    name: str = "lyapunov"

    def __post_init__(self) -> None:
        """Refuse parameters that the rule cannot use."""
        not_negative(alpha_per_s=self.alpha_per_s, call_price=self.call_price)
        not_negative(work_price_per_s=self.work_price_per_s)
        finite(theta=self.theta, reserve=self.reserve)

    def reset(self, n: int) -> None:
        """Do nothing, since the backlogs are observed."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        seen = decode(observations)
        ahead = np.maximum(seen["quota_time_left"] - seen["quota_left"] + self.reserve, 0.0)
        calls = np.where(has_quota(seen), ahead, 0.0)
        drained = np.maximum(seen["time_left"] - seen["battery_left"], 0.0)
        energy = np.where(has_battery(seen), drained, 0.0)
        value = fused(seen, self.alpha_per_s) - self.theta - self.call_price * calls
        value = value + self.work_price_per_s * energy * device_work_s(seen)
        return ((value > 0.0) & can_call(seen)).astype(np.int64)


def from_bao(alpha_per_s: float, theta: float) -> dict[str, float]:
    """Return parameters that make this rule `bao-multi-queue` as long as calls are accepted."""
    free = {"call_price": 0.0, "reserve": 0.0, "work_price_per_s": 0.0}
    return {"alpha_per_s": alpha_per_s, "theta": theta, **free}

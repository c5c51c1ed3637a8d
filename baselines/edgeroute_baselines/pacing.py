"""The analytic rule with prices that follow budget left over demand left.

Adaptive pacing as in budget-constrained ad auctions (Balseiro & Gur, Management Science 2019, arXiv
1711.01215): each budget has a shadow price, which rises while spending is faster than the time left
allows. In that paper gradient steps move the price. Here the observation gives the value to which
they would converge. Over the rest of the window the user asks `demand_per_h * (hours left)`
questions and may call the edge for `calls left` of them. So one call is affordable for each

    scarcity = (demand_per_h / calls_per_h) * (quota_time_left / quota_left)

questions. `calls_per_h` is the quota's rate in the units of demand. It is fitted, since the
observation shows only shares. The price is 0 below a scarcity of 1 and `call_price * ln(scarcity)`
above. This is the value of the marginal question if values fall off exponentially. A battery is
priced in the same way: while its spending is too fast, a second of the phone's own work costs
`work_price_per_s * ln(time_left / battery_left)`. Without budgets the rule is `bao-multi-queue`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import Floats, fused
from edgeroute_baselines.budgets import can_call, device_work_s, has_battery, has_quota
from edgeroute_baselines.checks import finite, not_negative
from edgeroute_env import InputError, decode

_LEAST = 1e-3  # a smaller share counts as this one

# The step of each parameter with which the search begins, and the lower bounds of the search.
SCALES = {
    "alpha_per_s": 0.02,
    "theta": 0.05,
    "call_price": 0.1,
    "calls_per_h": 20.0,
    "work_price_per_s": 0.02,
}
LEAST = {"alpha_per_s": 0.0, "call_price": 0.0, "calls_per_h": 1.0, "work_price_per_s": 0.0}


@dataclass(frozen=True)
class PacingRouter:
    """Prices are scores per unit of log: `call_price` a call, `work_price_per_s` a second."""

    alpha_per_s: float
    theta: float
    call_price: float
    calls_per_h: float
    work_price_per_s: float
    name: str = "pacing"

    def __post_init__(self) -> None:
        """Refuse parameters that the rule cannot use."""
        not_negative(alpha_per_s=self.alpha_per_s, call_price=self.call_price)
        not_negative(work_price_per_s=self.work_price_per_s)
        finite(theta=self.theta)
        if not 0.0 < self.calls_per_h < np.inf:
            raise InputError("calls_per_h", self.calls_per_h, "above 0, in calls an hour")

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        seen = decode(observations)
        asked = seen["demand_per_h"] / self.calls_per_h * seen["quota_time_left"]
        call = np.where(has_quota(seen), _price(asked, seen["quota_left"]), 0.0)
        work = np.where(has_battery(seen), _price(seen["time_left"], seen["battery_left"]), 0.0)
        value = fused(seen, self.alpha_per_s) - self.theta - self.call_price * call
        value = value + self.work_price_per_s * work * device_work_s(seen)
        return ((value > 0.0) & can_call(seen)).astype(np.int64)


def _price(wanted: Floats, left: Floats) -> Floats:
    """Return ln(wanted / left), 0 where there is enough."""
    price: Floats = np.log(np.maximum(wanted / np.maximum(left, _LEAST), 1.0))
    return price


def from_bao(alpha_per_s: float, theta: float) -> dict[str, float]:
    """Return parameters that make this rule `bao-multi-queue` as long as calls are accepted."""
    free = {"call_price": 0.0, "calls_per_h": 60.0, "work_price_per_s": 0.0}
    return {"alpha_per_s": alpha_per_s, "theta": theta, **free}

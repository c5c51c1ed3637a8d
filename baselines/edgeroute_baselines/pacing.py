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
`work_price_per_s * ln(battery_time_left / battery_left)`; nothing where the scenario does not say
how long the battery must last. Without budgets the rule is `bao-multi-queue`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import ExtendedBao, fused
from edgeroute_baselines.budgets import can_call, device_work_s, has_battery, has_quota
from edgeroute_baselines.rule import Floats, Seen, not_negative
from edgeroute_env import InputError

_LEAST = 1e-3  # a smaller share counts as this one


@dataclass(frozen=True)
class PacingRouter(ExtendedBao):
    """Prices are scores per unit of log: `call_price` a call, `work_price_per_s` a second."""

    call_price: float
    calls_per_h: float
    work_price_per_s: float
    name: str = "pacing"

    def __post_init__(self) -> None:
        """Refuse parameters that the rule cannot use."""
        super().__post_init__()
        not_negative(call_price=self.call_price, work_price_per_s=self.work_price_per_s)
        if not 0.0 < self.calls_per_h < np.inf:
            raise InputError("calls_per_h", self.calls_per_h, "above 0, in calls an hour")

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        asked = seen["demand_per_h"] / self.calls_per_h * seen["quota_time_left"]
        call = np.where(has_quota(seen), _price(asked, seen["quota_left"]), 0.0)
        price = _price(seen["battery_time_left"], seen["battery_left"])
        work = np.where(has_battery(seen), price, 0.0)
        value = fused(seen, self.alpha_per_s) - self.theta - self.call_price * call
        value = value + self.work_price_per_s * work * device_work_s(seen)
        return (value > 0.0) & can_call(seen)


def _price(wanted: Floats, left: Floats) -> Floats:
    """Return ln(wanted / left), 0 where there is enough."""
    return np.log(np.maximum(wanted / np.maximum(left, _LEAST), 1.0))

"""The analytic rule with a price on the delay that an edge call causes to others.

A call that holds a slot delays the calls behind it. In a single queue at utilisation rho, one more
second of service adds a total delay of about rho / (1 - rho) seconds (the congestion toll of Naor,
Econometrica 1969). M/G/c near saturation behaves in the same way, since all its servers act as one
bottleneck. So a call's externality is its own service time, `edge_switch_s + edge_prefill_s +
edge_decode_s`, times that ratio at the last reported load. The router knows neither the number of
slots nor who waits, so the toll is scaled by a fitted price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import ExtendedBao, fused
from edgeroute_baselines.rule import Floats, Seen, not_negative

_FULL = 0.95  # higher reported loads count as this one, since the ratio grows without limit


@dataclass(frozen=True)
class CongestionPriceRouter(ExtendedBao):
    """`bao-multi-queue` with a price of `price_per_s` (1/s) on a second of others' delay."""

    price_per_s: float
    name: str = "congestion-price"

    def __post_init__(self) -> None:
        """Refuse parameters that the rule cannot use."""
        super().__post_init__()
        not_negative(price_per_s=self.price_per_s)

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        value = fused(seen, self.alpha_per_s) - self.price_per_s * externality_s(seen)
        return value > self.theta


def externality_s(seen: Seen) -> Floats:
    """Return the delay that an edge call is expected to cause to others, s, shape (n,)."""
    load = np.minimum(seen["edge_load"], _FULL)
    service_s = seen["edge_switch_s"] + seen["edge_prefill_s"] + seen["edge_decode_s"]
    return service_s * load / (1.0 - load)

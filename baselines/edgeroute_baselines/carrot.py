"""Expected quality less priced cost, after CARROT (Somerstep et al. 2025, arXiv 2502.03261).

CARROT predicts each model's quality and cost. It takes the model with the greatest
`quality - mu * cost`. Here the cost of a route is what its user pays by their own stated prices:
`weight_latency_per_s * T`, where T includes both queues, and for the edge also `weight_edge_call`.
The difference in expected quality is the score minus P(only the phone is right). That probability
is assumed to be proportional to 1 - score. Then it only rescales the rule, and the prices absorb
it.

In contrast to `bao-multi-queue` there is no threshold, and a second costs each user what *they*
say. With one user whose prices never change, this is the analytic rule with other parameters and
ties with it. It differs where users' prices differ. The flat prices, in reward per second and per
call, cover what the stated prices leave out, e.g. a quota or an objective that pays neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import fused
from edgeroute_baselines.rule import Rule, Seen, finite, not_negative


@dataclass(frozen=True)
class CarrotRouter(Rule):
    """`own_prices` multiplies the user's stated prices; the others are flat, 1/s and a call."""

    own_prices: float
    price_per_s: float
    price_call: float
    name: str = "carrot-queue"

    def __post_init__(self) -> None:
        """Refuse prices that the rule cannot use; the price of a call may be negative."""
        not_negative(own_prices=self.own_prices, price_per_s=self.price_per_s)
        finite(price_call=self.price_call)

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        longer_s = seen["score"] - fused(seen, 1.0)  # the edge's time less the phone's
        stated = seen["weight_latency_per_s"] * longer_s + seen["weight_edge_call"]
        gain = fused(seen, self.price_per_s) - self.own_prices * stated
        return gain > self.price_call

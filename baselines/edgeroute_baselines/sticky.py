"""The analytic rule with session affinity: a dialogue leaves its cache only for a clear gain.

Serving systems keep a session where most of its prefix is cached, unless load clearly speaks
against it. Examples are Preble (Srivatsa et al. 2024, arXiv 2407.00023) and the cache-aware router
of SGLang. Here the side that holds more of the context is the dialogue's home. The fused cost
already contains the recomputation on the other side, in seconds; `margin` is added to it. If both
sides hold equally much, as on a first turn, the analytic rule decides alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.bao import ExtendedBao, fused
from edgeroute_baselines.rule import Seen
from edgeroute_env import InputError


@dataclass(frozen=True)
class StickyRouter(ExtendedBao):
    """`bao-multi-queue` with a margin (of score) against leaving; inf never leaves."""

    margin: float
    name: str = "sticky"

    def __post_init__(self) -> None:
        """Refuse parameters that the rule cannot use."""
        super().__post_init__()
        if not self.margin >= 0.0:
            raise InputError("margin", self.margin, "0 or more; infinite never switches")

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        on_device = seen["device_cached"] > seen["edge_cached"]
        at_edge = seen["edge_cached"] > seen["device_cached"]
        gain = fused(seen, self.alpha_per_s) - self.theta
        needed = np.where(on_device, self.margin, np.where(at_edge, -self.margin, 0.0))
        return gain > needed

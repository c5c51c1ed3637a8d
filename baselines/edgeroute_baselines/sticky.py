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

from edgeroute_baselines.bao import fused
from edgeroute_baselines.checks import finite, not_negative
from edgeroute_env import InputError, decode

# The step of each parameter with which the search begins, and the lower bounds of the search.
SCALES = {"alpha_per_s": 0.02, "theta": 0.05, "margin": 0.05}
LEAST = {"alpha_per_s": 0.0, "margin": 0.0}


@dataclass(frozen=True)
class StickyRouter:
    """`bao-multi-queue` with a margin (of score) against leaving; inf never leaves."""

    alpha_per_s: float
    theta: float
    margin: float
    name: str = "sticky"

    def __post_init__(self) -> None:
        """Refuse parameters that the rule cannot use."""
        not_negative(alpha_per_s=self.alpha_per_s)
        finite(theta=self.theta)
        if not self.margin >= 0.0:
            raise InputError("margin", self.margin, "0 or more; infinite never switches")

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        seen = decode(observations)
        on_device = seen["device_cached"] > seen["edge_cached"]
        at_edge = seen["edge_cached"] > seen["device_cached"]
        gain = fused(seen, self.alpha_per_s) - self.theta
        needed = np.where(on_device, self.margin, np.where(at_edge, -self.margin, 0.0))
        return (gain > needed).astype(np.int64)


def from_bao(alpha_per_s: float, theta: float) -> dict[str, float]:
    """Return the parameters that make this rule `bao-multi-queue`."""
    return {"alpha_per_s": alpha_per_s, "theta": theta, "margin": 0.0}

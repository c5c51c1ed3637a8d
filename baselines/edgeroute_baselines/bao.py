"""The analytic router after Bao et al., arXiv 2508.11291, Eqs. 11-12, in three rungs.

`fused = score - alpha * (T_edge - T_device)`, not clipped, times in seconds; the edge iff fused
is strictly greater than theta, so a tie stays on the device. The rungs differ in the times:

- `bao-single`: communication and computation (the paper's single-turn costs);
- `bao-multi`: plus model switching and KV-cache recomputation (its multi-turn costs);
- `bao-multi-queue`: plus both queue waits. This rung is ours, not the paper's.

The paper does not publish alpha, theta or the exact multi-turn formula; ours are fitted on
training seeds (`edgeroute_baselines.fitting`). Rule as stated by Sangdon-Park/wireless-llm-routing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import Floats, Rule, Seen, finite, not_negative
from edgeroute_env import InputError, Scenario, decode
from edgeroute_env.benchmarks import QuestionBenchmark

_SINGLE = (
    ("edge_radio_s", "edge_prefill_s", "edge_decode_s"),
    ("device_prefill_s", "device_decode_s"),
)
_MULTI = ((*_SINGLE[0], "edge_switch_s"), (*_SINGLE[1], "device_switch_s"))
_MULTI_QUEUE = ((*_MULTI[0], "edge_wait_s"), (*_MULTI[1], "device_wait_s"))
RUNGS = {"bao-single": _SINGLE, "bao-multi": _MULTI, "bao-multi-queue": _MULTI_QUEUE}


def fused(seen: Seen, alpha_per_s: float, rung: str = "bao-multi-queue") -> Floats:
    """Return the score less the priced time difference of a rung, shape (n,), not clipped."""
    edge_parts, device_parts = RUNGS[rung]
    edge_s, device_s = sum(seen[part] for part in edge_parts), sum(seen[p] for p in device_parts)
    return seen["score"] - alpha_per_s * (edge_s - device_s)


@dataclass(frozen=True)
class BaoRouter(Rule):
    """The fused-cost rule on one rung; `alpha_per_s` >= 0 in 1/s, `theta` a score."""

    name: str
    alpha_per_s: float
    theta: float

    def __post_init__(self) -> None:
        """Refuse an unknown rung and parameters that are none."""
        if self.name not in RUNGS:
            raise InputError("rung", self.name, "one of " + ", ".join(RUNGS))
        not_negative(alpha_per_s=self.alpha_per_s)
        finite(theta=self.theta)

    def fused(self, observations: NDArray[np.float32]) -> Floats:
        """Return the fused cost that decides, shape (n,)."""
        return fused(decode(observations), self.alpha_per_s, self.name)

    def prefers_edge(self, seen: Seen) -> NDArray[np.bool_]:
        """Return where the edge is chosen, shape (n,)."""
        return fused(seen, self.alpha_per_s, self.name) > self.theta


@dataclass(frozen=True)
class ExtendedBao(Rule):
    """`bao-multi-queue` with more parameters, the fields of a subclass."""

    alpha_per_s: float
    theta: float

    def __post_init__(self) -> None:
        """Refuse parameters that no rule can use."""
        not_negative(alpha_per_s=self.alpha_per_s)
        finite(theta=self.theta)


def papers_rule(scenario: Scenario) -> str:
    """Return the paper's rule for a scenario: its multi-turn costs where there are dialogues."""
    single = all(isinstance(entry.benchmark, QuestionBenchmark) for entry in scenario.workload.mix)
    return "bao-single" if single else "bao-multi"

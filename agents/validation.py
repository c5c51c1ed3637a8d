"""How good a policy is while it learns: its paired gap to the analytic router, on fixed seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeroute_env.evaluation.benchmark import CONSTANTS
from edgeroute_env.evaluation.episodes import FIT_SEEDS, Episodes, generators, run_episodes
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.sources import Pinned, TraceSource

# Training seeds that neither the fits (the first of them) nor the training environments use.
VALIDATION_SEEDS = FIT_SEEDS[900_000:]
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Verdict:
    """A policy on the validation seeds.

    Attributes:
        gap: mean return less the reference's, episode by episode on the same traces.
        half_width: of the gap's 95 % interval, by the normal law.
        edge_share: share of turns sent to the edge.
        collapsed: "device" or "edge" where every single turn went there, else None.
    """

    gap: float
    half_width: float
    edge_share: float
    collapsed: str | None


class Validation:
    """Fixed episodes, and what the reference earns on them."""

    def __init__(
        self, scenario: Scenario, source: TraceSource, reference: Router, episodes: int
    ) -> None:
        """Draw the traces once and run the reference over them."""
        self._scenario = scenario
        self._seeds = VALIDATION_SEEDS[:episodes]
        self._traces = Pinned(source, generators(self._seeds))
        self.reference = reference
        self._theirs = self._run(reference).returns()

    def _run(self, router: Router) -> Episodes:
        return run_episodes(router, self._scenario, self._traces, self._seeds)

    def judge(self, router: Router) -> Verdict:
        """Return how a router does beside the reference."""
        own = self._run(router)
        gaps = own.returns() - self._theirs
        # What was asked for, not what was served: a refused edge call was routed to the edge.
        sent = sum(own.turns(name) for name in ("edge_call", "refused", "failed"))
        share = float(np.mean(sent > 0.0))
        return Verdict(
            gap=float(gaps.mean()),
            half_width=float(NORMAL_95 * gaps.std(ddof=1) / np.sqrt(len(gaps))),
            edge_share=share,
            collapsed={0.0: CONSTANTS[0], 1.0: CONSTANTS[1]}.get(share),
        )

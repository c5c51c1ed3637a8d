"""How good a policy is: paired gaps on fixed seeds, and what fresh episodes confirm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeroute_agents.policy import Policy
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.rendering.run import Run
from edgeroute_env.routing import ROUTES, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.seeds import VALIDATION_SEEDS
from edgeroute_env.traces.sources import Pinned, TraceSource

MOST_TURNS = 131_072  # fewer episodes where they are long
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Verdict:
    """A policy on the validation seeds.

    Attributes:
        gap: mean return less the analytic router's, episode by episode on the same traces.
        half_width: of the gap's 95 % interval, by the normal law.
        surely: lower end of the 95 % interval of the gap to the rule that training started from:
            0 for the rule itself, above 0 only for what is better beyond the episodes' noise.
        quality: mean over all turns, from 0 to 1.
        latency_s: mean over all turns.
        edge_share: share of turns sent to the edge.
        collapsed: "device" or "edge" where every single turn went there, else None.
    """

    gap: float
    half_width: float
    surely: float
    quality: float
    latency_s: float
    edge_share: float
    collapsed: str | None

    @property
    def confirms(self) -> bool:
        """Whether the policy is better than the analytic router beyond the episodes' noise."""
        return self.gap > self.half_width


class Validation:
    """Fixed episodes, and what the analytic router and the starting rule earn on them."""

    def __init__(
        self,
        scenario: Scenario,
        source: TraceSource,
        analytic: Router,
        episodes: int,
        seeds: Sequence[int] = VALIDATION_SEEDS,
    ) -> None:
        """Draw the traces of the first `seeds` once and run the analytic router over them.

        There are fewer than `episodes` where these would have more than MOST_TURNS turns in all.
        """
        self._scenario = scenario
        self._seeds = seeds[: min(episodes, MOST_TURNS // scenario.workload.turns)]
        self._traces = Pinned(source, generators(self._seeds))
        self.analytic = analytic
        theirs = self._run(analytic)
        self._analytic = self._start = theirs.returns()
        self.reference = self._verdict(theirs)

    def _run(self, router: Router) -> Episodes:
        return run_episodes(router, self._scenario, self._traces, self._seeds)

    def start_at(self, rule: Router) -> None:
        """Take `rule` as what training starts from."""
        self._start = self._run(rule).returns()

    def judge(self, router: Router) -> Verdict:
        """Return how a router does beside the analytic one and the starting rule."""
        return self._verdict(self._run(router))

    def first_episode(self, router: Router) -> Run:
        """Return a router's run of the first episode, to be looked at turn by turn."""
        return Run(router, self._scenario, self._traces, self._seeds[0])

    def _verdict(self, own: Episodes) -> Verdict:
        gap, half_width = _interval(own.returns() - self._analytic)
        beyond, uncertain = _interval(own.returns() - self._start)
        # What was asked for, not what was served: a refused edge call was routed to the edge.
        sent = sum(own.turns(name) for name in ("edge_call", "refused", "failed"))
        share = float(np.mean(sent > 0.0))
        return Verdict(
            gap=gap,
            half_width=half_width,
            surely=beyond - uncertain,
            quality=float(own.turns("quality").mean()),
            latency_s=float(own.turns("latency_s").mean()),
            edge_share=share,
            collapsed={0.0: ROUTES[0], 1.0: ROUTES[1]}.get(share),
        )


def confirmed(kept: Policy, analytic: LinearRouter, fresh: Validation) -> tuple[Policy, Verdict]:
    """Return what episodes never looked at confirm to be better than the analytic router.

    That is the kept policy, else the rule it started from; else the policy is the analytic
    router itself. Looked at often enough, the validation's episodes flatter some policy.
    """
    for policy in (kept, kept.as_rule(kept.rule), kept.as_rule(analytic)):
        verdict = fresh.judge(policy)
        if verdict.confirms:
            break
    return policy, verdict


def _interval(gaps: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of paired gaps and the half width of its 95 % interval."""
    return float(gaps.mean()), float(NORMAL_95 * gaps.std(ddof=1) / np.sqrt(len(gaps)))

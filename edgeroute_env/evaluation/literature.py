"""What the literature states of routers, for one comparison: curves, goodput, gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.evaluation.episodes import Episodes, run_episodes
from edgeroute_env.evaluation.frontier import Point, routing_metrics
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.sources import TraceSource

# How far a fitted threshold is moved to either side, in scores; the last sends all to one side.
# Even in the call share rather than in scores: most scores lie within .4 of a fitted threshold.
SHIFTS = (0.01, 0.02, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.32, 0.48, 0.8, 1e6)
CURVE_TURNS, FEWEST_EPISODES = 51_200, 20  # a curve's points need no more
RIGHT = 0.5  # quality from which an answer counts as right
PATIENCE = 2.0  # without a deadline, an answer is late beyond this many medians of edge-only's
RESAMPLES = 2_000

# What the paper claims to save over static routers.
CLAIMED = {"latency_saved": (5.0, 15.0), "edge_calls_saved": (10.0, 20.0)}  # %, arXiv 2508.11291


@dataclass(frozen=True)
class Dial:
    """How a router is made of one parameter, the others as fitted, and the values to try."""

    build: Callable[[float], Router]
    settings: Sequence[float]


def thresholds(theta: float) -> list[float]:
    """Return the thresholds to try around a fitted one, rising; the outermost are one side's."""
    return [theta + shift for shift in sorted((0.0, *SHIFTS, *(-shift for shift in SHIFTS)))]


def curve(
    dial: Dial, scenario: Scenario, source: TraceSource, seeds: Sequence[int]
) -> dict[str, Any]:
    """Return a router's operating points as its parameter moves, and their metrics.

    The dial's settings run from all at one side to all at the other. Fewer seeds are used where
    episodes are long.
    """
    some = seeds[: max(FEWEST_EPISODES, CURVE_TURNS // scenario.workload.turns)]
    points = []
    for setting in dial.settings:
        run = run_episodes(dial.build(setting), scenario, source, some)
        means = (run.by_episode(name).mean() for name in ("edge_call", "quality", "latency_s"))
        points.append(Point(setting, *map(float, means)))
    return {"points": [list(point) for point in points], **routing_metrics(points)}


def deadline_s(scenario: Scenario, edge: Episodes) -> float:
    """Return until when an answer is in time: the scenario's deadline, or PATIENCE medians."""
    stated = scenario.objective.deadline_s
    return float(PATIENCE * np.median(edge.turns("latency_s"))) if stated is None else stated


def goodput(run: Episodes, within_s: float) -> float:
    """Return the share of turns that are answered right and in time."""
    good = (run.turns("quality") >= RIGHT) & (run.turns("latency_s") <= within_s)
    return float(good.mean())


def gap_closed(run: Episodes, constant: Episodes, bound: Episodes) -> dict[str, float] | None:
    """Return the share of the gap from a constant to the bound that a router closes."""
    gained, gap = (other.returns() - constant.returns() for other in (run, bound))
    return share_of_gap(gained, gap)


def share_of_gap(gained: NDArray[np.float64], gap: NDArray[np.float64]) -> dict[str, float] | None:
    """Return the share of a gap that is gained, both given episode by episode.

    A ratio of means over paired episodes with its 95 % bootstrap interval (percentile); None where
    there is no gap.
    """
    if gap.mean() <= 0.0:
        return None
    n = len(gap)
    chosen = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    gains, gaps = gained[chosen].mean(axis=1), gap[chosen].mean(axis=1)
    has_one = gaps > 0.0  # few episodes, drawn again, may be those without a gap
    ratios = gains[has_one] / gaps[has_one]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return {"mean": float(gained.mean() / gap.mean()), "low": float(low), "high": float(high)}

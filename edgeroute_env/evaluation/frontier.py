"""What quality costs in edge calls as a rule's threshold moves: metrics of the literature.

A curve holds operating points of one router on identical traces, from all on the phone to all at
the edge. Call shares and qualities are means over episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RECOVERED = (0.5, 0.8)  # of the gap between the models, for CPT
KEPT = (0.95, 0.98, 0.99, 1.0)  # of edge-only's quality


class Point(NamedTuple):
    """One operating point: the parameter's value, share of edge calls, quality and latency."""

    setting: float
    edge_share: float
    quality: float
    latency_s: float


def routing_metrics(points: Sequence[Point]) -> dict[str, float | None]:
    """Return the metrics of one router's points; None for one that they do not reach.

    The point with the fewest edge calls stands for device-only, the one with the most for
    edge-only.

    Returns:
        apgr: mean share of the quality gap that is recovered as the call share runs from 0 to 1
            (RouteLLM, Ong et al., arXiv 2406.18665); a coin has .5, a rule worse than a coin less.
        cpt50, cpt80: call share at which half, or .8, of the gap is recovered (the same).
        calls_at_95 .. calls_at_100: call share that keeps that part of edge-only's quality.
        aiq: mean quality under the non-decreasing hull of cost and quality, cost being the call
            share (RouterBench, Hu et al., arXiv 2403.12031). Its hull may mix two points, so a
            rule worse than a coin counts as a coin here, and here alone.
    """
    measured, hull = _curve(points), _hull(points)
    first, edge = measured[1][0], measured[1][-1]
    gap = edge - first
    metrics: dict[str, float | None] = {
        "apgr": float((_mean(measured) - first) / gap) if gap > 0.0 else None,
        "aiq": _mean(hull),
    }
    for part in RECOVERED:
        target = first + part * gap
        metrics[f"cpt{100 * part:.0f}"] = _reached(measured, target) if gap > 0.0 else None
    for part in KEPT:
        metrics[f"calls_at_{100 * part:.0f}"] = _reached(measured, part * edge)
    return metrics


def _curve(points: Sequence[Point]) -> tuple[Floats, Floats]:
    """Return call shares, rising, and the quality at each: its mean where points share one."""
    shares, place = np.unique([point.edge_share for point in points], return_inverse=True)
    total = np.bincount(place, [point.quality for point in points])
    return shares, total / np.bincount(place)


def _mean(curve: tuple[Floats, Floats]) -> float:
    """Return the mean quality over call shares, straight between points."""
    share, quality = curve
    span = share[-1] - share[0]
    return float(np.trapezoid(quality, share) / span) if span > 0.0 else float(quality[-1])


def _hull(points: Sequence[Point]) -> tuple[Floats, Floats]:
    """Return the upper hull of call share and quality, never falling: mixing two points is free."""
    best: dict[float, float] = {}
    for point in points:
        best[point.edge_share] = max(best.get(point.edge_share, -np.inf), point.quality)
    hull: list[tuple[float, float]] = []
    for new in sorted(best.items()):
        while _below(hull, new):
            hull.pop()
        hull.append(new)
    shares, qualities = np.array(hull).T
    return shares, np.maximum.accumulate(qualities)


def _below(hull: Sequence[tuple[float, float]], new: tuple[float, float]) -> bool:
    """Return whether the hull's last point lies below the line from the one before to the new."""
    if len(hull) < 2:
        return False
    (x0, y0), (x1, y1) = hull[-2:]
    return (y1 - y0) * (new[0] - x0) <= (new[1] - y0) * (x1 - x0)


def _reached(curve: tuple[Floats, Floats], quality: float) -> float | None:
    """Return the least call share with that quality, by interpolation; None where it has none."""
    share, reached = curve
    enough = np.flatnonzero(reached >= quality - 1e-12)
    if not enough.size:
        return None
    around = slice(max(enough[0] - 1, 0), enough[0] + 1)
    return float(np.interp(quality, reached[around], share[around]))

"""The figures of a report: every axis with its unit, told apart by marker, line and hatch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeroute_env.evaluation.report.turns import SEEN, Shown
from edgeroute_env.evaluation.results import Results
from edgeroute_env.plotting import COLOURS, add_legend, blank_figure
from edgeroute_env.routing import ROUTES
from edgeroute_env.simulator.state import LATENCY_PARTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HATCHES = ("", "//", "..", "xx", "\\\\", "++")
BINS, FEWEST_TURNS = 8, 30  # of a curve over what was seen; turns that a mean is made of
LABELS = {
    "snr_db": "SNR of the uplink, dB",
    "edge_load": "edge load as reported, share",
    "score": "semantic score, probability",
}
Turns = Mapping[str, Shown]
Looks = Mapping[str, Mapping[str, Any]]  # the style of each router, equal in all figures


def pareto(results: Results, turns: Turns, looks: Looks) -> Figure:
    """Quality against latency and against edge calls; lines are thresholds moved."""
    figure = blank_figure(9.0, 4.2)
    panels = figure.subplots(1, 2, sharey=True)
    sides = (
        ("latency_mean_s", 3, "mean latency, s"),
        ("edge_share", 1, "edge calls, share of turns"),
    )
    for axes, (name, column, label) in zip(panels, sides, strict=True):
        for router, style in _styled(turns, looks):
            f = results.figures(router)
            points = sorted(results.curves.get(router, {}).get("points", []))
            if points:
                axes.plot(
                    [p[column] for p in points], [p[2] for p in points], alpha=0.6,
                    color=style["color"], linestyle=style["linestyle"], linewidth=1.0,
                )  # fmt: skip
            axes.plot(f[name], f["quality"], label=router, **{**style, "linestyle": ""})
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("mean quality, 0 to 1")
    return add_legend(figure, panels[0], 4)


def latency_distribution(results: Results, turns: Turns, looks: Looks) -> Figure:
    """The distribution of latency over all turns."""
    figure = blank_figure(7.0, 4.2)
    axes = figure.subplots()
    for router, style in _styled(turns, looks):
        values = np.sort(turns[router].run.turns("latency_s"))
        share = np.arange(1, values.size + 1) / values.size
        axes.plot(values, share, label=router, markevery=(0.05, 0.2), markersize=5, **style)
    axes.set_xscale("log")
    axes.set_xlabel("latency of a turn, s")
    axes.set_ylabel("turns no slower, share")
    axes.grid(alpha=0.3)
    return add_legend(figure, axes, 4)


def latency_split(results: Results, turns: Turns, looks: Looks) -> Figure:
    """Where the latency goes."""
    figure = blank_figure(7.0, 0.45 * len(turns) + 1.6)
    axes = figure.subplots()
    names = list(turns)[::-1]
    left = np.zeros(len(names))
    for part, colour, hatch in zip(LATENCY_PARTS, cycle(COLOURS[1:]), HATCHES, strict=False):
        width = np.array([results.figures(name)[f"{part}_s"] for name in names])
        axes.barh(names, width, left=left, label=part, color=colour, hatch=hatch, edgecolor="white")
        left += width
    axes.set_xlabel("mean latency, s a turn")
    return add_legend(figure, axes, 4)


def edge_share(results: Results, turns: Turns, looks: Looks) -> Figure:
    """How often the edge is chosen, over what the router saw."""
    figure = blank_figure(10.0, 3.8)
    panels = figure.subplots(1, len(SEEN), sharey=True)
    for axes, name in zip(panels, SEEN, strict=True):
        for router, style in _styled(turns, looks):
            shown = turns[router]
            routed = shown.run.routed
            x, chosen = shown.seen[name][routed], shown.run.actions[routed]
            edges = np.unique(np.quantile(x, np.linspace(0.0, 1.0, BINS + 1)))
            place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(len(edges) - 2, 0))
            count = np.bincount(place)
            enough = count >= FEWEST_TURNS
            with np.errstate(invalid="ignore"):
                middle, share = (np.bincount(place, v) / count for v in (x, chosen))
            axes.plot(middle[enough], share[enough], label=router, markersize=4, **style)
        axes.set_xlabel(LABELS[name])
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("turns sent to the edge, share")
    return add_legend(figure, panels[0], 4)


def timeline(results: Results, turns: Turns, looks: Looks) -> Figure:
    """One episode, turn by turn: where each router sent it and how long that took."""
    figure = blank_figure(9.0, 1.3 * len(turns) + 1.0)
    panels = figure.subplots(len(turns), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (router, shown) in zip(panels, turns.items(), strict=True):
        routed = shown.run.routed[:, 0]
        turn = np.flatnonzero(routed) + 1
        latency = shown.run.outcomes["latency_s"][routed, 0]
        sides = zip(ROUTES, "o^", COLOURS[:2], strict=True)
        for action, (label, marker, colour) in enumerate(sides):
            where = shown.run.actions[routed, 0] == action
            axes.plot(
                turn[where], latency[where], marker=marker, linestyle="", markersize=4,
                color=colour, label=label,
            )  # fmt: skip
        axes.set_yscale("log")
        axes.set_ylabel("latency, s")
        axes.set_xlabel("turn of the episode, number")
        axes.label_outer()
        axes.set_title(router, loc="left", fontsize="small")
        axes.grid(alpha=0.3)
    return add_legend(figure, panels[0], 4)


def _styled(turns: Turns, looks: Looks) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((router, looks[router]) for router in turns)


FIGURES: dict[str, tuple[Callable[[Results, Turns, Looks], Figure], str]] = {
    "pareto": (pareto, "Quality against latency and edge calls; lines: thresholds moved"),
    "latency": (latency_distribution, "Distribution of the latency of a turn"),
    "split": (latency_split, "Mean latency by cause"),
    "share": (edge_share, "Share of turns sent to the edge, over what the router saw"),
    "timeline": (timeline, "One episode turn by turn, the same trace for all"),
}

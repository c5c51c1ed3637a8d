"""The figures of a report: every axis with its unit, told apart by marker, line and hatch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeroute_env.evaluation.report.labels import label
from edgeroute_env.evaluation.report.turns import SEEN, Shown
from edgeroute_env.evaluation.results import Results
from edgeroute_env.plotting import add_legend, blank_figure
from edgeroute_env.rendering.colours import AUTHORS, CAUSE_COLOURS, RAIL
from edgeroute_env.routing import ROUTES, Role
from edgeroute_env.simulator.state import LATENCY_PARTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 9  # routers that a page opens with
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
    """Quality against latency; lines are thresholds moved."""
    return _quality_against("latency_mean_s", 3, "mean latency, s", results, looks)


def calls(results: Results, turns: Turns, looks: Looks) -> Figure:
    """Quality against edge calls; lines are thresholds moved."""
    return _quality_against("edge_share", 1, "edge calls, share of turns", results, looks)


def opening(results: Results) -> list[str]:
    """Return the routers that a page opens with, as they stand in its table: nine at most.

    Where more are telling, the learned ones of the lowest returns are left to further tables.
    """
    telling = results.telling()
    by_return = sorted(results.policies, key=lambda name: results.figures(name)["return"])
    left_out = by_return[: max(len(telling) - MOST, 0)]
    return [name for name in telling if name not in left_out]


def known_as(results: Results, router: str) -> str:
    """Return the part that a router plays, in words, where it is one that readers look for."""
    if router in results.names(Role.BOUND):
        return "bound"
    if router == results.against_static["rule"]:
        return "paper's rule"
    if router == results.levels["analytic"]:
        return "tuned rule"
    rule: str = results.routers[router].get("bare_rule", "")
    return rule


def _quality_against(
    figure_name: str, column: int, label_x: str, results: Results, looks: Looks
) -> Figure:
    """Return a picture that a phone's screen shows at a size to read."""
    figure = blank_figure(4.2, 3.6)
    axes = figure.subplots()
    places = {}
    for router in opening(results):
        style, f = looks[router], results.figures(router)
        points = sorted(results.curves.get(router, {}).get("points", []))
        if points:
            axes.plot(
                [p[column] for p in points], [p[2] for p in points], alpha=0.6,
                color=style["color"], linestyle=style["linestyle"], linewidth=1.0,
            )  # fmt: skip
        played = known_as(results, router)
        name = f"{router} ({played})" if played else router
        places[name] = (f[figure_name], f["quality"])
        axes.plot(f[figure_name], f["quality"], **{**style, "linestyle": ""})
    axes.set_xlabel(label_x)
    axes.set_ylabel("mean quality, 0 to 1")
    axes.margins(0.12)
    axes.grid(alpha=0.3)
    label(figure, axes, places)
    return figure


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
    for part, hatch in zip(LATENCY_PARTS, HATCHES, strict=True):
        colour = CAUSE_COLOURS.get(part, RAIL)
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
        for action, (route, marker) in enumerate(zip(ROUTES, "o^", strict=True)):
            where = shown.run.actions[routed, 0] == action
            axes.plot(
                turn[where], latency[where], marker=marker, linestyle="", markersize=4,
                color=AUTHORS[route], label=route,
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
    "pareto": (pareto, "Quality against latency; lines: thresholds moved"),
    "calls": (calls, "Quality against edge calls; lines: thresholds moved"),
    "latency": (latency_distribution, "Distribution of the latency of a turn"),
    "split": (latency_split, "Mean latency by cause"),
    "share": (edge_share, "Share of turns sent to the edge, over what the router saw"),
    "timeline": (timeline, "One episode turn by turn, the same trace for all"),
}

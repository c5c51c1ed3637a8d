"""How plots are drawn: readable in print and without colour vision, without global state."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Any

from edgeroute_env.errors import needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which also differ in luminance; always with a marker or a line style.
COLOURS = (
    *("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#F0E442", "#7F7F7F"),
)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "x", "v", "P", "*")


def blank_figure(width_inches: float, height_inches: float) -> Figure:
    """Return an empty figure; InputError if matplotlib is missing."""
    with needs("plots", "cli"):
        from matplotlib.figure import Figure
    return Figure(figsize=(width_inches, height_inches), layout="constrained")


def styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the colour, marker and line of each name; no two names have the same pair of both."""
    looks = zip(cycle(COLOURS), cycle(MARKERS), cycle(LINES), strict=False)
    return {
        name: {"color": colour, "marker": marker, "linestyle": line}
        for name, (colour, marker, line) in zip(names, looks, strict=False)
    }


def add_legend(figure: Figure, axes: Any, columns: int) -> Figure:
    """Put the legend of one of its axes below a figure, and return it."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize="small")
    return figure

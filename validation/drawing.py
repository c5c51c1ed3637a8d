"""How the page's plots look: panels side by side, in small files."""

from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from edgeroute_env.plotting import COLOURS, LINES, MARKERS, blank_figure

DOTS_PER_INCH = 110
PALETTE = 128


def panels(count: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels side by side."""
    figure = blank_figure(4.6 if count == 1 else 3.6 * count, 2.9)
    axes = figure.subplots(1, count, squeeze=False)[0]
    for each in axes:
        each.grid(True, which="major", linewidth=0.4, alpha=0.5)
        each.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def line(i: int) -> dict[str, Any]:
    """Return the look of the curve with number i."""
    return {"color": COLOURS[i], "linestyle": LINES[i]}


def points(i: int) -> dict[str, Any]:
    """Return the look of the points with number i, hollow and not joined."""
    look = {"color": COLOURS[i], "linestyle": "none", "marker": MARKERS[i]}
    return {**look, "markersize": 4, "markerfacecolor": "none"}


def save(figure: Figure, path: Path) -> None:
    """Write a small PNG of few colours; equal figures give equal bytes."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    Image.open(drawn).convert("RGB").quantize(PALETTE).save(path, "PNG", optimize=True)

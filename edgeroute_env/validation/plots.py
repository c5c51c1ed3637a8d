"""Plots that a printed page and colour-blind eyes can read: markers and line styles, units."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from edgeroute_env.errors import missing_package

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 110
PALETTE = 128
# Okabe and Ito's colours, told apart by luminance too; always beside a marker or a line style.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "x")


def panels(count: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure, free of any global state, with `count` panels side by side."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_package("matplotlib", "plots", "cli") from None
    figure = Figure(figsize=(4.6 if count == 1 else 3.6 * count, 2.9), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for each in axes:
        each.grid(True, which="major", linewidth=0.4, alpha=0.5)
        each.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def save(figure: Figure, path: Path) -> None:
    """Write a small PNG of few colours; equal figures give equal bytes."""
    from PIL import Image  # matplotlib's own dependency

    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    Image.open(drawn).convert("RGB").quantize(PALETTE).save(path, "PNG", optimize=True)

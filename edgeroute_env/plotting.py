"""How plots are drawn: readable in print and without colour vision, without global state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeroute_env.errors import missing_package

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which also differ in luminance; always with a marker or a line style.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "x", "v", "P", "*")


def blank_figure(width_inches: float, height_inches: float) -> Figure:
    """Return an empty figure; InputError if matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_package("matplotlib", "plots", "cli") from None
    return Figure(figsize=(width_inches, height_inches), layout="constrained")

"""Results as figures in PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeroute_env.files import replacing
from edgeroute_env.plotting import add_legend, blank_figure, styles

PANELS = {
    "latency_mean_s": "mean latency, s",
    "quality": "mean quality",
    "edge_share": "share of edge calls",
}
DPI, INCHES = 150, (6.4, 8.0)
WIDE_RANGE = 30.0  # largest over smallest value from which an axis is logarithmic


def plot_sweep(path: Path, results: dict[str, Any]) -> None:
    """Write the plot of a sweep: latency, quality and edge share over the parameter.

    Raises:
        InputError: matplotlib is missing, or the file cannot be written.
    """
    settings = results["settings"]
    figure = blank_figure(*INCHES)
    panels = figure.subplots(len(PANELS), 1, sharex=True)
    for axes, (name, label) in zip(panels, PANELS.items(), strict=True):
        for router, style in styles(settings["routers"]).items():
            rows = [row for row in results["rows"] if row["router"] == router]
            x = [row["value"] for row in rows]
            figures = [row["figures"][name] for row in rows]
            mean = [figure["mean"] for figure in figures]
            # A resampled end may pass the mean by a rounding error.
            below = [max(0.0, figure["mean"] - figure["low"]) for figure in figures]
            above = [max(0.0, figure["high"] - figure["mean"]) for figure in figures]
            axes.errorbar(x, mean, [below, above], label=router, capsize=3, **style)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    if _is_wide([row["value"] for row in results["rows"]]):
        panels[-1].set_xscale("log")
    panels[-1].set_xlabel(settings["label"])
    figure.align_ylabels(panels)
    figure.suptitle(
        f"{settings['scenario']['name']} · {settings['traces']} traces · {settings['episodes']} "
        "episodes a value\nmeans a turn with 95 % bootstrap intervals",
        fontsize="medium",
    )
    add_legend(figure, panels[0], 3)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=DPI)


def _is_wide(values: Sequence[float]) -> bool:
    return min(values) > 0.0 and max(values) / min(values) >= WIDE_RANGE

"""The figure of a Pareto front: what routers made for several prices of waiting reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgeroute_env.evaluation.frontier import Point
from edgeroute_env.plotting import add_legend, blank_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTION = (
    "Pareto fronts: each router made anew for five prices of a second of waiting (beside the "
    "points, in reward), as the package stores them"
)


def front(points: Mapping[str, Sequence[Point]], looks: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw quality against latency and against edge calls, a line a router."""
    figure = blank_figure(7.2, 3.6)
    panels = figure.subplots(1, 2, sharey=True)
    columns = (("latency_s", "mean latency, s"), ("edge_share", "edge calls, share of turns"))
    for axes, (column, label_x) in zip(panels, columns, strict=True):
        for router, its in points.items():
            x = [getattr(point, column) for point in its]
            axes.plot(x, [point.quality for point in its], label=router, **looks[router])
        for place, point in zip(x, its, strict=True):  # of the last router: one set of numbers
            axes.annotate(
                f"{point.setting:g}", (place, point.quality), xytext=(4, -9),
                textcoords="offset points", fontsize="small",
            )  # fmt: skip
        axes.set_xlabel(label_x)
        axes.margins(0.12)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("mean quality, 0 to 1")
    return add_legend(figure, panels[0], 4)

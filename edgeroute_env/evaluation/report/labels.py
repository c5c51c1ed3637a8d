"""Names beside points, where they hide neither a point nor each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = NDArray[np.float64]  # left, bottom, right, top; pixels
NEAR = 7  # points from a mark to its name
STEPS = (NEAR, 16, 28, 42, 58, 76, 96)  # the nearest that is free is taken
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
MARK = 5  # half the side of a mark, points
HORIZONTAL = {1: "left", -1: "right", 0: "center"}
VERTICAL = {1: "bottom", -1: "top", 0: "center"}


def label(figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write names beside their points; a line leads to a name that stands farther off."""
    figure.draw_without_rendering()  # places are known once the layout is
    half = MARK * figure.dpi / 72
    places = axes.transData.transform(list(points.values()))
    taken: list[Box] = [np.array([x - half, y - half, x + half, y + half]) for x, y in places]
    inside: Box = np.asarray(axes.bbox.extents)
    offsets = [(step * right, step * up) for step, (right, up) in product(STEPS, SIDES)]
    for name, point in points.items():
        tries = [_written(axes, name, point, offset) for offset in offsets]
        boxes = [np.asarray(text.get_window_extent().extents) for text in tries]
        costs = [_hidden(box, taken, inside) for box in boxes]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        for text in tries[:best] + tries[best + 1 :]:
            text.remove()
        if best >= len(SIDES):
            line = {"arrowstyle": "-", "linewidth": 0.5, "color": "#555555", "shrinkA": 0}
            axes.annotate("", point, offsets[best], textcoords="offset points", arrowprops=line)


def _written(axes: Axes, name: str, point: tuple[float, float], offset: tuple[int, int]) -> Any:
    right, up = np.sign(offset)
    text = axes.annotate(
        name,
        point,
        offset,
        textcoords="offset points",
        horizontalalignment=HORIZONTAL[right],
        verticalalignment=VERTICAL[up],
        fontsize=9,
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0.0, "pad": 0.5},
    )
    text.set_in_layout(False)  # the axes keep the size that the places were found for
    return text


def _hidden(box: Box, taken: Sequence[Box], inside: Box) -> float:
    """Return how much of a box, in square pixels, is outside of the axes or on what is taken."""
    area = _overlap(box, box)
    return area - _overlap(box, inside) + sum(_overlap(box, other) for other in taken)


def _overlap(one: Box, other: Box) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(sides, 0.0)))

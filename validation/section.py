"""What every comparison hands to the page: text, plots, and its errors for the summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Comparison:
    """One line of the summary: signed errors, or the reason why there are none."""

    name: str
    errors: ArrayLike
    unit: str  # "%" takes relative errors, 0.1 being 10 %; else the errors' own unit
    missing: str = ""

    def row(self) -> tuple[str, ...]:
        """Return the summary's cells: name, how many figures, median and worst |error|."""
        if self.missing:
            return (self.name, "0", f"not compared: {self.missing}", "")
        sizes = np.abs(np.asarray(self.errors, np.float64))
        return (self.name, str(sizes.size), self._told(np.median(sizes)), self._told(sizes.max()))

    def _told(self, size: float) -> str:
        if self.unit == "%":
            return f"{100.0 * size:.1f} %"
        return f"{size:.3g} {self.unit}".strip()


@dataclass(frozen=True)
class Section:
    """One section of the page; `plots` maps a file's stem to its plot."""

    title: str
    text: str
    comparisons: Sequence[Comparison]
    plots: Mapping[str, Figure] = field(default_factory=dict)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table whose first `left` columns are texts, the others numbers."""
    rule = ["---"] * left + ["---:"] * (len(heads) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [heads, rule, *rows])


def percent(share: float) -> str:
    """Return a signed percentage with one decimal."""
    return f"{round(100.0 * share, 1) + 0.0:+.1f} %"  # the sum turns -0.0 into 0.0


def picture(stem: str, caption: str) -> str:
    """Return the Markdown of a plot that lies in the page's folder of plots."""
    return f"![{caption}](validation/{stem}.png)"

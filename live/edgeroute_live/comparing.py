"""Predicted beside measured times: errors with intervals, a scatter, and one page."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.files import replacing
from edgeroute_env.plotting import add_legend, blank_figure, styles
from edgeroute_live.predicting import STEPS, Predicted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, PLOT, FIGURES = "compare.html", "compare.png", "compare.json"
TIMES = {"ttft_s": "first token", "completion_s": "whole answer"}
DRAWS, LEVELS = 2000, (2.5, 97.5)
FEWEST = 3  # turns of a side, for an error that says something


class Error(NamedTuple):
    """How far a step's predictions of one side are off.

    `mape` is the mean absolute relative error with its 95 % interval over turns, `bias` the mean
    relative error (above 0: predicted too long), `r2` the share of the variance that is explained.
    """

    side: str
    time: str
    step: str
    turns: int
    mape: float
    low: float
    high: float
    bias: float
    r2: float


def errors(found: Sequence[Predicted]) -> list[Error]:
    """Return the errors of each side, time and step, for sides with enough turns."""
    told = []
    for side in ("device", "edge"):
        turns = [turn for turn in found if turn.side == side]
        if len(turns) < FEWEST:
            continue
        for time in TIMES:
            measured = np.array([getattr(turn.measured, time) for turn in turns])
            for n, step in enumerate(STEPS):
                predicted = np.array([getattr(turn.steps[n], time) for turn in turns])
                told.append(_error(side, time, step, measured, predicted))
    return told


def _error(
    side: str, time: str, step: str, measured: NDArray[Any], predicted: NDArray[Any]
) -> Error:
    relative = predicted / measured - 1.0
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(relative), size=(DRAWS, len(relative)))
    low, high = np.percentile(np.abs(relative)[drawn].mean(axis=1), LEVELS)
    spread = ((measured - measured.mean()) ** 2).sum()
    r2 = 1.0 - ((measured - predicted) ** 2).sum() / spread if spread > 0.0 else float("nan")
    mape, bias = float(np.abs(relative).mean()), float(relative.mean())
    return Error(side, time, step, len(measured), mape, float(low), float(high), bias, float(r2))


def causes(told: Sequence[Error]) -> list[tuple[str, str, list[float]]]:
    """Return for each side and time how much error each step takes away, and what is left."""
    rows = []
    for side, time in dict.fromkeys((e.side, e.time) for e in told):
        mapes = [e.mape for e in told if (e.side, e.time) == (side, time)]
        taken = [before - after for before, after in pairwise(mapes)]
        rows.append((side, time, [*taken, mapes[-1]]))
    return rows


def finding(told: Sequence[Error]) -> str:
    """Return the result in one sentence."""
    parts = []
    for side in dict.fromkeys(e.side for e in told):
        first, last = (
            {e.time: e.mape for e in told if e.side == side and e.step == step}
            for step in (STEPS[0], STEPS[-1])
        )
        words = [f"{TIMES[t]} {first[t]:.0%}, at best {last[t]:.0%}" for t in TIMES]
        parts.append(f"{side}: {'; '.join(words)}")
    return "mean error of the prediction · " + " · ".join(parts)


def write(folder: Path, source: str, found: Sequence[Predicted], told: Sequence[Error]) -> Path:
    """Write the scatter, the figures as JSON, and a page that needs no network; return its path."""
    with replacing(folder / PLOT) as part:
        scatter(found).savefig(part, format="png", dpi=150)
    content = {
        "source": source,
        "errors": [error._asdict() for error in told],
        "turns": [_plain(turn) for turn in found],
    }
    with replacing(folder / FIGURES) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with replacing(folder / PAGE) as part:
        part.write_text(_page(source, (folder / PLOT).read_bytes(), told), encoding="utf-8")
    return folder / PAGE


def _plain(turn: Predicted) -> dict[str, Any]:
    steps = {step: times._asdict() for step, times in zip(STEPS, turn.steps, strict=True)}
    return {"side": turn.side, "measured": turn.measured._asdict(), "predicted": steps}


def scatter(found: Sequence[Predicted]) -> Figure:
    """Return predicted over measured: the plain law hollow, the last step filled."""
    figure = blank_figure(9.0, 4.8)
    looks = styles(["device", "edge"])
    panels = figure.subplots(1, len(TIMES))
    for axes, (time, words) in zip(panels, TIMES.items(), strict=True):
        for side, look in looks.items():
            turns = [turn for turn in found if turn.side == side]
            x = [getattr(turn.measured, time) for turn in turns]
            for n, hollow in ((0, True), (len(STEPS) - 1, False)):
                y = [getattr(turn.steps[n], time) for turn in turns]
                label = f"{side}, {STEPS[n].removeprefix('+ ')}"
                face = "none" if hollow else look["color"]
                axes.scatter(
                    x, y, s=22, marker=look["marker"], facecolors=face,
                    edgecolors=look["color"], linewidths=0.8, label=label,
                )  # fmt: skip
        ends = [max(1e-3, f(f(axes.get_xlim()), f(axes.get_ylim()))) for f in (min, max)]
        axes.plot(ends, ends, color="#7F7F7F", linewidth=0.8)
        axes.set(xscale="log", yscale="log", title=words)
        axes.set(xlabel="measured, s", ylabel="predicted, s")
    return add_legend(figure, panels[0], 4)


def _page(source: str, plot: bytes, told: Sequence[Error]) -> str:
    """Return the page: what was found, the scatter, and all errors."""
    rows = "\n".join(
        f"<tr><td>{e.side}<td>{TIMES[e.time]}<td>{e.step}<td>{e.turns}"
        f"<td>{e.mape:.1%} ({e.low:.1%} to {e.high:.1%})<td>{e.bias:+.1%}<td>{e.r2:.2f}"
        for e in told
    )
    image = base64.b64encode(plot).decode()
    heads = ("side", "time", "prediction", "turns", "mean error (95 %)", "bias", "R2")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Predicted and measured</title>
<style>body {{font: 16px sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em}}
td, th {{padding: .2em .8em; text-align: left}} img {{max-width: 100%}}</style>
<h1>Predicted and measured</h1>
<p>{html.escape(source)}</p>
<p>{html.escape(finding(told))}.</p>
<img src="data:image/png;base64,{image}" alt="Predicted over measured times of both sides">
<p>On the line, predicted and measured are equal. Each prediction knows what those above it know,
and one thing more. The last one also knows how fast the turns before it were.</p>
<table><tr><th>{"<th>".join(heads)}</tr>
{rows}
</table></html>
"""

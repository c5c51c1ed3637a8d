"""The page's section on published latency and memory figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgeroute_env.plotting import COLOURS, MARKERS
from validation.figures import Check, published_checks
from validation.section import Comparison, Section, percent, picture, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUTLIER = 0.25
FITTED = "NVIDIA AIConfigurator"  # the source of the figures that the constants were fitted to
QUANTITIES = {
    "prefill": "Prefill",
    "decode": "Time per output token",
    "ttft": "Time to first token",
    "speed": "End-to-end speed",
    "pool": "KV pool",
}


def section() -> Section:
    """Return the page's section on published figures."""
    checks = published_checks()
    counted = [check for check in checks if check.group.counted]
    fitted, other = (
        [check for check in counted if check.group.source.startswith(FITTED) is wanted]
        for wanted in (True, False)
    )
    worst = max(counted, key=lambda check: abs(check.error))
    text = f"""\
{len(counted)} published figures; the median absolute error is {_median(counted)}, the largest
{percent(worst.error)} ({QUANTITIES[worst.figure.quantity].lower()}, {worst.figure.what}).
{_outliers(counted)} Errors are predicted over published, less one. The constants of the GPU law
were fitted to 112 configurations from the same source as the first table ({len(fitted)} figures,
median {_median(fitted)}), so that table shows how well the law fits. The other {len(other)} figures
(median {_median(other)}) come from other sources; of the model's constants only the engine's
millisecond and the usable share of the memory serve them alone.

{picture("latency", "Errors of the predictions over the published figures, with lines at 10 %")}

{_tables(checks)}

What is off: {_explanations(counted)}"""
    named = [("Latency and memory, all that count", counted)]
    named += [
        (name, [check for check in counted if check.figure.quantity == quantity])
        for quantity, name in QUANTITIES.items()
    ]
    named.append(
        ("KV bytes a token, not counted", [check for check in checks if not check.group.counted])
    )
    comparisons = [
        Comparison(name, [check.error for check in some], "%") for name, some in named if some
    ]
    title = "Published latency and memory figures"
    return Section(title, text, comparisons, {"latency": _plot(counted)})


def _median(checks: Sequence[Check]) -> str:
    return f"{100.0 * np.median([abs(check.error) for check in checks]):.1f} %"


def _outliers(checks: Sequence[Check]) -> str:
    outliers = [check for check in checks if abs(check.error) > OUTLIER]
    if not outliers:
        return f"No error exceeds {100 * OUTLIER:.0f} %."
    return f"{len(outliers)} errors exceed {100 * OUTLIER:.0f} %, each explained below."


def _tables(checks: Sequence[Check]) -> str:
    parts = []
    for group in dict.fromkeys(check.group.name for check in checks):
        some = [check for check in checks if check.group.name == group]
        of = some[0].group
        step = "" if of.engine_step else "; predicted without the engine's millisecond a step"
        uncounted = "" if of.counted else "; exact by arithmetic, so not counted in the median"
        rows = [
            (
                *(check.figure.quantity, check.figure.what, check.figure.unit),
                *(_told(check.figure.published), _told(check.predicted), percent(check.error)),
            )
            for check in some
        ]
        heads = ["quantity", "case", "unit", "published", "predicted", "error"]
        parts += [f"### {group}", f"Source: {of.source}{step}{uncounted}.", table(heads, rows, 3)]
    return "\n\n".join(parts)


def _told(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000.0 else f"{value:.4g}"


def _explanations(checks: Sequence[Check]) -> str:
    reasons: dict[str, list[float]] = {}
    for check in checks:
        if check.figure.why:
            reasons.setdefault(check.figure.why, []).append(check.error)
    told = [
        f"{why} ({_span(errors)}, {len(errors)} {'figure' if len(errors) == 1 else 'figures'})"
        for why, errors in reasons.items()
    ]
    return "; ".join(told) + "."


def _span(errors: Sequence[float]) -> str:
    low, high = min(errors), max(errors)
    return percent(low) if len(errors) == 1 else f"{percent(low)} to {percent(high)}"


def _plot(checks: Sequence[Check]) -> Figure:
    from validation.plots import panels

    figure, (axis,) = panels()
    timed = [check for check in checks if check.figure.quantity != "pool"]
    for i, quantity in enumerate(("prefill", "decode", "ttft", "speed")):
        some = [check for check in timed if check.figure.quantity == quantity]
        axis.plot(
            [check.figure.published for check in some],
            [100.0 * check.error for check in some],
            linestyle="none",
            marker=MARKERS[i],
            color=COLOURS[i],
            markersize=4,
            markerfacecolor="none",
            label=f"{QUANTITIES[quantity]}, {some[0].figure.unit}",
        )
    for error in (-10.0, 0.0, 10.0):
        axis.axhline(error, linestyle=":" if error else "-", color=COLOURS[0], linewidth=0.8)
    axis.set(xscale="log", xlabel="published, ms or tokens/s", ylabel="error of the prediction, %")
    reach = max(30.0, 110.0 * max(abs(check.error) for check in timed))
    axis.set_ylim(-reach, reach)
    axis.legend(frameon=False, fontsize=7, ncols=2)
    return figure

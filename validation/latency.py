"""Published latency and memory figures beside the model's predictions."""

from collections.abc import Sequence

import numpy as np
from matplotlib import figure as drawn

from edgeroute_env.physics.inference import prefill_s
from edgeroute_env.plotting import COLOURS
from edgeroute_env.scenario_files import load_scenario
from validation.drawing import panels, points
from validation.published import Figure, published_groups
from validation.section import Floats, Section, compare, largest

OUTLIER = 0.25
SHORT_TOKENS = 80.0  # a usual prompt of the presets, shorter than any that was measured
QUANTITIES = {
    "prefill": "Prefill",
    "decode": "Time per output token",
    "ttft": "Time to first token",
    "speed": "End-to-end speed",
    "pool": "KV pool",
}


def section() -> Section:
    """Compare every published figure with its prediction."""
    groups = published_groups()
    counted = [figure for group in groups if group.counted for figure in group.figures]
    exact = [figure for group in groups if not group.counted for figure in group.figures]
    fitted = [figure for group in groups if group.fitted for figure in group.figures]
    other = [figure for figure in counted if figure not in fitted]
    reasons = {
        why: [figure.error for figure in counted if figure.why == why]
        for why in dict.fromkeys(figure.why for figure in counted if figure.why)
    }
    everything = compare("Latency and memory, all that count", _errors(counted), "%")
    data = {
        "groups": groups,
        "counted": everything,
        "largest": largest(counted, _errors(counted)),
        "quantities": QUANTITIES,
        "outliers": sum(abs(figure.error) > OUTLIER for figure in counted),
        "outlier": OUTLIER,
        "fitted": compare("fitted", _errors(fitted), "%"),
        "other": compare("other", _errors(other), "%"),
        "held_out": compare("held out", _errors(_of(other, "speed")), "%"),
        "short_tokens": SHORT_TOKENS,
        "short_ms": 1e3 * prefill_s(load_scenario("paper").edge.cost(), SHORT_TOKENS, 0.0),
        "shortest": [_shortest(_of(counted, key)) for key in ("ttft", "prefill")],
        "reasons": reasons,
    }
    comparisons = [
        everything,
        *(compare(name, _errors(_of(counted, key)), "%") for key, name in QUANTITIES.items()),
        compare("KV bytes a token, not counted", _errors(exact), "%"),
    ]
    return Section(data, comparisons, {"latency": _plot(counted)})


def _errors(figures: Sequence[Figure]) -> Floats:
    return np.array([figure.error for figure in figures])


def _of(figures: Sequence[Figure], quantity: str) -> list[Figure]:
    return [figure for figure in figures if figure.quantity == quantity]


def _shortest(figures: Sequence[Figure]) -> tuple[int, list[float]]:
    """Return the fewest new tokens of any figure, and the errors at that length."""
    fewest = min(figure.new_tokens for figure in figures)
    return fewest, [figure.error for figure in figures if figure.new_tokens == fewest]


def _plot(figures: Sequence[Figure]) -> drawn.Figure:
    plot, (axis,) = panels()
    timed = [figure for figure in figures if figure.quantity != "pool"]
    for i, quantity in enumerate(("prefill", "decode", "ttft", "speed")):
        some = _of(timed, quantity)
        axis.plot(
            [figure.published for figure in some],
            100.0 * _errors(some),
            label=f"{QUANTITIES[quantity]}, {some[0].unit}",
            **points(i),
        )
    for error in (-10.0, 0.0, 10.0):
        axis.axhline(error, linestyle=":" if error else "-", color=COLOURS[0], linewidth=0.8)
    axis.set(xscale="log", xlabel="published, ms or tokens/s", ylabel="error of the prediction, %")
    reach = max(30.0, 110.0 * np.abs(_errors(timed)).max())
    axis.set_ylim(-reach, reach)
    axis.legend(frameon=False, fontsize=7, ncols=2)
    return plot

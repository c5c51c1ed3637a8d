"""Gaps within conversations beside a recorded service."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from edgeroute_env.recordings.shapes import Arrivals
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.scenario_files import load_scenario
from validation.drawing import line, panels
from validation.section import LEVELS, Floats, Section, compare, largest, recording

RECORDING = "mooncake_conversation.csv.gz"
PRESET = "mtbench101"  # its follow-up gaps are Mooncake's


def recorded_gaps_s() -> Floats:
    """Return Mooncake's gaps (s) within sessions."""
    return read_recording(Arrivals, recording(RECORDING), {"time_s": "t_s"}).follow_up_gaps_s


def law_of_gaps(preset: str) -> Any:
    """Return a preset's log-normal law of follow-up gaps (s), as one of SciPy's."""
    work = load_scenario(preset).workload
    return stats.lognorm(work.follow_up_sigma, scale=work.follow_up_median_s)


def section() -> Section:
    """Compare the law of gaps with the recorded ones."""
    real, law = recorded_gaps_s(), law_of_gaps(PRESET)
    recorded, generated = np.quantile(real, LEVELS), law.ppf(LEVELS)
    errors = generated / recorded - 1.0
    data = {
        "preset": PRESET,
        "levels": LEVELS,
        "count": real.size,
        "recorded": recorded,
        "law": generated,
        "errors": errors,
        "distance": stats.ks_1samp(real, law.cdf).statistic,
        "largest": largest(LEVELS, errors),
    }
    compared = compare("Gaps within sessions, quantiles", errors, "%")
    return Section(data, [compared], {"gaps": _plot(real, law)})


def _plot(real: Floats, law: Any) -> Figure:
    figure, (axis,) = panels()
    levels = np.linspace(0.005, 0.995, 199)
    curves = {"recorded, Mooncake": np.quantile(real, levels), "log-normal law": law.ppf(levels)}
    for i, (label, gaps_s) in enumerate(curves.items()):
        axis.plot(gaps_s, levels, label=label, **line(i))
    axis.set(xscale="log", xlabel="gap within a session, s", ylabel="share of gaps below")
    axis.legend(frameon=False, fontsize=8)
    return figure

"""How bursty a cell's requests are, beside the Azure conversation trace."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import variation

from edgeroute_env.plotting import COLOURS, LINES, MARKERS
from edgeroute_env.recordings.shapes import Arrivals
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from validation.drawing import line, panels
from validation.generated import traces, with_questions
from validation.measures import index_of_dispersion
from validation.section import Floats, Section, compare, largest, recording

PRESET = "busy-cell"
RECORDING = "azure2023_conv.csv.gz"
REQUESTS_PER_S, REQUESTS = 5.53, 19_366  # the recording's rate and length
WINDOWS_S = (10.0, 60.0)
STATISTICS = ["CV of the gaps", *(f"index of dispersion, {window:g} s" for window in WINDOWS_S)]
PLOTTED_WINDOWS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
SEEDS = range(8)


def busy_cell(requests_per_s: float) -> Scenario:
    """Return the preset `busy-cell` with single questions, `requests_per_s` in all."""
    gap_s = load_scenario(PRESET).device.count / requests_per_s
    fields = {"workload.turns": REQUESTS, "workload.dialogue_gap_mean_s": gap_s}
    return with_questions(PRESET, fields)


def generated_arrivals(scenario: Scenario, seeds: Sequence[int]) -> list[Floats]:
    """Return the arrival times (s) of all phones together, one array a seed."""
    return list(traces(scenario, seeds)["arrival_s"])


def recorded_arrivals() -> Floats:
    """Return the recorded arrival times (s)."""
    return read_recording(Arrivals, recording(RECORDING), {"time_s": "t_s"}).time_s


def burstiness(times_s: Floats) -> Floats:
    """Return the CV of the gaps between arrivals and the indices of dispersion at WINDOWS_S."""
    return np.array([variation(np.diff(times_s), ddof=1), *_dispersion(times_s, WINDOWS_S)])


def section() -> Section:
    """Compare the cell's burstiness with that of the recorded service."""
    scenario, recorded = busy_cell(REQUESTS_PER_S), recorded_arrivals()
    generated = generated_arrivals(scenario, SEEDS)
    real, each = burstiness(recorded), np.array([burstiness(times) for times in generated])
    found, spread = each.mean(axis=0), each.std(axis=0, ddof=1)
    errors = found / real - 1.0
    span_s = sum(times[-1] - times[0] for times in generated)
    data = {
        "preset": scenario.name,
        "phones": scenario.device.count,
        "traces": len(SEEDS),
        "requests": REQUESTS,
        "requests_per_s": sum(times.size - 1 for times in generated) / span_s,
        "recorded": recorded.size,
        "rows": list(zip(STATISTICS, real, found, spread, errors, strict=True)),
        "largest": largest(STATISTICS, errors),
        "windows": int((recorded[-1] - recorded[0]) // WINDOWS_S[-1]),
    }
    plot = _plot({"recorded, Azure": [recorded], scenario.name: generated})
    compared = compare("Burstiness of arrivals (CV and dispersion)", errors, "%")
    return Section(data, [compared], {"arrivals": plot})


def _dispersion(times_s: Floats, windows_s: Sequence[float]) -> list[float]:
    return [index_of_dispersion(times_s, window) for window in windows_s]


def _plot(arrivals: dict[str, list[Floats]]) -> Figure:
    figure, (axis,) = panels()
    for i, (label, samples) in enumerate(arrivals.items()):
        index = np.mean([_dispersion(times, PLOTTED_WINDOWS_S) for times in samples], axis=0)
        look = {**line(i), "marker": MARKERS[i], "markersize": 4}
        axis.plot(PLOTTED_WINDOWS_S, index, label=label, **look)
    axis.axhline(1.0, color=COLOURS[2], linestyle=LINES[3], linewidth=1.0, label="Poisson")
    axis.set(xscale="log", yscale="log", xlabel="window, s", ylabel="index of dispersion of counts")
    axis.legend(frameon=False, fontsize=8)
    return figure

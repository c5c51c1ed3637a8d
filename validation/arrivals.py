"""How bursty a cell's requests are, beside the Azure conversation trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.plotting import COLOURS, LINES, MARKERS
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.recordings.files import read_arrivals
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from validation.generated import traces, with_questions
from validation.section import Comparison, Section, percent, picture, table
from validation.statistics import coefficient_of_variation, index_of_dispersion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
PRESET = "busy-cell"
RECORDING, COLUMNS = "azure2023_conv.csv.gz", {"time_s": "t_s"}
REQUESTS_PER_S, REQUESTS = 5.53, 19_366  # the recording's rate and length
WINDOWS_S = (10.0, 60.0)
PLOTTED_WINDOWS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
SEEDS = range(8)
NAME = "Burstiness of arrivals (CV and dispersion)"


def busy_cell(requests_per_s: float) -> Scenario:
    """Return the preset `busy-cell` with single questions, `requests_per_s` in all."""
    fields: dict[str, Any] = {
        "workload.turns": REQUESTS,
        "workload.dialogue_gap_mean_s": load_scenario(PRESET).device.count / requests_per_s,
    }
    return with_questions(PRESET, fields)


def generated_arrivals(scenario: Scenario, seeds: Sequence[int]) -> list[Floats]:
    """Return the arrival times (s) of all phones together, one array a seed."""
    return list(traces(scenario, seeds)["arrival_s"])


def recorded_arrivals() -> Floats:
    """Return the recorded arrival times (s); InputError where the data folder lacks the file."""
    return read_arrivals(data_file(RECORDING), COLUMNS).time_s


def burstiness(arrivals: Sequence[Floats]) -> Floats:
    """Return the CV of the gaps and the indices of dispersion at WINDOWS_S, means over arrays."""
    found = [
        [coefficient_of_variation(np.diff(times)), *_dispersion(times, WINDOWS_S)]
        for times in arrivals
    ]
    mean: Floats = np.mean(found, axis=0)
    return mean


def section() -> Section:
    """Return the page's section on arrivals."""
    scenario = busy_cell(REQUESTS_PER_S)
    generated = generated_arrivals(scenario, SEEDS)
    found = burstiness(generated)
    spread = np.std([burstiness([times]) for times in generated], axis=0, ddof=1)
    try:
        recorded: list[Floats] = [recorded_arrivals()]
        why = ""
    except InputError:
        recorded, why = [], f"the data folder lacks {RECORDING}"
    real = burstiness(recorded) if recorded else np.full(found.shape, np.nan)
    errors = found / real - 1.0
    names = ["CV of the gaps", *(f"index of dispersion, {window:g} s" for window in WINDOWS_S)]
    rows = [
        (names[i], _told(real[i]), f"{found[i]:.2f}", f"{spread[i]:.2f}",
         percent(errors[i]) if recorded else "")
        for i in range(len(names))
    ]  # fmt: skip
    phones = scenario.device.count
    text = f"""\
Recorded: {
        f"not compared, {why}."
        if why
        else "the Azure conversation trace of 2023, "
        f"{len(recorded[0]):,} requests of a service in about an hour."
    }
Generated: {len(SEEDS)} traces of `{scenario.name}` with {phones} phones that ask single questions,
{REQUESTS:,} requests each, the mean gap set so that the cell asks {_rate(generated):.2f} a second.
The index of dispersion is the variance of the counts in consecutive windows over their mean; a
Poisson process has 1 at every window.

{table(["statistic", "recorded", "generated, mean", "deviation over traces", "error"], rows)}

{picture("arrivals", "Index of dispersion over the window, recorded and generated")}

What is off: {_off(errors, names) if recorded else "unknown without the recording."}
One recorded hour is one sample: its own dispersion at 60 s has {_windows(recorded)} windows to rest
on."""
    compared = Comparison(NAME, errors, "%", why)
    plot = _plot(recorded, generated, scenario.name)
    return Section("Arrivals against a recorded service", text, [compared], {"arrivals": plot})


def _rate(arrivals: Sequence[Floats]) -> float:
    gaps = sum(times.size - 1 for times in arrivals)
    return float(gaps / sum(times[-1] - times[0] for times in arrivals))


def _dispersion(times_s: Floats, windows_s: Sequence[float]) -> list[float]:
    return [index_of_dispersion(times_s, window) for window in windows_s]


def _told(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


def _windows(recorded: list[Floats]) -> int:
    return int((recorded[0][-1] - recorded[0][0]) // WINDOWS_S[-1]) if recorded else 58


def _off(errors: Floats, names: list[str]) -> str:
    worst = int(np.abs(errors).argmax())
    return (
        f"most the {names[worst]} ({percent(errors[worst])}). The deviation and the pace of the "
        "cell's activity were fitted to this recording; one law of shared swings stands for the "
        "many causes of a service's."
    )


def _plot(recorded: list[Floats], generated: list[Floats], name: str) -> Figure:
    from validation.plots import panels

    figure, (axis,) = panels()
    windows = np.array(PLOTTED_WINDOWS_S)
    for i, (label, arrivals) in enumerate((("recorded, Azure", recorded), (name, generated))):
        if arrivals:
            index = np.mean([_dispersion(times, PLOTTED_WINDOWS_S) for times in arrivals], axis=0)
            axis.plot(windows, index, color=COLOURS[i], linestyle=LINES[i], marker=MARKERS[i],
                      markersize=4, label=label)  # fmt: skip
    axis.axhline(1.0, color=COLOURS[2], linestyle=LINES[3], linewidth=1.0, label="Poisson")
    axis.set(xscale="log", yscale="log", xlabel="window, s", ylabel="index of dispersion of counts")
    axis.legend(frameon=False, fontsize=8)
    return figure

"""The SNR of generated traces beside the Irish 5G recordings: distribution and memory."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from edgeroute_env.plotting import MARKERS
from edgeroute_env.recordings.shapes import SnrRuns
from edgeroute_env.recordings.tables import read_recording
from validation.drawing import line, panels
from validation.generated import traces, with_questions
from validation.measures import autocorrelation
from validation.section import LEVELS, Floats, Section, compare, largest, recording

PRESET = "vehicular"
RECORDING = "irish5g_snr.csv.gz"
LAGS_S = (1, 5, 10, 60)
PLOTTED_LAGS_S = (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120)
SEEDS, TURNS = range(200), 1400  # the recorded drives last 1,411 samples on average
DRIVES_M_PER_S = 8.28  # mean of the recorded drives' speed column: 29.8 km/h


class Runs(NamedTuple):
    """Series of SNR (dB), one sample a second."""

    label: str
    series: list[Floats]

    def quantiles(self) -> Floats:
        """Return the quantiles at LEVELS over all samples, in dB."""
        return np.quantile(np.concatenate(self.series), LEVELS)

    def memory(self, lags_s: Sequence[int] = LAGS_S) -> Floats:
        """Return the autocorrelation at lags in seconds; nan where every series is constant."""
        return autocorrelation(self.series, lags_s)

    @property
    def constant(self) -> bool:
        """Return whether no series ever changes."""
        return all(np.ptp(series) == 0.0 for series in self.series)


def recorded_runs(mobility: str) -> Runs:
    """Return the recorded runs of a mobility.

    Successive samples count as one second apart; one in ten is two.
    """
    runs = read_recording(SnrRuns, recording(RECORDING), {"time_s": "t_s"}, {"mobility": mobility})
    starts = np.flatnonzero(np.diff(runs.run)) + 1
    return Runs(f"recorded, {mobility}", np.split(runs.snr_db, starts))


def generated_runs(
    scenario: str, seeds: Sequence[int], overrides: dict[str, Any] | None = None
) -> Runs:
    """Return traces of one phone of the scenario, with a turn each second."""
    every_second = {
        "device.count": 1,
        "workload.turns": TURNS,
        "workload.dialogue_gap_mean_s": 1.0,
        "workload.dialogue_gap_cv": 0.0,
    }
    rows = traces(with_questions(scenario, {**every_second, **(overrides or {})}), seeds)
    return Runs(scenario, list(rows["snr_db"].astype(np.float64)))


def _at(speed_m_per_s: float, label: str) -> Runs:
    """Return the preset's traces at another speed."""
    runs = generated_runs(PRESET, SEEDS, {"radio.speed_m_per_s": speed_m_per_s})
    return runs._replace(label=f"{PRESET}, {label}")


def section() -> Section:
    """Compare the preset's traces, driving and standing, with the recorded runs."""
    recorded, static = recorded_runs("driving"), recorded_runs("static")
    own = generated_runs(PRESET, SEEDS)
    driving = _at(DRIVES_M_PER_S, "30 km/h")
    standing = _at(0.0, "speed 0")
    shown = [recorded, driving, own, static, standing]
    level_errors = driving.quantiles() - recorded.quantiles()
    memory_errors = driving.memory() - recorded.memory()
    data = {
        "preset": PRESET,
        "levels": LEVELS,
        "lags_s": LAGS_S,
        "seeds": len(SEEDS),
        "turns": TURNS,
        "runs": shown,
        "driving": recorded,
        "static": static,
        "standing": standing,
        "worst_level": largest(LEVELS, level_errors),
        "worst_lag_s": largest(LAGS_S, memory_errors),
    }
    comparisons = [
        compare("SNR quantiles, driving", level_errors, "dB"),
        compare("SNR quantiles, standing", standing.quantiles() - static.quantiles(), "dB"),
        compare("SNR autocorrelation, driving", memory_errors, ""),
    ]
    return Section(data, comparisons, {"snr": _plot(shown)})


def _plot(shown: list[Runs]) -> Figure:
    figure, (spread, memory) = panels(2)
    levels = np.linspace(0.01, 0.99, 99)
    for i, runs in enumerate(shown):
        style = {"label": runs.label, "linewidth": 1.2, **line(i)}
        spread.plot(np.quantile(np.concatenate(runs.series), levels), levels, **style)
        if not runs.constant:
            style |= {"marker": MARKERS[i], "markersize": 3.5, "markerfacecolor": "none"}
            memory.plot(PLOTTED_LAGS_S, runs.memory(PLOTTED_LAGS_S), **style)
    spread.set(xlabel="SNR, dB", ylabel="share of samples below")
    memory.set(xscale="log", xlabel="lag, s", ylabel="autocorrelation", ylim=(-0.1, 1.0))
    spread.legend(frameon=False, fontsize=7)
    memory.legend(frameon=False, fontsize=7)
    return figure

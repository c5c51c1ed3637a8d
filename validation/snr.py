"""The SNR of generated traces beside the Irish 5G recordings: distribution and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.plotting import COLOURS, LINES, MARKERS
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.recordings.files import read_snr_runs
from validation.generated import traces, with_questions
from validation.section import Comparison, Section, picture, table
from validation.statistics import autocorrelation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
PRESET = "vehicular"
RECORDING = "irish5g_snr.csv.gz"
LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)
LAGS_S = (1, 5, 10, 60)
PLOTTED_LAGS_S = (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120)
SEEDS, TURNS = range(200), 1400  # the recorded drives last 1,411 samples on average
DRIVES_M_PER_S = 8.28  # mean of the recorded drives' speed column: 29.8 km/h
QUANTILES, MEMORY = "SNR quantiles, driving", "SNR autocorrelation, driving"
STANDING = "SNR quantiles, standing"


class Runs(NamedTuple):
    """Series of SNR (dB), one sample a second."""

    label: str
    series: list[Floats]

    def quantiles(self) -> Floats:
        """Return the quantiles at LEVELS over all samples, in dB."""
        return np.quantile(np.concatenate(self.series), LEVELS)

    def memory(self, lags_s: Sequence[int] = LAGS_S) -> Floats:
        """Return the autocorrelation at lags in seconds."""
        return autocorrelation(self.series, lags_s)


def recorded_runs(mobility: str) -> Runs:
    """Return the recorded runs of a mobility; InputError where the data folder lacks the file.

    Successive samples count as one second apart; one in ten is two.
    """
    runs = read_snr_runs(data_file(RECORDING), {"time_s": "t_s"})
    assert runs.mobility is not None  # the recording has that column
    chosen = runs.mobility == mobility
    starts = np.flatnonzero(np.diff(runs.run[chosen])) + 1
    return Runs(f"recorded, {mobility}", np.split(runs.snr_db[chosen], starts))


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
    return Runs(f"`{scenario}`", list(rows["snr_db"].astype(np.float64)))


def section() -> Section:
    """Return the page's section on SNR."""
    name = PRESET
    own = generated_runs(name, SEEDS)
    driving = generated_runs(name, SEEDS, {"radio.speed_m_per_s": DRIVES_M_PER_S})
    driving = driving._replace(label=f"`{name}`, 30 km/h")
    standing = generated_runs(name, SEEDS, {"radio.speed_m_per_s": 0.0})
    standing = standing._replace(label=f"`{name}`, speed 0")
    try:
        recorded = [recorded_runs("driving"), recorded_runs("static")]
        why = ""
    except InputError:
        recorded, why = [], f"the data folder lacks {RECORDING}"
    shown = [*recorded[:1], driving, own, *recorded[1:], standing]
    heads = ["SNR, dB", *(f"p{100 * level:.0f}" for level in LEVELS)]
    heads += [f"autocorrelation, {lag} s" for lag in LAGS_S]
    text = f"""\
Generated: {len(SEEDS)} traces of one phone of `{name}`, {TURNS:,} turns of one second each, at the
mean speed of the recorded drives (30 km/h), at the preset's own, and at rest. The cell's size,
margin, ceiling and correlation distance were fitted to the drives.
Recorded: {f"not compared, {why}." if why else _recorded_told(recorded)}
The autocorrelation is taken run by run (freed of the run's mean, runs of 300 samples and more) and
its median over the runs is shown, of generated traces by the same function.

{table(heads, map(_row, shown))}

{picture("snr", "SNR: distribution and autocorrelation, recorded and generated")}

What is off: {_off(recorded, driving, standing, name)}"""
    compared = _compared(recorded, driving, standing, why)
    return Section("SNR against recordings", text, compared, {"snr": _plot(shown)})


def _recorded_told(recorded: list[Runs]) -> str:
    driving, static = ([len(runs.series), sum(map(len, runs.series))] for runs in recorded)
    return (
        f"the Irish 5G dataset, {driving[0]} drives ({driving[1]:,} samples) and {static[0]} "
        f"static runs ({static[1]:,}); one sample counts as a second (one in ten lasts two)."
    )


def _compared(recorded: list[Runs], driving: Runs, standing: Runs, why: str) -> list[Comparison]:
    if not recorded:
        units = {QUANTILES: "dB", STANDING: "dB", MEMORY: ""}
        return [Comparison(name, [], unit, why) for name, unit in units.items()]
    moved, still = recorded
    return [
        Comparison(QUANTILES, driving.quantiles() - moved.quantiles(), "dB"),
        Comparison(STANDING, standing.quantiles() - still.quantiles(), "dB"),
        Comparison(MEMORY, driving.memory() - moved.memory(), ""),
    ]


def _off(recorded: list[Runs], driving: Runs, standing: Runs, name: str) -> str:
    if not recorded:
        return "unknown without the recording."
    level = driving.quantiles() - recorded[0].quantiles()
    memory = driving.memory() - recorded[0].memory()
    worst, lag = int(np.abs(level).argmax()), int(np.abs(memory).argmax())
    told = (
        f"`{name}` departs most from the drives at p{100 * LEVELS[worst]:.0f} "
        f"({level[worst]:+.1f} dB) and in the memory at {LAGS_S[lag]} s ({memory[lag]:+.2f}). "
        f"A drive sees several cells, the model one whose mean SNR falls with the distance; their "
        f"handovers cut the lower tail."
    )
    if not np.isfinite(standing.memory()).all():
        told += (
            " A phone that stands still gets one SNR for its whole trace, as only the phone's own "
            "motion changes a generated link; the recorded link of a static phone does change."
        )
    return told


def _row(runs: Runs) -> Sequence[str]:
    memory = [f"{value:.2f}" if np.isfinite(value) else "constant" for value in runs.memory()]
    return (runs.label, *(f"{value:.1f}" for value in runs.quantiles()), *memory)


def _plot(shown: list[Runs]) -> Figure:
    from validation.plots import panels

    figure, (spread, memory) = panels(2)
    levels = np.linspace(0.01, 0.99, 99)
    for i, runs in enumerate(shown):
        style: dict[str, Any] = {"color": COLOURS[i], "linestyle": LINES[i], "linewidth": 1.2}
        style["label"] = runs.label.replace("`", "")
        spread.plot(np.quantile(np.concatenate(runs.series), levels), levels, **style)
        correlation = runs.memory(PLOTTED_LAGS_S)
        if np.isfinite(correlation).all():
            style |= {"marker": MARKERS[i], "markersize": 3.5, "markerfacecolor": "none"}
            memory.plot(PLOTTED_LAGS_S, correlation, **style)
    spread.set(xlabel="SNR, dB", ylabel="share of samples below")
    memory.set(xscale="log", xlabel="lag, s", ylabel="autocorrelation", ylim=(-0.1, 1.0))
    spread.legend(frameon=False, fontsize=7)
    memory.legend(frameon=False, fontsize=7)
    return figure

"""Recorded and generated links: rates and their law from the CQI, and stops of the traffic."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.recordings.shapes import SnrRuns
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.links import STOPPED_KBPS, effective_mhz, efficiency, flows, stop_left_s
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from validation.section import LEVELS, Floats, Section, compare, recording

PRESET = "vehicular"
RECORDING = "irish5g_snr.csv.gz"
COLUMNS = {"time_s": "t_s", "downlink_kbps": "dl_kbps"}
SNR_EDGES_DB = (-100.0, -6.7, 0.0, 10.0, 100.0)
SEEDS = range(400)


class Link(NamedTuple):
    """Stops of one source, and the rate where traffic flows."""

    label: str
    stopped: float  # share of the time
    left_s: Floats  # until traffic returns, at each time in a stop
    rate_mbit_per_s: Floats

    @property
    def mean_left_s(self) -> float:
        """Return the mean time until traffic returns."""
        return float(self.left_s.mean())

    def left_quantiles_s(self) -> Floats:
        """Return the quantiles at LEVELS of the time until traffic returns."""
        return np.quantile(self.left_s, LEVELS)

    def rate_quantiles(self) -> Floats:
        """Return the quantiles at LEVELS of the downlink rate, Mbit/s."""
        return np.quantile(self.rate_mbit_per_s, LEVELS)


class Fit(NamedTuple):
    """The law from CQI to rate, fitted on one half of the runs and held against the other."""

    runs: str
    samples: int
    bandwidth_mhz: float
    median_factor: float  # by how much the rate is missed, up or down, in the median
    upper_factor: float  # in three of four cases
    bias: float  # median of predicted over measured


def recorded_runs(**where: str) -> SnrRuns:
    """Return the recorded runs whose columns hold these values."""
    return read_recording(SnrRuns, recording(RECORDING), COLUMNS, where)


def recorded_link(runs: SnrRuns, label: str) -> Link:
    """Return the link that downloads measure; a sample stands for the middle of its second."""
    assert runs.downlink_kbps is not None
    left_s = stop_left_s(runs)
    told = left_s[np.isfinite(left_s)]
    return Link(
        label, float((told > 0.0).mean()), told[told > 0.0] - 0.5,
        1e-3 * runs.downlink_kbps[flows(runs)],
    )  # fmt: skip


def traced_link(name: str, kind: Any, label: str, seeds: Sequence[int], **where: str) -> Link:
    """Return the link that the turns of a preset's traces meet."""
    table = {"file": RECORDING, "columns": COLUMNS, "where": where}
    scenario = load_scenario(name, {"radio.snr_runs": table})
    rows = Pinned(drawn(scenario, kind), generators(seeds)).rows
    outage_s = rows["outage_s"].astype(np.float64)
    rate = 8e-6 / rows["down_s_per_byte"].astype(np.float64)
    return Link(label, float((outage_s > 0.0).mean()), outage_s[outage_s > 0.0], rate.ravel())


def fitted(runs: SnrRuns, tested: SnrRuns, label: str) -> Fit:
    """Return the law that some runs give, and its error in others."""
    assert tested.cqi is not None
    assert tested.downlink_kbps is not None
    mhz = effective_mhz(runs)
    told = flows(tested) & (tested.cqi > 0.0)
    ratio = mhz * efficiency(tested.cqi[told]) / (1e-3 * tested.downlink_kbps[told])
    median, upper = np.exp(np.quantile(np.abs(np.log(ratio)), [0.5, 0.75]))
    return Fit(label, int(told.sum()), mhz, float(median), float(upper), float(np.median(ratio)))


def halves(runs: SnrRuns) -> list[Fit]:
    """Return the fit on every second download run, held against the others, both ways."""
    downloads = np.unique(runs.run[flows(runs)])
    parts = [runs.taken(np.isin(runs.run, downloads[k::2])) for k in (0, 1)]
    return [
        fitted(parts[0], parts[1], "fitted on even runs, held against odd ones"),
        fitted(parts[1], parts[0], "fitted on odd runs, held against even ones"),
    ]


def stops_by_snr(runs: SnrRuns) -> list[tuple[str, int, float]]:
    """Return, for bins of the logged SNR, the samples told and the share in which traffic stops."""
    left_s = stop_left_s(runs)
    told = np.isfinite(left_s)
    bins = []
    for low, high in itertools.pairwise(SNR_EDGES_DB):
        here = told & (runs.snr_db >= low) & (runs.snr_db < high)
        name = f"{low:g} to {high:g} dB"
        if low == SNR_EDGES_DB[0]:
            name = f"below {high:g} dB"
        elif high == SNR_EDGES_DB[-1]:
            name = f"{low:g} dB and more"
        bins.append((name, int(here.sum()), float((left_s[here] > 0.0).mean())))
    return bins


def section() -> Section:
    """Compare recorded downloads, their replay, and generated traces."""
    runs = recorded_runs()
    assert runs.ping_ms is not None
    driving = recorded_link(recorded_runs(mobility="driving"), "recorded downloads, driving")
    everything = recorded_link(runs, "recorded downloads, all")
    replayed = traced_link("mmlu", "recorded", "replay of them, `mmlu`", SEEDS, app="download")
    paper = traced_link("paper", "synthetic", "generated, `paper`", SEEDS)
    car = traced_link(PRESET, "synthetic", f"generated, `{PRESET}`", SEEDS)
    fits = halves(runs)
    pairs = [(replayed, everything), (paper, everything), (car, driving)]
    shares = [own.stopped / theirs.stopped - 1.0 for own, theirs in pairs]
    means = [own.mean_left_s / theirs.mean_left_s - 1.0 for own, theirs in pairs]
    data = {
        "preset": PRESET,
        "levels": LEVELS,
        "links": [everything, replayed, paper, driving, car],
        "fits": fits,
        "bins": stops_by_snr(runs),
        "stopped_kbps": STOPPED_KBPS,
        "seeds": len(SEEDS),
        "pings": int(np.isfinite(runs.ping_ms).sum()),
        "ping_ms": np.nanquantile(runs.ping_ms, [0.0, 0.5, 0.95]),
        "ping_mean_ms": float(np.nanmean(runs.ping_ms)),
        "car_rate": float(car.rate_quantiles()[2] / driving.rate_quantiles()[2] - 1.0),
    }
    comparisons = [
        compare("share of time in which traffic stops", shares, "%"),
        compare("mean time until traffic returns", means, "%"),
        compare("rate from CQI, held out: factor less 1", [f.median_factor - 1 for f in fits], "%"),
    ]
    return Section(data, comparisons)

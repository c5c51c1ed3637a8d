"""What recorded runs tell of the link: its SNR, its rate, and when traffic stops.

A download uses all of the link. So its throughput is the link's rate, and a second in which hardly
anything comes is a stop. A download pauses for each ping, and the seconds beside a ping tell
nothing. Where nothing is measured, the rate follows from the CQI, by a law that is fitted on what
the same runs measure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.physics.radio import CQI_EFFICIENCY
from edgeroute_env.recordings.shapes import SnrRuns
from edgeroute_env.traces.columns import floats

# One second of a link. Without a rate (0) it follows from the SNR; without an outage (NaN) the
# scenario's law draws it.
LINK = np.dtype(floats("snr_db downlink_mbit_per_s outage_s"))
DOWNLOAD = "download"  # the app that uses all of the link
PAUSE_S = 1.0  # how long before and after a ping a download may pause
STOPPED_KBPS = 10.0  # hardly any sample lies between the 2 kbit/s of an idle app and this
LONGEST_STEP_S = 3.0  # a longer step between samples is a hole in the log, and ends a stop

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def measured(runs: SnrRuns) -> Flags:
    """Return which samples measure the link, shape (n,): a download at work, not at a ping."""
    if runs.app is None or runs.downlink_kbps is None:
        return np.zeros(len(runs), bool)
    at_work: Flags = runs.app == DOWNLOAD
    if runs.ping_ms is not None:
        pinged = np.isfinite(runs.ping_ms)
        for run in np.unique(runs.run[pinged]):
            here = runs.run == run
            pings_s = np.sort(runs.time_s[here & pinged])
            time_s = runs.time_s[here]
            after = np.searchsorted(pings_s, time_s).clip(max=len(pings_s) - 1)
            before = np.searchsorted(pings_s, time_s, side="right").clip(min=1) - 1
            apart_s = np.minimum(abs(pings_s[after] - time_s), abs(time_s - pings_s[before]))
            at_work[here] &= apart_s > PAUSE_S
    return at_work


def flows(runs: SnrRuns) -> Flags:
    """Return which samples measure a rate, shape (n,)."""
    if runs.downlink_kbps is None:
        return np.zeros(len(runs), bool)
    return measured(runs) & (runs.downlink_kbps > STOPPED_KBPS)


def efficiency(cqi: Floats) -> Floats:
    """Return the spectral efficiency (bit/s/Hz) at a CQI, averaged over a second, from 0 to 15."""
    table = [0.0, *CQI_EFFICIENCY]
    return np.asarray(np.interp(cqi, np.arange(len(table)), table))


def effective_mhz(runs: SnrRuns) -> float:
    """Return the median of measured rate over efficiency (MHz); 0 where nothing is measured."""
    if runs.cqi is None or runs.downlink_kbps is None:
        return 0.0
    told = flows(runs) & (runs.cqi > 0.0)
    if not told.any():
        return 0.0
    return float(np.median(1e-3 * runs.downlink_kbps[told] / efficiency(runs.cqi[told])))


def stop_left_s(runs: SnrRuns) -> Floats:
    """Return for how long traffic stays stopped, shape (n,): 0 if it flows, NaN if unknown."""
    left_s = np.full(len(runs), np.nan)
    looked = np.flatnonzero(measured(runs))
    left_s[looked] = 0.0
    still = looked[~flows(runs)[looked]]
    if not still.size:
        return left_s
    # A stop goes on over a ping's pause, but over no sample with traffic.
    later = np.searchsorted(looked, still)
    apart = (
        (np.diff(later) > 1)
        | (np.diff(runs.run[still]) != 0)
        | (np.diff(runs.time_s[still]) > LONGEST_STEP_S)
    )
    last = np.append(apart, True)
    ends_s = runs.time_s[still[last]] + 1.0
    left_s[still] = ends_s[np.cumsum(last) - last] - runs.time_s[still]
    return left_s


def by_second(runs: SnrRuns) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the runs as LINK records, one a second, run after run, and (first, length) of each.

    A second takes the last sample up to it.
    """
    samples = np.zeros(len(runs), LINK)
    samples["snr_db"] = runs.snr_db
    samples["outage_s"] = stop_left_s(runs)
    if runs.cqi is not None and runs.downlink_kbps is not None:
        by_cqi = effective_mhz(runs) * efficiency(np.nan_to_num(runs.cqi))
        rate = np.where(flows(runs), 1e-3 * runs.downlink_kbps, by_cqi)
        samples["downlink_mbit_per_s"] = rate
    series, places, at = [], [], 0
    for run in np.unique(runs.run):
        chosen = np.flatnonzero(runs.run == run)
        time_s = runs.time_s[chosen] - runs.time_s[chosen[0]]
        second = np.arange(int(time_s[-1]) + 1)
        held = np.searchsorted(time_s, second, side="right") - 1
        link = samples[chosen[held]]
        link["outage_s"] = np.maximum(link["outage_s"] - (second - time_s[held]), 0.0)
        series.append(link)
        places.append((at, len(link)))
        at += len(link)
    return np.concatenate(series), np.array(places, np.int64)

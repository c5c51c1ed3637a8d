"""The statistics that the comparisons rest on, each defined once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeroute_env.errors import missing_package

Floats = NDArray[np.float64]
SHORTEST_RUN = 300  # samples; shorter runs hardly tell a correlation over 60


class Interval(NamedTuple):
    """A mean and its confidence interval, in the samples' unit."""

    mean: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Return whether `value` lies in the interval."""
        return self.low <= value <= self.high


def coefficient_of_variation(values: ArrayLike) -> float:
    """Return the standard deviation (ddof = 1) over the mean."""
    samples = np.asarray(values, np.float64)
    return float(samples.std(ddof=1) / samples.mean())


def index_of_dispersion(times_s: ArrayLike, window_s: float) -> float:
    """Return var / mean (ddof = 1) of the counts in consecutive windows from the first arrival.

    A last window that the recording does not fill is left out. A Poisson process gives 1; nan
    where fewer than two windows are filled.
    """
    times = np.asarray(times_s, np.float64)
    since_s = times - times[0]
    windows = int(since_s[-1] // window_s)
    if windows < 2:
        return float("nan")
    counts = np.bincount((since_s // window_s).astype(np.int64))[:windows]
    return float(counts.var(ddof=1) / counts.mean())


def autocorrelation(runs: Iterable[ArrayLike], lags: Sequence[int]) -> Floats:
    """Return the autocorrelation at `lags` (in samples): the median over runs, shape (lags,).

    Each run is freed of its own mean; runs that are constant or shorter than 300 samples are left
    out. nan where none is left.
    """
    found = []
    for run in runs:
        series = np.asarray(run, np.float64)
        if series.size < SHORTEST_RUN or series.size <= max(lags):
            continue
        series = series - series.mean()
        variance = np.mean(series**2)
        if variance > 0.0:
            found.append([np.mean(series[lag:] * series[:-lag]) / variance for lag in lags])
    return np.median(found, axis=0) if found else np.full(len(lags), np.nan)


def batch_means(samples: Floats, batches: int = 25, level: float = 0.95) -> Interval:
    """Return the mean of a stationary, correlated series with its interval by batch means."""
    try:
        from scipy import stats
    except ImportError:
        raise missing_package("scipy", "intervals", "cli") from None
    whole = samples[: samples.size // batches * batches]
    means = whole.reshape(batches, -1).mean(axis=1)
    half = stats.t.ppf(0.5 + level / 2.0, batches - 1) * means.std(ddof=1) / np.sqrt(batches)
    mean = float(means.mean())
    return Interval(mean, mean - float(half), mean + float(half))


def greatest_distance(samples: ArrayLike, others: ArrayLike) -> float:
    """Return the Kolmogorov-Smirnov distance between two samples' distribution functions."""
    a, b = np.sort(np.asarray(samples)), np.sort(np.asarray(others))
    points = np.concatenate([a, b])
    below = [np.searchsorted(x, points, side="right") / x.size for x in (a, b)]
    return float(np.abs(below[0] - below[1]).max())

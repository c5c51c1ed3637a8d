"""The statistics that the comparisons rest on and that SciPy does not have."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from validation.section import Floats

SHORTEST_RUN = 300  # samples; shorter runs hardly tell a correlation over 60
BATCHES = 25


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval, in the samples' unit."""

    mean: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Return whether `value` lies in the interval."""
        return self.low <= value <= self.high


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

    The mean of each run is subtracted first. Runs that are constant or shorter than 300 samples
    are left out. nan where no run is left.
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


def batch_means(samples: Floats) -> Interval:
    """Return the mean of a stationary, correlated series with its interval by batch means."""
    whole = samples[: samples.size // BATCHES * BATCHES]
    means = whole.reshape(BATCHES, -1).mean(axis=1)
    mean = float(means.mean())
    low, high = stats.t.interval(0.95, BATCHES - 1, loc=mean, scale=stats.sem(means))
    return Interval(mean, float(low), float(high))

"""Significance of paired differences when many are tested, and means over training seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import needs

SIGN_FLIPS, RESAMPLES, CONFIDENCE, LEVEL = 4_000, 2_000, 0.95, 0.05
Floats = NDArray[np.float64]


def paired_p(differences: Floats) -> float:
    """Return the two-sided p-value of paired differences having mean 0.

    A sign-flip permutation test: under the hypothesis, either run of a pair might have been the
    other's. The smallest value that it can give is 1 / (SIGN_FLIPS + 1).
    """
    if not np.any(differences):
        return 1.0
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(SIGN_FLIPS, differences.size))
    flipped = np.abs(signs @ differences)
    as_far = np.count_nonzero(flipped >= abs(differences.sum()) * (1.0 - 1e-12))
    return float((1 + as_far) / (SIGN_FLIPS + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for all being tested (Holm, Scand. J. Statist. 1979)."""
    order = np.argsort(p_values, kind="stable")
    count = len(p_values)
    raised = np.array(p_values, float)[order] * (count - np.arange(count))
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(p) for p in adjusted]


def interquartile_mean(scores: NDArray[Any]) -> dict[str, float]:
    """Return the interquartile mean of scores with its 95 % stratified-bootstrap interval.

    The mean of the middle half of all runs (Agarwal et al., NeurIPS 2021, as rliable computes it,
    which this project does without for the packages that it needs). Training seeds are resampled
    task by task; the scores' shape is (training seeds, tasks).
    """
    with needs("interquartile means", "cli"):
        from scipy.stats import trim_mean
    scores = np.asarray(scores, float)
    seeds, tasks = scores.shape
    chosen = np.random.default_rng(0).integers(seeds, size=(RESAMPLES, seeds, tasks))
    drawn = scores[chosen, np.arange(tasks)].reshape(RESAMPLES, -1)
    tail = 0.5 * (1.0 - CONFIDENCE)
    low, high = np.quantile(trim_mean(drawn, 0.25, axis=1), (tail, 1.0 - tail))
    mean = float(trim_mean(scores.ravel(), 0.25))
    return {"mean": mean, "low": float(low), "high": float(high)}

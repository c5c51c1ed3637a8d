"""How good a score is: ranking (AUC), calibration (ECE) and routing (APGR), with intervals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from edgeroute_env.semantic.head import Floats

BINS = 10  # of the reliability diagram and of ECE
TAIL = 0.975  # of two-sided 95 % intervals


def auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return the probability that a case of label 1 scores above one of label 0; ties count half.

    NaN where only one label occurs.
    """
    positive = np.asarray(labels) > 0
    if positive.all() or not positive.any():
        return float("nan")
    return float(roc_auc_score(positive, scores))


def mean_auc(labels: NDArray[Any], scores: NDArray[Any], folds: NDArray[np.int64]) -> float:
    """Return the mean over folds of the AUC within a fold: folds may have shifted scores."""
    values = [auc(labels[folds == k], scores[folds == k]) for k in np.unique(folds)]
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def ece(labels: NDArray[Any], probabilities: Floats) -> float:
    """Return the expected calibration error: the mean gap of the reliability diagram's bins.

    The gap of a bin is between its mean probability and its share of label 1; each counts by its
    cases. The bins are those of scikit-learn's `calibration_curve`.
    """
    place = np.searchsorted(np.linspace(0.0, 1.0, BINS + 1)[1:-1], probabilities)
    return float(np.abs(np.bincount(place, probabilities - labels)).sum() / len(labels))


def apgr(device: Floats, edge: Floats, scores: NDArray[Any]) -> float:
    """Return the average performance gap recovered by sending the highest scores to the edge.

    The mean over shares of edge calls from 0 to 1 of (quality - device's) / (edge's - device's):
    0.5 for random routing, as RouteLLM defines it. NaN where the models do equally well.
    """
    gain = np.asarray(edge, np.float64) - np.asarray(device, np.float64)
    if gain.sum() == 0.0:
        return float("nan")
    _, place, count = np.unique(-np.asarray(scores), return_inverse=True, return_counts=True)
    gain = (np.bincount(place, gain) / count)[place]  # questions of one score go in any order
    recovered = np.cumsum(np.concatenate([[0.0], gain[np.argsort(-scores, kind="stable")]]))
    return float(np.mean(recovered[1:] + recovered[:-1]) / 2.0 / recovered[-1])


def half_width(values: Floats) -> float:
    """Return the half-width of the mean's 95 % interval by Student's t, of two values or more."""
    quantile = stats.t.ppf(TAIL, len(values) - 1)
    return float(quantile * values.std(ddof=1) / np.sqrt(len(values)))


def paired_half_width(labels: Floats, one: Floats, other: Floats) -> float:
    """Return the half-width of the 95 % interval of the difference of two AUCs on one sample.

    By DeLong's method: the AUC is a mean over cases of either label of the share of the other
    label's cases that they are placed right against.
    """
    positive = labels > 0
    parts = []
    for scores in (one, other):
        high, low = scores[positive], scores[~positive]
        parts.append((_share_below(low, high), 1.0 - _share_below(high, low)))
    variance = sum(
        np.var(first - second, ddof=1) / len(first)
        for first, second in zip(parts[0], parts[1], strict=True)
    )
    return float(stats.norm.ppf(TAIL) * np.sqrt(variance))


def _share_below(values: Floats, at: Floats) -> Floats:
    """Return the share of `values` below each of `at`, equal ones counting half."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, at, side="left") + np.searchsorted(ordered, at, side="right")
    return below / (2.0 * len(values))

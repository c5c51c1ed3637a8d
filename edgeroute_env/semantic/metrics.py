"""How good a score is: ranking (AUC), calibration (Brier, ECE) and routing (APGR)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ECE_BINS = 10


def auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return the probability that a case of label 1 scores above one of label 0; ties count half.

    NaN where only one label occurs.
    """
    from sklearn.metrics import roc_auc_score

    positive = np.asarray(labels) > 0
    if positive.all() or not positive.any():
        return float("nan")
    return float(roc_auc_score(positive, scores))


def mean_auc(labels: NDArray[Any], scores: NDArray[Any], folds: NDArray[np.int64]) -> float:
    """Return the mean over folds of the AUC within a fold: folds may have shifted scores."""
    values = [auc(labels[folds == k], scores[folds == k]) for k in np.unique(folds)]
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def brier(labels: NDArray[Any], probabilities: Floats) -> float:
    """Return the mean squared error of the probabilities."""
    return float(np.mean((probabilities - labels) ** 2))


def reliability(labels: NDArray[Any], probabilities: Floats, bins: int = ECE_BINS) -> Floats:
    """Return (mean probability, share of label 1, cases) of every filled bin of equal width."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows = [
        (probabilities[place == k].mean(), np.mean(labels[place == k]), (place == k).sum())
        for k in np.unique(place)
    ]
    return np.array(rows, np.float64)


def ece(labels: NDArray[Any], probabilities: Floats, bins: int = ECE_BINS) -> float:
    """Return the expected calibration error: the mean gap of the reliability diagram's bins."""
    mean, share, cases = reliability(labels, probabilities, bins).T
    return float(np.abs(mean - share) @ cases / cases.sum())


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

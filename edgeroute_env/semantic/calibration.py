"""Calibration on held-out questions: how much text and length count, and the way to probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import missing_package
from edgeroute_env.semantic.head import Floats
from edgeroute_env.semantic.metrics import mean_auc

TEXT_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
# The text must earn its place: half an AUC point of the held-out folds' per unit of its share.
PREFERENCE = 0.005
MIN_SLOPE = 1e-3  # a score that ranks the held-out folds backwards says almost nothing


def mixed(
    labels: NDArray[Any], text: Floats, length: Floats, folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mix (3,): the calibrated logit is mix[0] * text + mix[1] * length + mix[2].

    Shapes (n,); `text` and `length` are logits from parts that did not see the question's fold.
    The share of the text is the one with the best AUC within folds, and a logistic regression on
    the mixture calibrates it (temperature and shift).
    """
    text_scale, length_scale = text.std() or 1.0, length.std() or 1.0

    def at(share: float) -> Floats:
        return share * text / text_scale + (1.0 - share) * length / length_scale

    worth = {
        share: mean_auc(labels, at(share), folds) - PREFERENCE * share for share in TEXT_SHARES
    }
    share = max(TEXT_SHARES, key=lambda value: np.nan_to_num(worth[value]))
    slope, shift = temperature(labels, at(share), folds)
    return np.array([slope * share / text_scale, slope * (1.0 - share) / length_scale, shift])


def temperature(
    labels: NDArray[Any], logits: Floats, folds: NDArray[np.int64]
) -> tuple[float, float]:
    """Return (slope, shift) such that slope * logit + shift is calibrated.

    The slope is found on logits taken relative to their fold's mean: a part that did not see a
    fold has its level set by the other folds, whose labels are the rarer the commoner they are
    here, and that alone would bend the slope down.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise missing_package("scikit-learn", "training a scorer", "bert") from None
    if labels.min() == labels.max():
        rate = (labels.sum() + 0.5) / (len(labels) + 1.0)
        return MIN_SLOPE, float(np.log(rate / (1.0 - rate)))
    level = np.bincount(folds, logits) / np.maximum(np.bincount(folds), 1)
    centred = logits - level[folds]
    fitted = LogisticRegression(C=1e3).fit(centred[:, None], labels)
    slope = max(float(fitted.coef_[0, 0]), MIN_SLOPE)
    return slope, _shift(labels, slope * logits)


def _shift(labels: NDArray[Any], logits: Floats) -> float:
    """Return what makes the mean probability the share of label 1, by bisection."""
    rate, low, high = float(np.mean(labels)), -50.0, 50.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if np.mean(1.0 / (1.0 + np.exp(-(logits + middle)))) < rate:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)

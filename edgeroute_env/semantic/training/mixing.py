"""Calibration on held-out questions: how much text and length count, and the way to probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression

from edgeroute_env.semantic.head import Floats, calibrated, sigmoid

# Which share of the (standardised) logit is the text's unless the questions say otherwise, and the
# deviation of that prior in logits: thousands of questions move it, hundreds hardly do. Chosen on
# GSM8K, where a share fitted freely ranks worse than either part alone.
TEXT_SHARE, PRIOR_DEVIATION = 0.6, 0.05
FREE = 10.0  # the deviation that leaves the mixture's slope to the data
# On unseen groups a logit far from the mean says less than one near it: questions are that far out
# because of what is special to their group, and of an unseen group that is not known. There the
# logit saturates at so many deviations (fitted by likelihood, the data choose 0.5 to 1.4, noisily).
BEND, STRAIGHT = 1.5, 1e6
MIN_SLOPE = 1e-3  # a score that ranks the held-out folds backwards says almost nothing


def fit_mix(
    labels: NDArray[Any],
    text: Floats,
    length: Floats,
    folds: NDArray[np.int64],
    unseen_groups: bool = False,
) -> NDArray[np.float64]:
    """Return the mix (5,) of which `calibrated` makes logits.

    Shapes (n,); `text` and `length` are logits from parts that did not see the question's fold.
    A logistic regression on both, with a prior on the text's share, sets weights and temperature.
    It sees logits relative to their fold's mean: a part that did not see a fold has its level set
    by the other folds, where a label is the rarer the commoner it is here, and that alone would
    bend the weights down. With `unseen_groups`, the folds being of whole groups, the logit also
    saturates, see BEND.
    """
    text_scale, length_scale = text.std() or 1.0, length.std() or 1.0
    if labels.min() == labels.max():
        rate = (labels.sum() + 0.5) / (len(labels) + 1.0)
        return np.array([0.0, 0.0, np.log(rate / (1.0 - rate)), 0.0, STRAIGHT])
    t, g = _centred(text / text_scale, folds), _centred(length / length_scale, folds)
    prior, departure = TEXT_SHARE * t + (1.0 - TEXT_SHARE) * g, t - g
    x = np.stack([FREE * prior, PRIOR_DEVIATION * departure], axis=1)
    slopes = LogisticRegression(max_iter=500).fit(x, labels).coef_[0]
    slope, moved = FREE * slopes[0], PRIOR_DEVIATION * slopes[1]
    of_text = max(TEXT_SHARE * slope + moved, TEXT_SHARE * MIN_SLOPE) / text_scale
    of_length = max((1.0 - TEXT_SHARE) * slope - moved, 0.0) / length_scale
    centre, height = 0.0, STRAIGHT
    if unseen_groups:
        x = of_text * text + of_length * length
        centre, scale = float(x.mean()), float(x.std()) or 1.0
        bent = BEND * np.tanh((x - centre) / (BEND * scale))
        fitted = LogisticRegression(C=FREE**2, max_iter=500).fit(bent[:, None], labels)
        steeper = max(float(fitted.coef_[0, 0]), MIN_SLOPE) / scale
        of_text, of_length, centre = steeper * of_text, steeper * of_length, steeper * centre
        height = BEND * scale * steeper
    mix = np.array([of_text, of_length, 0.0, centre, height])
    mix[2] = _shift(labels, calibrated(mix, text, length))
    return mix


def _centred(logits: Floats, folds: NDArray[np.int64]) -> Floats:
    level = np.bincount(folds, logits) / np.maximum(np.bincount(folds), 1)
    return logits - level[folds]


def _shift(labels: NDArray[Any], logits: Floats) -> float:
    """Return what makes the mean probability the share of label 1."""
    rate = float(np.mean(labels))
    return float(brentq(lambda shift: np.mean(sigmoid(logits + shift)) - rate, -50.0, 50.0))

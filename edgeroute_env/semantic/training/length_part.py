"""The length part: a logistic regression on the features of a prompt's length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edgeroute_env.semantic.head import Floats

LENGTH_PENALTY = 1.0  # ridge on the standardised weights


def length_part(z: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """Return weights (4, o) and biases (o,) of ridge logistic regressions on the lengths.

    `z` are standardised length features, (n, 4); `labels` are 0 or 1, (n, o).
    """
    weights, biases = [], []
    for column in labels.T:
        if column.min() == column.max():
            weights.append(np.zeros(z.shape[1]))
            biases.append(10.0 * (2.0 * column[0] - 1.0))
            continue
        fitted = LogisticRegression(C=1.0 / LENGTH_PENALTY, max_iter=1000).fit(z, column)
        weights.append(fitted.coef_[0])
        biases.append(float(fitted.intercept_[0]))
    return np.stack(weights, axis=1), np.array(biases)


def spread(values: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the mean and deviation of every column, a constant one's deviation as 1."""
    scale = np.asarray(values.std(axis=0), np.float64)
    return np.asarray(values.mean(axis=0), np.float64), np.where(scale > 1e-9, scale, 1.0)

"""Simple scorers to compare with: length alone, words, and nearest neighbours.

Each takes the training part's inputs and labels and returns logits or shares for the test part;
only their order counts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from edgeroute_env.semantic.head import Floats
from edgeroute_env.semantic.training.length_part import length_part, spread

NEIGHBOURS, SHARPNESS = 200, 10.0  # how many count at most, and by exp(SHARPNESS * cosine)
WORDS_PENALTY_INVERSE = 0.3  # the best of .1, .3 and 1 on MMLU


def by_length(train: Floats, labels: Floats, test: Floats) -> Floats:
    """Return logits (m, o) of logistic regressions on the length features, (n, 4) and (m, 4)."""
    mean, scale = spread(train)
    weight, bias = length_part((train - mean) / scale, labels)
    return (test - mean) / scale @ weight + bias


def by_words(train: Sequence[str], labels: Floats, test: Sequence[str]) -> Floats:
    """Return logits (m, o) of logistic regressions on TF-IDF of words and pairs of words."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    x, y = words.fit_transform(train), words.transform(test)
    logits = np.zeros((len(test), labels.shape[1]))
    for k, column in enumerate(labels.T):
        if column.min() < column.max():
            fitted = LogisticRegression(C=WORDS_PENALTY_INVERSE, max_iter=200).fit(x, column)
            logits[:, k] = fitted.decision_function(y)
    return logits


def by_neighbours(train: NDArray[np.float32], labels: Floats, test: NDArray[np.float32]) -> Floats:
    """Return the weighted share of label 1 among the nearest training questions, (m, o).

    Nearness is the cosine of the encoder's vectors; at most a tenth of the questions count.
    """
    count = max(1, min(NEIGHBOURS, len(train) // 10))
    likeness = normalize(test) @ normalize(train).T
    near = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    weight = np.exp(SHARPNESS * np.take_along_axis(likeness, near, axis=1))
    return np.einsum("mk,mko->mo", weight, labels[near]) / weight.sum(1)[:, None]

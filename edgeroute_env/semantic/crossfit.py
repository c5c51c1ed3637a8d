"""Out-of-fold scores: no question is scored by a head that saw its label."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import missing_package
from edgeroute_env.semantic.features import Prepared
from edgeroute_env.semantic.folds import By, folds
from edgeroute_env.semantic.head import Floats
from edgeroute_env.semantic.network import Settings
from edgeroute_env.semantic.questions import Questions
from edgeroute_env.semantic.training import fit

FOLDS = 5
CLUSTERS = 25  # of questions in a table without groups


def out_of_fold(
    questions: Questions,
    inputs: Prepared,
    by: By,
    settings: Settings,
    tell: Callable[[], None] = lambda: None,
) -> tuple[Floats, NDArray[np.int64]]:
    """Return calibrated probabilities (n, pairs, 2) and each question's fold (n,).

    A fold's questions are scored by a head that was trained, stopped, mixed and calibrated on the
    other folds alone. `settings.seed` makes the folds too; `tell` is called after each.
    """
    fold = folds(questions, by, FOLDS, settings.seed)
    scores = np.zeros((len(questions), len(questions.pairs), 2))
    for k in range(FOLDS):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        head = fit(
            questions.take(train),
            Prepared(inputs.text[train], inputs.length[train]),
            about={},
            by=by,
            settings=settings,
        )
        scores[test] = head.probabilities(inputs.text[test], inputs.length[test])
        tell()
    return scores, fold


def with_clusters(questions: Questions, vectors: NDArray[np.float32]) -> Questions:
    """Return questions with their groups or, lacking those, clusters of similar questions."""
    if questions.groups is not None:
        return questions
    try:
        from sklearn.cluster import KMeans
    except ImportError:
        raise missing_package("scikit-learn", "comparing scorers", "bert") from None
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    count = min(CLUSTERS, len(np.unique(unit, axis=0)))
    found = KMeans(count, random_state=0, n_init=3).fit_predict(unit)
    return dataclasses.replace(questions, groups=found.astype(str))

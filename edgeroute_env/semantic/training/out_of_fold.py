"""Out-of-fold scores: no question is scored by a head that saw its label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.semantic.head import OUTPUTS, Floats
from edgeroute_env.semantic.prompt_features import Prepared
from edgeroute_env.semantic.questions import Questions
from edgeroute_env.semantic.scorer_settings import DEFAULT_SETTINGS, By, ScorerSettings
from edgeroute_env.semantic.training.folds import folds
from edgeroute_env.semantic.training.train_head import train_head

FOLDS = 5


def out_of_fold(
    questions: Questions,
    inputs: Prepared,
    by: By = "question",
    settings: ScorerSettings = DEFAULT_SETTINGS,
    tell: Callable[[], None] = lambda: None,
) -> tuple[Floats, NDArray[np.int64]]:
    """Return calibrated probabilities (n, pairs, 2) and each question's fold (n,).

    A fold's questions are scored by a head that was trained, stopped, mixed and calibrated on the
    other folds alone. `settings.seed` makes the folds too; `tell` is called after each.

    Raises:
        InputError: fewer different questions or groups than folds.
    """
    fold = folds(questions, by, FOLDS, settings.seed)
    scores = np.zeros((len(questions), len(questions.pairs), len(OUTPUTS)))
    for k in range(FOLDS):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        known = Prepared(inputs.text[train], inputs.length[train])
        head = train_head(questions.take(train), known, about={}, by=by, settings=settings)
        scores[test] = head.probabilities(inputs.text[test], inputs.length[test])
        tell()
    return scores, fold

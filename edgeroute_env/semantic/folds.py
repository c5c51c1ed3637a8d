"""Splits of questions into folds: by question, or by group so that whole groups are unseen."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.semantic.questions import Questions

By = Literal["question", "group"]


def folds(questions: Questions, by: By, count: int, seed: int) -> NDArray[np.int64]:
    """Return each question's fold, 0 to count - 1, shape (n,); folds are of about equal size.

    Equal texts share a fold, and so do the questions of a group where `by` is "group".

    Raises:
        InputError: there are no groups, or fewer different questions or groups than folds.
    """
    if by == "question":
        units = questions.units()
    elif questions.groups is None:
        raise InputError("by", by, "question; the table has no groups")
    else:
        units = np.unique(questions.groups, return_inverse=True)[1]
    sizes = np.bincount(units)
    if len(sizes) < count:
        raise InputError("questions", len(sizes), f"at least {count} different {by}s")
    generator = np.random.default_rng(seed)
    fold_of, filled = np.zeros(len(sizes), np.int64), np.zeros(count)
    for unit in generator.permutation(len(sizes)):
        # The least filled fold, ties and near-ties in random order.
        fold_of[unit] = np.argmin(filled + generator.random(count))
        filled[fold_of[unit]] += sizes[unit]
    return fold_of[units]

"""Splits of questions into folds: by question, or by group so that whole groups are unseen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from edgeroute_env.errors import InputError
from edgeroute_env.semantic.questions import Questions
from edgeroute_env.semantic.scorer_settings import By


def folds(questions: Questions, by: By, count: int, seed: int) -> NDArray[np.int64]:
    """Return each question's fold, 0 to count - 1, shape (n,).

    Folds hold about equally many different texts, or groups where `by` is "group". Equal texts
    share a fold, and so do the questions of a group where `by` is "group".

    Raises:
        InputError: there are no groups, or fewer different questions or groups than folds.
    """
    if by == "question":
        units = questions.units()
    elif questions.groups is None:
        raise InputError("by", by, "question; the table has no groups")
    else:
        units = np.unique(questions.groups, return_inverse=True)[1]
    different = len(np.unique(units))
    if different < count:
        raise InputError("questions", different, f"at least {count} different {by}s")
    fold = np.zeros(len(units), np.int64)
    splits = GroupKFold(count, shuffle=True, random_state=seed).split(units, groups=units)
    for number, (_, held) in enumerate(splits):
        fold[held] = number
    return fold

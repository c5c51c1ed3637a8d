"""The law of a classifier's score, given whether the large model is needed, as tables.

A calibrated score has two laws, one where the large model is needed and one where it is not. Both
follow from the law over all questions, since a question with score s needs the large model with
probability s. The benchmark gives the shape of that law, on the scale of logits. The shape is
stretched until the AUC is the one asked for. It is shifted until the mean is the rate at which the
large model is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.benchmarks import SCORE_LEVELS, ScoreLaw
from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.lengths import normal_levels

Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_Z = np.linspace(-5.0, 5.0, 641)
_WEIGHT = np.exp(-0.5 * _Z**2) / np.exp(-0.5 * _Z**2).sum()
_STRETCHES = np.geomspace(1e-3, 60.0, 128)  # of a unit shape; AUC .5 to > .999
_HALVINGS = 50


def score_tables(users: Sequence[Scenario]) -> tuple[Floats, NDArray[np.int64]]:
    """Return the tables of scores over the normal argument, and which law each user has.

    Shapes (laws, m benchmarks, 2: large model not needed or needed, z) and (users,).

    Raises:
        InputError: neither the workload nor a benchmark states an AUC.
    """
    asked = [user.workload.drawn_auc for user in users]
    distinct = sorted(set(asked), key=lambda auc: -1.0 if auc is None else auc)
    laws = np.array([distinct.index(auc) for auc in asked], np.int64)
    columns = []
    for entry in users[0].workload.mix:
        about = entry.benchmark
        if about.score is None and None in distinct:
            allowed = f"a number, since {about.name} states no law of scores"
            raise InputError("workload.score_auc", None, allowed)
        law = about.score or ScoreLaw(auc=0.5)  # only the shape counts
        aucs = tuple(law.auc if auc is None else auc for auc in distinct)
        columns.append(_given_need(law.logits, about.need().rate, aucs))
    return np.stack(columns, axis=1), laws


@cache
def _given_need(shape: tuple[float, ...] | None, rate: float, aucs: tuple[float, ...]) -> Floats:
    """Return the scores without and with need, shape (aucs, 2, z)."""
    rate = min(max(rate, 1e-6), 1.0 - 1e-6)
    logits = _unit_logits(shape)
    found = _aucs(_scores(logits, _STRETCHES, rate))
    scores = _scores(logits, np.interp(aucs, found, _STRETCHES), rate)
    levels = normal_levels()
    tables = np.empty((len(aucs), 2, levels.size))
    for table, score in zip(tables, scores, strict=True):
        for needed, weight in enumerate(((1.0 - score) * _WEIGHT, score * _WEIGHT)):
            below = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
            table[needed] = np.interp(levels, below, score)
    return tables


def _unit_logits(shape: tuple[float, ...] | None) -> Floats:
    """Return a shape's logits over the grid, mean 0 and deviation 1; without a shape, normal."""
    if shape is None:
        return _Z
    known = np.array([_NORMAL.inv_cdf(level) for level in SCORE_LEVELS])
    values = np.array(shape)
    logits = np.interp(_Z, known, values)
    for end, step in ((0, 1), (-1, -1)):  # beyond the outermost levels, continue in a straight line
        slope = (values[end + step] - values[end]) / (known[end + step] - known[end])
        beyond = known[0] > _Z if end == 0 else known[-1] < _Z
        logits[beyond] = values[end] + slope * (_Z[beyond] - known[end])
    centred = logits - (_WEIGHT * logits).sum()
    unit: Floats = centred / np.sqrt((_WEIGHT * centred**2).sum())
    return unit


def _scores(logits: Floats, stretches: Floats, rate: float) -> Floats:
    """Return scores (k, z): logits stretched, then shifted until each row's mean is the rate."""
    stretched = np.outer(stretches, logits)
    low = np.full(len(stretches), -1000.0)
    high = -low
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = _sigmoid(stretched + middle[:, None]) @ _WEIGHT < rate
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return _sigmoid(stretched + (0.5 * (low + high))[:, None])


def _aucs(scores: Floats) -> Floats:
    """Return the AUC of each row of ascending calibrated scores, shape (k,)."""
    needed, rest = scores * _WEIGHT, (1.0 - scores) * _WEIGHT
    below = np.cumsum(rest, axis=1) - 0.5 * rest
    aucs: Floats = (needed * below).sum(axis=1) / (needed.sum(axis=1) * rest.sum(axis=1))
    return aucs


def _sigmoid(logits: Floats) -> Floats:
    return 0.5 * (1.0 + np.tanh(0.5 * logits))

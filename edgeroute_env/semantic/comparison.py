"""A scorer beside the simple ones on the same folds, over several seeds, with intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.semantic.baselines import by_length, by_neighbours, by_words
from edgeroute_env.semantic.crossfit import out_of_fold
from edgeroute_env.semantic.features import Prepared
from edgeroute_env.semantic.folds import By
from edgeroute_env.semantic.head import OUTPUTS, Floats, Head
from edgeroute_env.semantic.metrics import apgr, auc, brier, ece, mean_auc, reliability
from edgeroute_env.semantic.network import Settings
from edgeroute_env.semantic.questions import Questions

SIMPLE = ("length", "words", "neighbours")
# Two-sided 95 % quantiles of Student's t by degrees of freedom.
STUDENT = {
    1: 12.706,
    2: 4.303,
    3: 3.182,
    4: 2.776,
    5: 2.571,
    6: 2.447,
    7: 2.365,
    8: 2.306,
    9: 2.262,
}
NORMAL = 1.96


def compare(
    questions: Questions,
    inputs: Prepared,
    vectors: NDArray[np.float32],
    by: By,
    seeds: int,
    settings: Settings,
    tell: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """Return one row of figures a pair and output.

    Args:
        inputs: what the scorer reads.
        vectors: what nearest neighbours are found by, (n, width): sentence embeddings.
        seeds: how many times the questions are split anew; the AUC is the mean over folds.
        tell: called after every fold of the scorer.

    A row holds, for the scorer and each simple one, the mean `auc` over seeds with the half-width
    of its 95 % interval; `gain` over each simple scorer with two 95 % half-widths: over the seeds
    (how far the split and the training matter) and over the questions (DeLong, how far another
    sample of questions would). Calibration is that of all out-of-fold probabilities of a seed.
    """
    labels = questions.labels()
    flat = labels.reshape(len(questions), -1)
    found: dict[str, list[Floats]] = {name: [] for name in ("scorer", *SIMPLE)}
    splits = []
    for seed in range(seeds):
        scores, fold = out_of_fold(
            questions, inputs, by, dataclasses.replace(settings, seed=seed), tell
        )
        found["scorer"].append(scores.reshape(flat.shape))
        for name, values in _simple(questions, inputs, vectors, flat, fold).items():
            found[name].append(values)
        splits.append(fold)
    rows = []
    for k in range(flat.shape[1]):
        pair, output = divmod(k, len(OUTPUTS))
        column = {name: [values[:, k] for values in runs] for name, runs in found.items()}
        figures = _figures(flat[:, k], column, splits)
        first = [
            apgr(questions.device[:, pair], questions.edge[:, pair], values)
            for values in column["scorer"]
        ]
        rows.append(
            {
                "pair": questions.pairs[pair],
                "output": OUTPUTS[output],
                "split": by,
                "questions": len(questions),
                "rate": float(flat[:, k].mean()),
                **figures,
                "apgr": float(np.mean(first)),
            }
        )
    return rows


def tested(head: Head, questions: Questions, inputs: Prepared) -> list[dict[str, Any]]:
    """Return one row of figures a pair and output of a head on questions with labels.

    Raises:
        InputError: the head does not score one of the questions' pairs.
    """
    unknown = [pair for pair in questions.pairs if pair not in head.pairs]
    if unknown:
        raise InputError("head", ", ".join(head.pairs), f"a head that scores {unknown[0]}")
    scores = head.probabilities(inputs.text, inputs.length)
    labels = questions.labels()
    rows = []
    for k, pair in enumerate(questions.pairs):
        for j, output in enumerate(OUTPUTS):
            values, column = scores[:, head.pairs.index(pair), j], labels[:, k, j]
            rows.append(
                {
                    "pair": pair,
                    "output": output,
                    "split": "head",
                    "questions": len(questions),
                    "rate": float(column.mean()),
                    "auc": {"scorer": {"mean": auc(column, values), "over_seeds": 0.0}},
                    "gain": {},
                    "brier": brier(column, values),
                    "ece": ece(column, values),
                    "reliability": reliability(column, values).tolist(),
                    "apgr": apgr(questions.device[:, k], questions.edge[:, k], values),
                }
            )
    return rows


def _simple(
    questions: Questions,
    inputs: Prepared,
    vectors: NDArray[np.float32],
    labels: Floats,
    fold: NDArray[np.int64],
) -> dict[str, Floats]:
    """Return the simple scorers' out-of-fold scores, (n, o) each."""
    scores = {name: np.zeros_like(labels) for name in SIMPLE}
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        known = labels[train]
        scores["length"][test] = by_length(inputs.length[train], known, inputs.length[test])
        words = [[questions.texts[row] for row in rows] for rows in (train, test)]
        scores["words"][test] = by_words(words[0], known, words[1])
        scores["neighbours"][test] = by_neighbours(vectors[train], known, vectors[test])
    return scores


def _figures(
    labels: Floats, runs: Mapping[str, list[Floats]], splits: list[NDArray[np.int64]]
) -> dict[str, Any]:
    aucs = {
        name: np.array([mean_auc(labels, v, f) for v, f in zip(values, splits, strict=True)])
        for name, values in runs.items()
    }
    scorer = runs["scorer"]
    gains = {}
    for name in SIMPLE:
        difference = aucs["scorer"] - aucs[name]
        gains[name] = {
            "mean": float(difference.mean()),
            "over_seeds": _half_width(difference),
            "over_questions": NORMAL * paired_error(labels, _ranked(scorer), _ranked(runs[name])),
        }
    return {
        "auc": {
            name: {"mean": float(values.mean()), "over_seeds": _half_width(values)}
            for name, values in aucs.items()
        },
        "gain": gains,
        "brier": float(np.mean([brier(labels, values) for values in scorer])),
        "ece": float(np.mean([ece(labels, values) for values in scorer])),
        "reliability": reliability(labels, scorer[0]).tolist(),
    }


def _half_width(values: Floats) -> float:
    """Return the half-width of the mean's 95 % interval by Student's t; 0 for one value."""
    if len(values) < 2:
        return 0.0
    quantile = STUDENT.get(len(values) - 1, NORMAL)
    return float(quantile * values.std(ddof=1) / np.sqrt(len(values)))


def _ranked(values: list[Floats]) -> Floats:
    """Return the mean over seeds of the ranks of scores."""
    ranks = [np.unique(scores, return_inverse=True)[1] for scores in values]
    mean: Floats = np.mean(ranks, axis=0)
    return mean


def paired_error(labels: Floats, one: Floats, other: Floats) -> float:
    """Return the standard error of the difference of two AUCs on the same questions.

    By DeLong's method: the AUC is a mean over cases of either label of the share of the other
    label's cases that they are placed right against.
    """
    positive = labels > 0
    parts = []
    for scores in (one, other):
        high, low = scores[positive], scores[~positive]
        parts.append((_share_below(low, high), 1.0 - _share_below(high, low)))
    variance = sum(
        np.var(first - second, ddof=1) / len(first)
        for first, second in zip(parts[0], parts[1], strict=True)
    )
    return float(np.sqrt(variance))


def _share_below(values: Floats, at: Floats) -> Floats:
    """Return the share of `values` below each of `at`, equal ones counting half."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, at, side="left") + np.searchsorted(ordered, at, side="right")
    share: Floats = below / (2.0 * len(values))
    return share

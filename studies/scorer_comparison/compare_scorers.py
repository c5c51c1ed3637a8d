"""A scorer beside the simple ones on the same folds, over several seeds, with intervals."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.cluster import KMeans
from sklearn.metrics import brier_score_loss
from sklearn.preprocessing import normalize

from edgeroute_env.errors import InputError
from edgeroute_env.semantic.head import OUTPUTS, Floats, Head
from edgeroute_env.semantic.prompt_features import Prepared
from edgeroute_env.semantic.questions import Questions
from edgeroute_env.semantic.scorer_settings import DEFAULT_SETTINGS, By
from edgeroute_env.semantic.training.out_of_fold import out_of_fold
from studies.scorer_comparison.score_figures import (
    BINS,
    apgr,
    auc,
    ece,
    half_width,
    mean_auc,
    paired_half_width,
)
from studies.scorer_comparison.simple_scorers import by_length, by_neighbours, by_words

SIMPLE = ("length", "words", "neighbours")
CLUSTERS = 25  # of questions in a table without groups
Figures = dict[str, Any]  # of one pair and output


def compare(
    questions: Questions,
    inputs: Prepared,
    vectors: NDArray[np.float32],
    by: By,
    seeds: int,
    tell: Callable[[], None] = lambda: None,
) -> list[Figures]:
    """Return one row of figures a pair and output.

    The scorer reads `inputs`; nearest neighbours are found by the sentence embeddings `vectors`,
    (n, width). The questions, with groups if `by` is "group", are split anew `seeds` times, 2 or
    more; the AUC is the mean over folds, after each of which `tell` is called.

    A row holds, for the scorer and each simple one, the mean `auc` over seeds with the half-width
    of its 95 % interval; `gain` over each simple scorer with two 95 % half-widths: over the seeds
    (how far the split and the training matter) and over the questions (DeLong, how far another
    sample of questions would). Calibration is that of all out-of-fold probabilities of a seed.
    """
    labels = questions.labels().reshape(len(questions), -1)
    found: dict[str, list[Floats]] = {name: [] for name in ("scorer", *SIMPLE)}
    splits = []
    for seed in range(seeds):
        settings = dataclasses.replace(DEFAULT_SETTINGS, seed=seed)
        scores, fold = out_of_fold(questions, inputs, by, settings, tell)
        found["scorer"].append(scores.reshape(labels.shape))
        for name, values in _simple(questions, inputs, vectors, fold).items():
            found[name].append(values)
        splits.append(fold)
    rows = []
    for pair, output, k in _columns(questions):
        runs = {name: [values[:, k] for values in runs] for name, runs in found.items()}
        rows.append(
            {
                **_named(questions, pair, output, by),
                **_rankings(labels[:, k], runs, splits),
                **_quality(questions, pair, labels[:, k], runs["scorer"]),
            }
        )
    return rows


def tested(head: Head, questions: Questions, inputs: Prepared) -> list[Figures]:
    """Return a row of figures a pair and output; InputError for a pair that it does not score."""
    unknown = [pair for pair in questions.pairs if pair not in head.pairs]
    if unknown:
        raise InputError("head", ", ".join(head.pairs), f"a head that scores {unknown[0]}")
    places = [head.pairs.index(pair) for pair in questions.pairs]
    scores = head.probabilities(inputs.text, inputs.length)[:, places].reshape(len(questions), -1)
    labels = questions.labels().reshape(scores.shape)
    return [
        {
            **_named(questions, pair, output, "head"),
            "auc": {"scorer": {"mean": auc(labels[:, k], scores[:, k]), "over_seeds": 0.0}},
            "gain": {},
            **_quality(questions, pair, labels[:, k], [scores[:, k]]),
        }
        for pair, output, k in _columns(questions)
    ]


def with_clusters(questions: Questions, vectors: NDArray[np.float32]) -> Questions:
    """Return questions with their groups or, lacking those, clusters of similar questions."""
    if questions.groups is not None:
        return questions
    unit = normalize(vectors)
    count = min(CLUSTERS, len(np.unique(unit, axis=0)))
    found = KMeans(count, random_state=0, n_init=3).fit_predict(unit)
    return dataclasses.replace(questions, groups=found.astype(str))


def _columns(questions: Questions) -> Iterator[tuple[int, int, int]]:
    """Yield pair, output and column of flattened labels and scores."""
    for k in range(len(questions.pairs) * len(OUTPUTS)):
        yield *divmod(k, len(OUTPUTS)), k


def _simple(
    questions: Questions,
    inputs: Prepared,
    vectors: NDArray[np.float32],
    fold: NDArray[np.int64],
) -> dict[str, Floats]:
    """Return the simple scorers' out-of-fold scores, (n, o) each."""
    labels = questions.labels().reshape(len(questions), -1)
    scores = {name: np.zeros_like(labels) for name in SIMPLE}
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        known = labels[train]
        scores["length"][test] = by_length(inputs.length[train], known, inputs.length[test])
        words = [[questions.texts[row] for row in rows] for rows in (train, test)]
        scores["words"][test] = by_words(words[0], known, words[1])
        scores["neighbours"][test] = by_neighbours(vectors[train], known, vectors[test])
    return scores


def _named(questions: Questions, pair: int, output: int, split: str) -> Figures:
    return {
        "pair": questions.pairs[pair],
        "output": OUTPUTS[output],
        "split": split,
        "questions": len(questions),
    }


def _rankings(
    labels: Floats, runs: Mapping[str, list[Floats]], splits: list[NDArray[np.int64]]
) -> Figures:
    """Return the AUCs, and how far the scorer's is above the others'."""
    aucs = {
        name: np.array([mean_auc(labels, v, f) for v, f in zip(values, splits, strict=True)])
        for name, values in runs.items()
    }
    ranks = {name: _mean_rank(values) for name, values in runs.items()}
    return {
        "auc": {
            name: {"mean": float(values.mean()), "over_seeds": half_width(values)}
            for name, values in aucs.items()
        },
        "gain": {
            name: {
                "mean": float((aucs["scorer"] - aucs[name]).mean()),
                "over_seeds": half_width(aucs["scorer"] - aucs[name]),
                "over_questions": paired_half_width(labels, ranks["scorer"], ranks[name]),
            }
            for name in SIMPLE
        },
    }


def _quality(questions: Questions, pair: int, labels: Floats, scores: list[Floats]) -> Figures:
    """Return calibration and routing of a scorer, the means over seeds; the diagram of the first.

    `reliability` holds the share of label 1 and the mean probability of every filled bin.
    """
    device, edge = questions.device[:, pair], questions.edge[:, pair]
    share, mean = calibration_curve(labels, scores[0], pos_label=1.0, n_bins=BINS)
    return {
        "rate": float(labels.mean()),
        "brier": float(np.mean([brier_score_loss(labels, p, pos_label=1.0) for p in scores])),
        "ece": float(np.mean([ece(labels, p) for p in scores])),
        "reliability": {"probability": mean.tolist(), "share": share.tolist()},
        "apgr": float(np.mean([apgr(device, edge, p) for p in scores])),
    }


def _mean_rank(values: list[Floats]) -> Floats:
    """Return the mean over seeds of the ranks of scores."""
    ranks = [np.unique(scores, return_inverse=True)[1] for scores in values]
    return np.mean(ranks, axis=0)

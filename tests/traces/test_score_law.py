"""Drawn scores rank and spread as stated, are calibrated, and imply the expected qualities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from edgeroute_env import InputError
from edgeroute_env.benchmarks import SCORE_LEVELS, Benchmark, QuestionBenchmark
from edgeroute_env.semantic.questions import load_recipe, recipe_names
from tests.helpers.drawn import BENCHMARKS, ROUTES, drawn, of, one_benchmark

SCORED = [
    name for name in BENCHMARKS if any(name in load_recipe(r).pairs for r in recipe_names())
]  # by a shipped head


def needed(rows: Any, benchmark: Benchmark) -> Any:
    """Return where only the edge is right, or is better by the judge's margin."""
    if isinstance(benchmark, QuestionBenchmark):
        return (rows["quality_edge"] == 1.0) & (rows["quality_device"] == 0.0)
    lead = 10.0 * (rows["quality_edge"].astype(float) - rows["quality_device"])
    return lead >= benchmark.judge.need_margin


@pytest.mark.parametrize("auc", [0.55, 0.6, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("file", BENCHMARKS)
def test_scores_rank_as_well_as_configured_and_are_calibrated(file: str, auc: float) -> None:
    rows, benchmark = of(file, auc)
    score, label = rows["score"].astype(float), needed(rows, benchmark)
    test = stats.mannwhitneyu(score[label], score[~label])
    assert test.statistic / label.sum() / (~label).sum() == pytest.approx(auc, abs=0.01)
    order = np.argsort(score)
    for part in np.array_split(order, 10):
        assert label[part].mean() == pytest.approx(score[part].mean(), abs=0.02)
    assert label.mean() == pytest.approx(score.mean(), abs=0.004)


@pytest.mark.parametrize("file", BENCHMARKS)
def test_scores_are_spread_as_the_calibration_states(file: str) -> None:
    rows, benchmark = of(file, None)
    law = benchmark.score
    assert law is not None
    score, label = rows["score"].astype(float), needed(rows, benchmark)
    test = stats.mannwhitneyu(score[label], score[~label])
    assert test.statistic / label.sum() / (~label).sum() == pytest.approx(law.auc, abs=0.01)
    logits = np.log(score / (1.0 - score))
    found = np.quantile(logits, SCORE_LEVELS)
    stated = stats.norm.ppf(SCORE_LEVELS) if law.logits is None else np.array(law.logits)
    slope, level = np.polyfit(stated, found, 1)
    assert found == pytest.approx(level + slope * stated, abs=0.05 * logits.std())
    if file in SCORED:  # the shipped scorer's own scores: nothing to stretch or to shift
        assert slope == pytest.approx(1.0, abs=0.2)
        assert 1.0 / (1.0 + np.exp(-found)) == pytest.approx(
            1.0 / (1.0 + np.exp(-stated)), abs=0.03
        )


def test_a_score_without_a_stated_law_needs_an_auc() -> None:
    benchmark = of(SCORED[0])[1].model_dump()
    with pytest.raises(InputError, match=r"workload\.score_auc.*None"):
        drawn(one_benchmark({**benchmark, "score": None}), 1)
    for logits in ([0.0, 1.0], [0.0] * len(SCORE_LEVELS)):
        with pytest.raises(InputError, match="quantiles"):
            one_benchmark({**benchmark, "score": {"auc": 0.6, "logits": logits}})


@pytest.mark.parametrize("file", BENCHMARKS)
def test_expected_qualities_are_the_means_given_the_score(file: str) -> None:
    rows, _ = of(file)
    for part in np.array_split(np.argsort(rows["score"]), 8):
        for route in ROUTES:
            sampled = rows[f"quality_{route}"][part].astype(float).mean()
            expected = rows[f"expected_quality_{route}"][part].astype(float).mean()
            assert sampled == pytest.approx(expected, abs=0.015), route

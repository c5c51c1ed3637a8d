"""Tests of many differences are corrected, and means over seeds are those of the middle half."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgeroute_env.evaluation.statistics import holm, interquartile_mean, paired_p


def test_holm_by_hand() -> None:
    # Ascending .005, .01, .03, .04 times 4, 3, 2, 1; never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_p_values_are_those_of_a_paired_test() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.1, 0.3):
        values = rng.normal(shift, 1.0, 100)
        student = stats.ttest_1samp(values, 0.0).pvalue
        assert paired_p(values) == pytest.approx(student, abs=0.03)
    assert paired_p(np.zeros(10)) == 1.0
    assert paired_p(np.full(50, 0.2)) < 0.001
    assert paired_p(values) == paired_p(values)


def test_under_no_difference_p_values_are_uniform() -> None:
    rng = np.random.default_rng(1)
    found = [paired_p(rng.normal(size=20)) for _ in range(200)]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_the_interquartile_mean_leaves_out_the_outer_quarters() -> None:
    scores = np.array([[100.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, -100.0]])
    found = interquartile_mean(scores)
    assert found["mean"] == pytest.approx(np.mean([2.0, 3.0, 4.0, 5.0]))
    assert found["low"] < found["mean"] < found["high"]
    same = interquartile_mean(np.full((5, 3), 7.0))
    assert same == {"mean": 7.0, "low": 7.0, "high": 7.0}

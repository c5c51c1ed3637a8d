"""The figures that judge a scorer, and the calibration, against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from edgeroute_env.semantic.comparison import paired_error
from edgeroute_env.semantic.features import FEATURES, LENGTH, length_features, shape_features
from edgeroute_env.semantic.head import calibrated, sigmoid
from edgeroute_env.semantic.metrics import apgr, auc, brier, ece, mean_auc


def test_auc_counts_pairs_in_the_right_order_and_ties_half() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 300)
    scores = np.round(generator.normal(size=300) + 0.5 * labels, 1)
    ones, zeros = scores[labels == 1], scores[labels == 0]
    pairs = ones[:, None] - zeros[None]
    assert auc(labels, scores) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    assert np.isnan(auc(np.ones(5), np.arange(5)))


def test_auc_within_folds_ignores_a_shift_between_folds() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    assert mean_auc(labels, scores, np.array([0, 0, 1, 1])) == 1.0
    assert auc(labels, scores) == 0.75


def test_a_calibrated_score_has_no_calibration_error() -> None:
    generator = np.random.default_rng(0)
    p = generator.random(200_000)
    labels = (generator.random(p.size) < p).astype(float)
    assert ece(labels, p) < 0.005
    assert ece(labels, np.clip(p + 0.1, 0, 1)) > 0.05
    assert brier(labels, p) == pytest.approx(1 / 6, abs=0.003)


def test_apgr_is_a_half_at_random_and_rises_with_the_ranking() -> None:
    generator = np.random.default_rng(0)
    device = (generator.random(20_000) < 0.6).astype(float)
    edge = (generator.random(20_000) < 0.9).astype(float)
    assert apgr(device, edge, generator.random(20_000)) == pytest.approx(0.5, abs=0.03)
    assert apgr(device, edge, np.zeros(20_000)) == pytest.approx(0.5)
    assert apgr(device, edge, edge - device) > 0.75


def test_the_paired_error_is_that_of_resampling() -> None:
    generator = np.random.default_rng(0)
    labels = (generator.random(400) < 0.3).astype(float)
    one = generator.normal(size=400) + labels
    other = one + generator.normal(size=400)
    differences = []
    for _ in range(400):
        rows = generator.integers(0, 400, 400)
        differences.append(auc(labels[rows], one[rows]) - auc(labels[rows], other[rows]))
    assert paired_error(labels, one, other) == pytest.approx(np.std(differences), rel=0.15)


def test_the_calibration_recovers_a_known_mixture() -> None:
    pytest.importorskip("sklearn")
    from edgeroute_env.semantic.calibration import mixed

    generator = np.random.default_rng(0)
    text, length = generator.normal(size=(2, 40_000))
    p = sigmoid(1.2 * text + 0.3 * length - 1.0)
    labels = (generator.random(p.size) < p).astype(float)
    mix = mixed(labels, text, length, generator.integers(0, 5, p.size))
    assert mix[:3] == pytest.approx([1.2, 0.3, -1.0], abs=0.06)
    found = sigmoid(calibrated(mix, text, length))
    assert ece(labels, found) < 0.01
    assert np.isfinite(mixed(np.zeros(100), text[:100], length[:100], np.arange(100) % 5)).all()


def test_on_unseen_groups_what_is_extreme_says_less() -> None:
    pytest.importorskip("sklearn")
    from edgeroute_env.semantic.calibration import mixed

    generator = np.random.default_rng(0)
    text, length = generator.normal(size=(2, 40_000))
    labels = (generator.random(text.size) < sigmoid(np.tanh(text))).astype(float)
    fold = generator.integers(0, 5, text.size)
    mixes = [mixed(labels, text, length, fold, unseen_groups=bent) for bent in (False, True)]
    straight, bent = (sigmoid(calibrated(mix, text, length)) for mix in mixes)
    assert ece(labels, bent) < ece(labels, straight) < 0.05
    assert auc(labels, bent) == pytest.approx(auc(labels, straight), abs=0.002)
    assert bent.max() < straight.max()
    assert bent.mean() == pytest.approx(labels.mean(), abs=1e-6)


def test_features_are_finite_for_any_text() -> None:
    texts = [
        "",
        " ",
        "a",
        "数学の問題を解いてください。",
        "1" * 500,
        "٣ + ٤",
        "x" * 100_000,
        "\n\n",
    ]
    shape = shape_features(texts)
    assert shape.shape == (len(texts), len(FEATURES))
    assert np.isfinite(shape).all()
    assert np.isfinite(length_features(texts, np.arange(len(texts)))).all()
    assert length_features([], np.zeros(0, np.int64)).shape == (0, len(LENGTH))
    assert shape_features([]).shape == (0, len(FEATURES))

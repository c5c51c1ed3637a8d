"""The figures that judge a scorer against known answers; the study that reports them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from scipy import stats
from sklearn.calibration import calibration_curve

from edgeroute_env.errors import InputError
from edgeroute_env.semantic.encoder import Encoder
from edgeroute_env.semantic.questions import load_recipe, read_questions
from edgeroute_env.semantic.training.train_head import train_scorer
from studies.scorer_comparison.__main__ import main
from studies.scorer_comparison.compare_scorers import with_clusters
from studies.scorer_comparison.score_figures import (
    apgr,
    auc,
    ece,
    half_width,
    mean_auc,
    paired_half_width,
)
from tests.helpers.made_up_questions import write_questions
from tests.helpers.tiny_scorer import make_encoder


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
    share, mean = calibration_curve(labels, np.clip(p + 0.1, 0, 1), n_bins=10)
    gaps = np.abs(share - mean)  # nine bins of equally many, and the last twice as full
    assert ece(labels, np.clip(p + 0.1, 0, 1)) == pytest.approx(
        (gaps.sum() + gaps[-1]) / 10, abs=0.002
    )


def test_apgr_is_a_half_at_random_and_rises_with_the_ranking() -> None:
    generator = np.random.default_rng(0)
    device = (generator.random(20_000) < 0.6).astype(float)
    edge = (generator.random(20_000) < 0.9).astype(float)
    assert apgr(device, edge, generator.random(20_000)) == pytest.approx(0.5, abs=0.03)
    assert apgr(device, edge, np.zeros(20_000)) == pytest.approx(0.5)
    assert apgr(device, edge, edge - device) > 0.75


def test_the_paired_interval_is_that_of_resampling() -> None:
    generator = np.random.default_rng(0)
    labels = (generator.random(400) < 0.3).astype(float)
    one = generator.normal(size=400) + labels
    other = one + generator.normal(size=400)
    differences = []
    for _ in range(400):
        rows = generator.integers(0, 400, 400)
        differences.append(auc(labels[rows], one[rows]) - auc(labels[rows], other[rows]))
    expected = 1.96 * np.std(differences)
    assert paired_half_width(labels, one, other) == pytest.approx(expected, rel=0.15)


def test_the_interval_over_seeds_is_students() -> None:
    values = np.array([0.61, 0.63, 0.66])
    assert half_width(values) == pytest.approx(4.303 * stats.sem(values), rel=1e-4)


def test_questions_without_groups_are_clustered(tmp_path: Path) -> None:
    recipe = load_recipe(str(write_questions(tmp_path, 60)))
    bare = read_questions(tmp_path / "questions.csv", recipe.model_copy(update={"group": None}))
    centres = np.eye(8, dtype=np.float32)
    groups = with_clusters(bare, np.tile(centres, (8, 1))[:60]).groups
    assert groups is not None
    assert len(set(groups)) == 8
    assert list(groups[:8]) == list(groups[8:16])


def test_the_study_compares_with_simple_scorers_and_tests_a_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    encoder = str(make_encoder(tmp_path / "encoder"))
    recipe = load_recipe(str(write_questions(tmp_path, 90)))
    asked = ["recipe.yaml", "--table", "questions.csv", "--encoder", encoder]
    main([*asked, "--by", "group", "--seeds", "2", "--out", "all.json"])
    row = json.loads(Path("all.json").read_text())[0]
    assert set(row["gain"]) == {"length", "words", "neighbours"}
    assert row["auc"]["scorer"]["mean"] > row["auc"]["length"]["mean"]

    questions = read_questions(Path("questions.csv"), recipe)
    train_scorer(recipe, questions, Encoder(encoder)).save("my.safetensors")
    main([*asked, "--head", "my.safetensors", "--out", "head.json"])
    tested = json.loads(Path("head.json").read_text())
    assert [row["output"] for row in tested] == ["needed", "device_wrong"]
    assert tested[0]["auc"]["scorer"]["mean"] > 0.85
    assert tested[0]["apgr"] > 0.6
    assert Path("head.png").stat().st_size > 1000
    assert "small-large" in capsys.readouterr().out
    with pytest.raises(InputError, match="--overwrite"):
        main([*asked, "--out", "all.json"])

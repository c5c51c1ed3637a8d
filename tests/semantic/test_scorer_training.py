"""A tiny scorer learns separable text, is calibrated, repeats bit for bit and resumes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from edgeroute_env.errors import InputError
from edgeroute_env.semantic import training
from edgeroute_env.semantic.encoder import Encoder
from edgeroute_env.semantic.head import Head, calibrated, sigmoid
from edgeroute_env.semantic.prompt_features import Prepared
from edgeroute_env.semantic.questions import Questions, load_recipe, read_questions
from edgeroute_env.semantic.scorer_settings import DEFAULT_SETTINGS
from edgeroute_env.semantic.training.folds import folds
from edgeroute_env.semantic.training.mixing import fit_mix
from edgeroute_env.semantic.training.out_of_fold import out_of_fold
from edgeroute_env.semantic.training.train_head import read_by, train_head, train_scorer
from edgeroute_env.semantic.training.training_log import TrainingLog
from studies.scorer_comparison.score_figures import auc, ece
from tests.helpers.command_line import Command
from tests.helpers.made_up_questions import EASY, HARD, write_questions
from tests.helpers.tiny_scorer import make_encoder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scorer")
    make_encoder(folder / "encoder")
    write_questions(folder)
    return folder


@pytest.fixture(scope="module")
def questions(place: Path) -> Questions:
    return read_questions(place / "questions.csv", load_recipe(str(place / "recipe.yaml")))


@pytest.fixture(scope="module")
def inputs(place: Path, questions: Questions) -> Prepared:
    return read_by(Encoder(str(place / "encoder")), questions)


def same(one: Head, other: Head) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("hidden_weight", "out_weight", "length_weight", "mix")
    )


def test_out_of_fold_scores_tell_hard_from_easy_and_are_calibrated(
    questions: Questions, inputs: Prepared
) -> None:
    scores, fold = out_of_fold(questions, inputs)
    labels = questions.labels()[:, 0]
    assert set(fold) == set(range(5))
    for k in range(2):
        assert auc(labels[:, k], scores[:, 0, k]) > 0.85
        assert ece(labels[:, k], scores[:, 0, k]) < 0.1


def test_labels_that_no_text_tells_are_not_foretold(questions: Questions, inputs: Prepared) -> None:
    """A head that saw the labels which it scores could tell them: it knows their texts by heart."""
    others = np.random.default_rng(0).permutation(len(questions))
    strangers = Prepared(inputs.text[others], inputs.length[others])
    labels = questions.labels()[:, 0, 0]
    unseen, _ = out_of_fold(questions, strangers)
    head = train_head(questions, strangers, about={}, by="question")
    seen = head.probabilities(strangers.text, strangers.length)
    assert abs(auc(labels, unseen[:, 0, 0]) - 0.5) < 0.1
    assert auc(labels, seen[:, 0, 0]) > 0.62


def stopping_after(epochs: int) -> Callable[[], None]:
    """Return what a log tells after each epoch, and what stops the training after so many."""
    told: list[None] = []

    def tell() -> None:
        told.append(None)
        if len(told) == epochs:
            raise KeyboardInterrupt

    return tell


@pytest.mark.parametrize("epochs", [3, DEFAULT_SETTINGS.epochs + 1])
def test_a_training_repeats_by_its_seed_and_resumes_bit_for_bit(
    place: Path, questions: Questions, tmp_path: Path, epochs: int
) -> None:
    recipe, encoder = load_recipe(str(place / "recipe.yaml")), Encoder(str(place / "encoder"))
    checkpoint = tmp_path / "head.checkpoint"

    def trained(log: TrainingLog | None, seed: int = 0) -> Head:
        settings = replace(DEFAULT_SETTINGS, seed=seed)
        return train_scorer(recipe, questions, encoder, settings=settings, log=log)

    with pytest.raises(KeyboardInterrupt):
        trained(TrainingLog(checkpoint, tell=stopping_after(epochs)))
    with pytest.raises(InputError, match="same data and settings"):
        trained(TrainingLog(checkpoint, resume=True), seed=1)
    epochs_left: list[None] = []
    resumed = trained(TrainingLog(checkpoint, resume=True, tell=lambda: epochs_left.append(None)))
    every_epoch: list[None] = []
    whole = trained(TrainingLog(tell=lambda: every_epoch.append(None)))
    assert len(epochs_left) == len(every_epoch) - epochs
    assert same(whole, resumed)
    assert same(whole, trained(None))
    assert not same(whole, trained(None, seed=1))


def test_a_head_survives_its_file(questions: Questions, inputs: Prepared, tmp_path: Path) -> None:
    head = train_head(questions, inputs, {"encoder": "tiny", "layers": [3]})
    read = Head.load(head.save(tmp_path / "head.safetensors"))
    assert read.pairs == ("small-large",)
    found = read.probabilities(inputs.text, inputs.length)
    assert found == pytest.approx(head.probabilities(inputs.text, inputs.length), abs=1e-3)
    with pytest.raises(InputError, match="--overwrite"):
        head.save(tmp_path / "head.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no head")
    with pytest.raises(InputError, match="safetensors"):
        Head.load(tmp_path / "bad.safetensors")


def test_folds_keep_groups_and_equal_texts_together(questions: Questions) -> None:
    by_group = folds(questions, "group", 3, 0)
    assert questions.groups is not None
    for group in np.unique(questions.groups):
        assert len(set(by_group[questions.groups == group])) == 1
    twice = questions.take(np.concatenate([np.arange(40), np.arange(40)]))
    by_question = folds(twice, "question", 5, 0)
    assert np.array_equal(by_question[:40], by_question[40:])
    assert list(np.bincount(by_question)) == [16] * 5
    assert not np.array_equal(by_question, folds(twice, "question", 5, 1))
    with pytest.raises(InputError, match="at least 9"):
        folds(questions, "group", 9, 0)
    with pytest.raises(InputError, match="no groups"):
        folds(replace(questions, groups=None), "group", 3, 0)


def test_the_command_line_trains_evaluates_and_scores(edgeroute: Command, place: Path) -> None:
    def run(*words: str) -> Any:
        return edgeroute("score", *words)

    table = ("--table", str(place / "questions.csv"))
    encoder = ("--encoder", str(place / "encoder"))
    recipe = str(place / "recipe.yaml")
    trained = run("train", recipe, *table, *encoder, "-o", "my.safetensors", "--quiet")
    assert (trained.code, "small-large" in trained.out) == (0, True), trained.err
    assert [path.name for path in Path().glob("*.checkpoint")] == []
    again = run("train", recipe, *table, *encoder, "-o", "my.safetensors", "--quiet")
    assert (again.code, "--overwrite" in again.err) == (2, True)
    resumed = run("train", recipe, *table, *encoder, "-o", "new.safetensors", "--resume", "--quiet")
    assert (resumed.code, "interrupted" in resumed.err) == (2, True)

    def p(prompt: str) -> float:
        ended = run("text", prompt, "--head", "my.safetensors")
        assert ended.code == 0, ended.err
        return float(ended.out.split("= ")[1][:5])

    assert p(" ".join(HARD) + " 7") > p(" ".join(EASY) + " 7") + 0.3


def test_tensorboard_gets_the_losses_of_every_member(edgeroute: Command, place: Path) -> None:
    pytest.importorskip("tensorboard")
    write_questions(Path(), 80)
    options = ("--table", "questions.csv", "--encoder", str(place / "encoder"), "--epochs", "2")
    words = ("recipe.yaml", *options, "--tensorboard", "curves", "-o", "t.safetensors", "--quiet")
    ended = edgeroute("score", "train", *words)
    assert ended.code == 0, ended.err
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = Path("curves").glob("events.out.tfevents.*")
    found = EventAccumulator(str(events)).Reload()
    for member in range(DEFAULT_SETTINGS.members):
        assert len(found.Scalars(f"member-{member}/validation")) == 2


def test_the_calibration_recovers_a_known_mixture() -> None:
    generator = np.random.default_rng(0)
    text, length = generator.normal(size=(2, 40_000))
    p = sigmoid(1.2 * text + 0.3 * length - 1.0)
    labels = (generator.random(p.size) < p).astype(float)
    mix = fit_mix(labels, text, length, generator.integers(0, 5, p.size))
    assert mix[:3] == pytest.approx([1.2, 0.3, -1.0], abs=0.06)
    found = sigmoid(calibrated(mix, text, length))
    assert ece(labels, found) < 0.01
    assert np.isfinite(fit_mix(np.zeros(100), text[:100], length[:100], np.arange(100) % 5)).all()


def test_on_unseen_groups_what_is_extreme_says_less() -> None:
    generator = np.random.default_rng(0)
    text, length = generator.normal(size=(2, 40_000))
    labels = (generator.random(text.size) < sigmoid(np.tanh(text))).astype(float)
    fold = generator.integers(0, 5, text.size)
    mixes = [fit_mix(labels, text, length, fold, unseen_groups=bent) for bent in (False, True)]
    straight, bent = (sigmoid(calibrated(mix, text, length)) for mix in mixes)
    assert ece(labels, bent) < ece(labels, straight) < 0.05
    assert auc(labels, bent) == pytest.approx(auc(labels, straight), abs=0.002)
    assert bent.max() < straight.max()
    assert bent.mean() == pytest.approx(labels.mean(), abs=1e-6)


@pytest.mark.parametrize("package", ["torch", "sklearn"])
def test_a_missing_package_names_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*edgeroute\[bert\]"):
        importlib.reload(training)

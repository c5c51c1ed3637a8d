"""A tiny scorer learns separable text, is calibrated, repeats bit for bit and resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_env.errors import InputError
from edgeroute_env.semantic.crossfit import out_of_fold, with_clusters
from edgeroute_env.semantic.encoder import Encoder
from edgeroute_env.semantic.features import Prepared, prepared
from edgeroute_env.semantic.folds import folds
from edgeroute_env.semantic.head import Head
from edgeroute_env.semantic.metrics import auc, ece
from edgeroute_env.semantic.network import DEFAULTS, State
from edgeroute_env.semantic.questions import Questions, load_recipe, read_questions
from edgeroute_env.semantic.training import Unwatched, fit
from tests.helpers.command_line import Command
from tests.helpers.tiny_scorer import EASY, HARD, make_encoder, write_questions


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
    seen = Encoder(str(place / "encoder")).encode(questions.texts)
    return prepared(questions.texts, seen.vectors, seen.tokens)


def same(one: Head, other: Head) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("hidden_weight", "out_weight", "length_weight", "mix")
    )


def test_out_of_fold_scores_tell_hard_from_easy_and_are_calibrated(
    questions: Questions, inputs: Prepared
) -> None:
    scores, fold = out_of_fold(questions, inputs, "question", DEFAULTS)
    labels = questions.labels()[:, 0]
    assert set(fold) == set(range(5))
    for k in range(2):
        assert auc(labels[:, k], scores[:, 0, k]) > 0.85
        assert ece(labels[:, k], scores[:, 0, k]) < 0.1


class Interrupted(Unwatched):
    """Stops the training after a number of epochs, and gives back what was saved before."""

    def __init__(self, epochs: int | None, states: dict[int, State]) -> None:
        self.left, self.states = epochs, states

    def start(self, member: int) -> State | None:
        return self.states.get(member)

    def save(self, member: int, state: State) -> None:
        self.states[member] = state
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def test_a_training_repeats_by_its_seed_and_resumes_bit_for_bit(
    questions: Questions, inputs: Prepared
) -> None:
    whole = fit(questions, inputs, {})
    states: dict[int, State] = {}
    with pytest.raises(KeyboardInterrupt):
        fit(questions, inputs, {}, watcher=Interrupted(3, states))
    assert len(states) == 1
    resumed = fit(questions, inputs, {}, watcher=Interrupted(None, states))
    assert same(whole, resumed)
    assert same(whole, fit(questions, inputs, {}))


def test_a_head_survives_its_file(questions: Questions, inputs: Prepared, tmp_path: Path) -> None:
    head = fit(questions, inputs, {})
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
    with pytest.raises(InputError, match="at least 9"):
        folds(questions, "group", 9, 0)


def test_questions_without_groups_are_clustered(questions: Questions, inputs: Prepared) -> None:
    bare = Questions(**{**vars(questions), "groups": None})
    with pytest.raises(InputError, match="no groups"):
        folds(bare, "group", 3, 0)
    clusters = with_clusters(bare, inputs.text[:, :32]).groups
    assert clusters is not None
    assert 5 < len(set(clusters)) <= 25


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
    tested = run("eval", recipe, *table, "--head", "my.safetensors", "-o", "f.json", "--quiet")
    assert tested.code == 0, tested.err
    rows = json.loads(Path("f.json").read_text())
    assert rows[0]["auc"]["scorer"]["mean"] > 0.85
    assert rows[0]["apgr"] > 0.6
    assert Path("f.png").stat().st_size > 1000


def test_comparing_reports_the_simple_scorers_on_the_same_splits(
    edgeroute: Command, place: Path
) -> None:
    write_questions(Path(), 90)
    words = ("eval", "recipe.yaml", "--table", "questions.csv")
    more = ("--encoder", str(place / "encoder"), "--by", "group", "--seeds", "2", "-o", "f.json")
    ended = edgeroute("score", *words, *more, "--quiet")
    assert ended.code == 0, ended.err
    row = json.loads(Path("f.json").read_text())[0]
    assert set(row["gain"]) == {"length", "words", "neighbours"}
    assert row["auc"]["scorer"]["mean"] > row["auc"]["length"]["mean"]


def test_finetuning_saves_its_encoder_beside_the_head(edgeroute: Command, place: Path) -> None:
    write_questions(Path(), 80)
    encoder = ("--encoder", str(place / "encoder"), "--table", "questions.csv")
    words = ("train", "recipe.yaml", *encoder, "--finetune", "--epochs", "2", "-o", "f.safetensors")
    ended = edgeroute("score", *words, "--quiet")
    assert ended.code == 0, ended.err
    assert Path("f.encoder/config.json").is_file()
    assert edgeroute("score", "text", "prove it", "--head", "f.safetensors").code == 0


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
    for member in range(DEFAULTS.members):
        assert len(found.Scalars(f"member-{member}/validation")) == 2

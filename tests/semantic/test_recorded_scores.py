"""Recorded questions take stored scores, which one command makes; an environment trains nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgeroute_env
from edgeroute_baselines.fitted import fingerprint
from edgeroute_env import Trace, load_scenario
from edgeroute_env.errors import InputError
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.semantic import recorded_scores
from edgeroute_env.semantic.questions import Questions, load_recipe, read_questions
from edgeroute_env.semantic.scorer import SHIPPED
from edgeroute_env.semantic.scorer_settings import By
from edgeroute_env.traces.recorded import recorded_law
from tests.helpers.command_line import Command
from tests.helpers.made_up_questions import OVERRIDES, write_outcomes

TRAINING = ("torch", "transformers", "sklearn", "edgeroute_env.semantic.training")
# Steps an environment of every kind of traces; prints which packages for training are loaded.
STEPS = f"""
import json, sys
import gymnasium as gym
import edgeroute_env
scenario, overrides, file = json.loads(sys.argv[1])
for traces in (None, "synthetic", "recorded", file):
    env = gym.make("EdgeRoute-v0", scenario=scenario, overrides=overrides, traces=traces)
    env.reset(seed=0)
    env.step(1)
print([name for name in {TRAINING} if name in sys.modules])
"""


def loaded_by_stepping(scenario: str, overrides: dict[str, None], file: Path) -> str:
    asked = json.dumps([scenario, overrides, str(file)])
    ended = subprocess.run([sys.executable, "-c", STEPS, asked], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def known(name: str) -> Questions:
    """Return the questions of a recipe's table; skip the test where the data folder lacks it."""
    recipe = load_recipe(name)
    try:
        return read_questions(data_file(recipe.file), recipe)
    except InputError:
        pytest.skip("the data folder lacks the table")


@pytest.fixture
def trace_file(rest_trace: Callable[..., Trace], tmp_path: Path) -> Path:
    return rest_trace(100.0 * np.arange(5)).save(tmp_path / "trace.parquet")


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Questions:
    """Let a small table stand in for GSM8K's, and an empty folder for the cache."""
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    monkeypatch.setenv("EDGEROUTE_CACHE", str(tmp_path / "cache"))
    return write_outcomes(tmp_path)


def test_stepping_loads_nothing_that_trains_with_a_table_of_ones_own(
    outcomes: Questions, trace_file: Path
) -> None:
    scores = np.full((len(outcomes), len(outcomes.pairs), 2), 0.25)
    recorded_scores.store_scores(outcomes, "question", scores)
    assert loaded_by_stepping("gsm8k", OVERRIDES, trace_file) == "[]"


def test_stepping_loads_nothing_that_trains_with_the_packaged_scores(
    monkeypatch: pytest.MonkeyPatch, trace_file: Path, tmp_path: Path
) -> None:
    known("mmlu")
    monkeypatch.setenv("EDGEROUTE_CACHE", str(tmp_path / "cache"))
    assert loaded_by_stepping("mmlu", OVERRIDES, trace_file) == "[]"
    assert not (tmp_path / "cache").exists()


def test_missing_scores_are_one_error_and_its_command_makes_them(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tiny_scorer = pytest.importorskip("tests.helpers.tiny_scorer")
    source = str(tiny_scorer.make_encoder(tmp_path / "encoder"))
    monkeypatch.setattr("edgeroute_env.semantic.encoder.encoder_source", lambda name: source)
    monkeypatch.setenv("EDGEROUTE_CACHE", str(tmp_path / "cache"))
    questions = write_outcomes(Path(os.environ["EDGEROUTE_DATA"]))
    scenario = load_scenario("gsm8k", OVERRIDES)
    with pytest.raises(InputError) as told:
        edgeroute_env.EdgeRouteEnv(scenario, traces="recorded")
    found = re.search("`(.*)`", str(told.value))
    assert found is not None
    program, *words = found[1].split()
    assert program == "edgeroute"
    overrides = [word for field in OVERRIDES for word in ("--set", f"{field}=null")]
    make = (
        "trace",
        "make",
        "-s",
        "gsm8k",
        *overrides,
        "--overwrite",
        "-o",
        "trace.csv",
        "--traces",
    )
    auto = edgeroute(*make, "auto")
    assert (auto.code, "synthetic" in auto.out, found[1] in auto.out) == (0, True, True), auto
    assert edgeroute(*make, "recorded").code == 2

    made = edgeroute(*words, "--quiet")
    assert made.code == 0, made.err
    (path,) = (tmp_path / "cache" / "scores").iterdir()
    first = path.read_bytes()
    assert str(path) in made.out
    scores = recorded_law(scenario).recorded[1:]["score"]
    labels = questions.labels()[:, questions.pairs.index("gsm8k-gemma2b-llama70b"), 0]
    assert scores[labels == 1].mean() > scores[labels == 0].mean() + 0.3

    assert "recorded (" in edgeroute(*make, "auto").out

    changed_ns = path.stat().st_mtime_ns
    again = edgeroute(*words, "--quiet")
    assert (again.code, "already" in again.out) == (0, True)
    assert path.stat().st_mtime_ns == changed_ns
    path.write_bytes(first[:100])  # a damaged file counts as none
    with pytest.raises(InputError, match="score recorded"):
        recorded_law(scenario)
    assert edgeroute(*words, "--quiet").code == 0
    assert path.read_bytes() == first


def test_a_folder_that_cannot_be_written_to_is_one_error(
    outcomes: Questions, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="a place to write to"):
        recorded_scores.store_scores(outcomes, "question", np.zeros((len(outcomes), 3, 2)))


def test_scores_that_are_not_asked_for_are_not_needed(outcomes: Questions) -> None:
    scenario = load_scenario("gsm8k", {**OVERRIDES, "workload.mix.0.scores": "drawn"})
    assert np.isnan(recorded_law(scenario).recorded["score"]).all()


def test_a_table_that_no_recipe_covers_is_refused(
    outcomes: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_scores, "recipe_names", lambda: [])
    with pytest.raises(InputError, match=r"workload\.mix\.scores"):
        recorded_law(load_scenario("gsm8k", OVERRIDES))


def test_a_changed_table_needs_scores_and_fits_of_its_own(
    outcomes: Questions, tmp_path: Path
) -> None:
    before = fingerprint(load_scenario("gsm8k", OVERRIDES), "recorded")
    assert before["scores 0"] == recorded_scores.score_key(outcomes, "question")[:16]
    write_outcomes(tmp_path, 121)
    after = fingerprint(load_scenario("gsm8k", OVERRIDES), "recorded")
    assert before["scores 0"] != after["scores 0"]
    assert recorded_scores.stored_scores(outcomes, "question") is None


@pytest.mark.parametrize("name", ["mmlu", "gsm8k"])
def test_the_packaged_recipes_cover_the_recorded_presets(name: str) -> None:
    outcomes = load_scenario(name).workload.mix[0].outcomes
    assert outcomes is not None
    assert recorded_scores.source_of(outcomes.file, outcomes.columns) is not None


def test_unseen_groups_are_the_default_and_their_scores_lie_apart(
    edgeroute: Command, outcomes: Questions
) -> None:
    recipe = load_recipe("mmlu")
    assert recipe.held_out == "group"
    assert load_recipe("gsm8k").held_out == "question"
    scores = np.full((len(outcomes), len(outcomes.pairs), 2), 0.25)
    recorded_scores.store_scores(outcomes, "question", scores)
    assert recorded_scores.stored_scores(outcomes, "group") is None
    told = edgeroute("score", "recorded", "gsm8k", "--by", "group")
    assert told.code == 2
    assert "the table has no groups" in told.err
    in_domain = load_scenario("gsm8k", {**OVERRIDES, "workload.mix.0.scores": "scorer-in-domain"})
    assert (recorded_law(in_domain).recorded["score"][1:] == 0.25).all()


@pytest.mark.parametrize(
    ("name", "by", "least"),
    [("mmlu", "group", 0.585), ("mmlu", "question", 0.63), ("gsm8k", "question", 0.56)],
)
def test_the_known_tables_scores_come_with_the_package(name: str, by: By, least: float) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    questions = known(name)
    scores = recorded_scores.stored_scores(questions, by)
    assert scores is not None
    labels = questions.labels()
    assert scores.shape == labels.shape
    assert ((scores > 0) & (scores < 1) & (scores <= scores[:, :, 1:])).all()
    for pair in range(len(questions.pairs)):
        for output in range(2):
            auc = metrics.roc_auc_score(labels[:, pair, output], scores[:, pair, output])
            assert least < auc < 0.74
    sizes = [path.stat().st_size for path in SHIPPED.glob("*.scores")]
    assert len(sizes) == 3
    assert sum(sizes) < 400_000

"""Recorded questions take out-of-fold scores where the scenario asks for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeroute_env import load_scenario
from edgeroute_env.errors import InputError
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.semantic import crossfit, encoder, recorded_scores
from edgeroute_env.semantic.metrics import auc
from edgeroute_env.semantic.questions import load_recipe, read_questions
from edgeroute_env.traces.recorded import recorded_law
from tests.helpers.tiny_scorer import make_encoder, write_questions

SCORED = {"workload.mix.0.scores": "scorer"}


@pytest.fixture
def mmlu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let a tiny table stand in for MMLU's, and a tiny encoder for the default one."""
    recipe = write_questions(tmp_path, 120)
    found = load_recipe(str(recipe))
    columns = {"prompt_tokens": "answer", "quality_device": "small", "quality_edge": "large"}
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(
        "extends: paper\nname: mine\ndescription: made by a test\nworkload:\n  mix:\n"
        "    - benchmark: mmlu-mistral7b-gpt4\n      share: 1\n"
        f"      outcomes: {{file: questions.csv, columns: {columns}}}\n"
    )
    source = str(make_encoder(tmp_path / "encoder"))
    monkeypatch.setattr(encoder, "encoder_source", lambda name: source)
    monkeypatch.setattr(recorded_scores, "recipe_names", lambda: ["mine"])
    monkeypatch.setattr(recorded_scores, "load_recipe", lambda name: found)
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    monkeypatch.setenv("EDGEROUTE_CACHE", str(tmp_path / "cache"))
    return scenario


def test_recorded_questions_get_scores_out_of_fold_once(
    mmlu: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario(str(mmlu), SCORED)
    recorded = recorded_law(scenario).recorded[1:]
    needed = (recorded["quality_device"] < 0.5) & (recorded["quality_edge"] >= 0.5)
    assert auc(needed, recorded["score"]) > 0.8
    monkeypatch.setattr(crossfit, "out_of_fold", None)  # the second time they are read
    assert np.array_equal(recorded_law(scenario).recorded[1:]["score"], recorded["score"])
    assert np.isnan(recorded_law(load_scenario(str(mmlu))).recorded["score"]).all()


def test_a_table_that_no_recipe_covers_is_refused(
    mmlu: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_scores, "recipe_names", lambda: [])
    with pytest.raises(InputError, match=r"workload\.mix\.scores"):
        recorded_law(load_scenario(str(mmlu), SCORED))


@pytest.mark.parametrize("name", ["mmlu", "gsm8k"])
def test_the_packaged_recipes_cover_the_recorded_presets(name: str) -> None:
    outcomes = load_scenario(name).workload.mix[0].outcomes
    assert outcomes is not None
    assert recorded_scores.source_of(outcomes.file, outcomes.columns) is not None


def known(name: str) -> Path:
    """Return the data folder's table of a recipe; skip the test where there is none."""
    try:
        return data_file(load_recipe(name).file)
    except InputError:
        pytest.skip("the data folder lacks the table")


@pytest.mark.parametrize(("name", "least"), [("mmlu", 0.63), ("gsm8k", 0.56)])
def test_the_known_tables_scores_come_with_the_package(name: str, least: float) -> None:
    questions = read_questions(known(name), load_recipe(name))
    scores = np.load(recorded_scores.SHIPPED / f"scores-{recorded_scores.score_key(questions)}.npy")
    labels = questions.labels()
    assert scores.shape == labels.shape
    assert scores.dtype == np.float32
    assert ((scores > 0) & (scores < 1) & (scores <= scores[:, :, 1:])).all()
    for pair in range(len(questions.pairs)):
        for output in range(2):
            assert least < auc(labels[:, pair, output], scores[:, pair, output]) < 0.74
    sizes = [path.stat().st_size for path in recorded_scores.SHIPPED.glob("scores-*.npy")]
    assert len(sizes) == 2
    assert sum(sizes) < 300_000


READS = """
import sys
from edgeroute_env import load_scenario
from edgeroute_env.traces.recorded import recorded_law
for name in ("mmlu", "gsm8k"):
    scenario = load_scenario(name, {"workload.mix.0.scores": "scorer"})
    scores = recorded_law(scenario).recorded["score"][1:]
    assert len(scores) and ((scores > 0) & (scores < 1)).all()
print(sorted({"torch", "transformers", "sklearn"} & set(sys.modules)))
"""


def test_packaged_scores_are_read_without_the_packages_that_made_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("mmlu", "gsm8k"):
        known(name)
    monkeypatch.setenv("EDGEROUTE_CACHE", str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", READS], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr
    assert list(tmp_path.iterdir()) == []

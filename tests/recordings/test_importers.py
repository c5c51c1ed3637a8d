"""Published formats become recordings, and a bad line is named; files are made here."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.importers import (
    IMPORTERS,
    azure_csv,
    import_files,
    mooncake_jsonl,
    mtbench101_jsonl,
    routellm_csv,
    zeroeval_json,
)
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes

ROUTELLM = (
    "prompt,small-model,large-model\n"
    '"Which is prime?\nA. 4\nB. ""5""\nAnswer:",False,True\n'
    '"Two, or three?\nAnswer:",True,True\n'
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def lines(path: Path, items: list[Any]) -> Path:
    return write(path, "".join(json.dumps(item) + "\n" for item in items))


# --- RouteLLM


def test_routellm_gives_one_outcome_a_row_grouped_by_file(tmp_path: Path) -> None:
    first = write(tmp_path / "mmlu_virology.csv", ROUTELLM)
    second = write(tmp_path / "mmlu_us_law.csv", ROUTELLM)
    outcomes = routellm_csv([first, second])
    assert outcomes.quality_device.tolist() == [0.0, 1.0] * 2
    assert outcomes.quality_edge.tolist() == [1.0, 1.0] * 2
    assert outcomes.group is not None
    assert outcomes.group.tolist() == ["virology"] * 2 + ["us_law"] * 2
    assert outcomes.answer_tokens_edge is None
    swapped = routellm_csv([first], weak="large-model", strong="small-model")
    assert swapped.quality_device.tolist() == [1.0, 1.0]


def test_routellm_estimates_answer_lengths_where_responses_are_published(tmp_path: Path) -> None:
    text = "prompt,a,b,a_response,b_response\nHow many?,True,True,Two.,It is two and not three.\n"
    outcomes = routellm_csv([write(tmp_path / "gsm8k_responses.csv", text)])
    assert outcomes.answer_tokens_device is not None
    assert outcomes.answer_tokens_edge is not None
    assert outcomes.answer_tokens_device[0] < outcomes.answer_tokens_edge[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ROUTELLM + "again?,True,Maybe\n", "line 8.*Maybe"),
        (ROUTELLM + "again?,True\n", "line 8.*fields"),
        (ROUTELLM + "again?,True,True,True\n", "line 8.*fields"),
        ("prompt\nonly\n", "line 2.*two models"),
        ("prompt,a,a\nq,1,0\n", "line 1.*a name for each"),
        ("prompt;a;b\nq;1;0\n", "line 1.*prompt;a;b"),
        ("prompt,a,b\nq,yes,no\n", "line 2.*'yes'.*true or false"),
        ("prompt,a,b\nq,0.5,\n", "line 2.*'0.5'"),
        ("question,a,b\nx,True,True\n", "line 1.*prompt"),
        ("prompt,a,b\n", "no rows"),
        ("", "line 1"),
    ],
)
def test_routellm_names_the_bad_line(text: str, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "mmlu_law.csv", text)
    with pytest.raises(InputError, match=reason) as caught:
        routellm_csv([path])
    assert str(path) in str(caught.value)


def test_routellm_needs_the_same_models_in_every_file(tmp_path: Path) -> None:
    other = write(tmp_path / "mmlu_b.csv", "prompt,x,y\nq,True,True\n")
    with pytest.raises(InputError, match=r"mmlu_b\.csv.*small-model"):
        routellm_csv([write(tmp_path / "mmlu_a.csv", ROUTELLM), other])


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("prompt,small,big", ["Two?,0,1", "Name a prime.,1,1"]),
        (",prompt,small,big", ["0,Two? A. 3 B. 4,False,True", "1,Prime? A. 4 B. 5,True,True"]),
        ("prompt,small,big", ["Two?,false,TRUE", "Prime?,true,true"]),
        ("small,prompt,big", ["0,Two?,True", "1,Prime?,1"]),
        ("Unnamed: 0,,prompt,small,big", ["0,0,Two?,0.0,1.0", "1,1,Prime?,1.0, TRUE"]),
        ("\ufeff prompt, small, big", ["Two?, 0, 1", '"Pri\nme?", 1, 1']),
    ],
)
def test_routellm_truths_and_indexes_as_others_write_them(
    head: str, rows: list[str], tmp_path: Path
) -> None:
    outcomes = routellm_csv([write(tmp_path / "a.csv", "\n".join([head, "", *rows, "", ""]))])
    assert outcomes.quality_device.tolist() == [0.0, 1.0]
    assert outcomes.quality_edge.tolist() == [1.0, 1.0]


def test_routellm_columns_are_named_where_others_stand_beside_them(tmp_path: Path) -> None:
    text = "subject,prompt,small,big\nlaw,Two?,0,1\nart,Prime?,1,0\n"
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(
        InputError, match=r"column subject: got 'law'.*--column quality_device=NAME"
    ):
        routellm_csv([path])
    options = {"--column quality_device": "big", "--column quality_edge": "small"}
    outcomes = import_files("routellm", [path], options)
    assert outcomes.columns()["quality_device"].tolist() == [1.0, 0.0]
    with pytest.raises(InputError, match="no 'large'"):
        import_files("routellm", [path], {**options, "--column quality_edge": "large"})


# --- ZeroEval


def zeroeval(path: Path, outputs: dict[str, Any], gold: str = "# 1,800") -> Path:
    items = [
        {"id": name, "question": "How many eggs?", "answer": gold, "output": [output]}
        for name, output in outputs.items()
    ]
    return write(path, json.dumps(items))


def quality_of(tmp_path: Path, output: str) -> float:
    path = zeroeval(tmp_path / "model.json", {"gsm-0": output})
    return float(zeroeval_json(path, path).quality_device[0])


@pytest.mark.parametrize(
    "answer", ['"1800"', "1800", "1800.0", '"$1,800.00"', '"1,800%"', '"1800 dollars"', '" 1800. "']
)
def test_a_right_answer_is_right_however_it_is_written(answer: str, tmp_path: Path) -> None:
    output = f'{{"reasoning": "9 * 200", "answer": {answer}}}'
    assert quality_of(tmp_path, output) == 1.0
    assert quality_of(tmp_path, f"Sure!\n```json\n{output}\n```") == 1.0


@pytest.mark.parametrize(
    "output",
    [
        '{"reasoning": "x", "answer": "180"}',
        '{"reasoning": "x", "answer": "-1800"}',
        '{"reasoning": "1800", "answer": null}',
        '{"reasoning": "1800"}',
        "1800",
        "",
    ],
)
def test_a_wrong_or_malformed_answer_is_wrong(output: str, tmp_path: Path) -> None:
    assert quality_of(tmp_path, output) == 0.0


def test_zeroeval_joins_two_models_by_question(tmp_path: Path) -> None:
    right, wrong = '{"answer": "1800"}', '{"answer": "2", "reasoning": "a longer text than that"}'
    weak = zeroeval(tmp_path / "weak.json", {"gsm-2": wrong, "gsm-0": right, "gsm-9": right})
    strong = [
        {
            "session_id": name,
            "chat_history": ["How many eggs?"],
            "correct_answer": "1800",
            "output": [right],
        }
        for name in ("gsm-0", "gsm-1", "gsm-2")
    ]
    outcomes = zeroeval_json(weak, write(tmp_path / "strong.json", json.dumps(strong)))
    assert outcomes.quality_device.tolist() == [0.0, 1.0]
    assert outcomes.quality_edge.tolist() == [1.0, 1.0]
    assert outcomes.answer_tokens_device is not None
    assert outcomes.answer_tokens_device[0] > outcomes.answer_tokens_device[1] >= 1


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([{"id": "a", "question": "q", "answer": "# 1"}], "item 0.*no 'output'"),
        ([{"id": "a", "question": "q", "answer": "?", "output": ["1"]}], "item 0.*right answer"),
        ([{"id": "a", "question": "q", "answer": "[6, 2]", "output": ["1"]}], "single number"),
        ([{"id": "a", "question": "q", "answer": True, "output": ["1"]}], "single number"),
        ([{"id": "a", "question": "q", "correct_answer": "B", "output": ["B"]}], "letters"),
        ([{"id": "a", "question": 3, "answer": "# 1", "output": ["1"]}], "question.*a text"),
        ([{"id": "a", "question": "q", "answer": "# 1", "output": [["1"]]}], "output.*a text"),
        ([{"id": "a", "question": "q", "answer": "# 1", "output": []}], "output.*a text"),
        ([{"id": "a", "question": "q", "answer": "# 1", "output": ["1"]}] * 2, "item 1.*second"),
        (["text"], "item 0"),
        ({"a": 1}, "list"),
        ([], "no question in common"),
    ],
)
def test_zeroeval_names_the_bad_item(items: Any, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.json", json.dumps(items))
    with pytest.raises(InputError, match=reason) as caught:
        zeroeval_json(path, path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["[{", "[" * 100_000, '{"a": ' * 100_000])
def test_zeroeval_refuses_a_file_that_is_not_json(text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.json", text)
    with pytest.raises(InputError, match=r"model\.json.*JSON list"):
        zeroeval_json(path, path)


# --- MT-Bench-101


@pytest.mark.parametrize("name", ["mtbench101.jsonl", "mtbench101.jsonl.gz"])
def test_mtbench101_gives_one_row_a_turn(name: str, tmp_path: Path) -> None:
    said = {"user": "Who is taller?", "bot": "B."}
    items = [
        {"task": "GR", "id": 9, "history": [said] * 3},
        {"task": "SI", "id": 1, "history": [said]},
    ]
    text = "".join(json.dumps(item) + "\n" for item in items).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    dialogues = mtbench101_jsonl(path)
    assert dialogues.task.tolist() == ["GR"] * 3 + ["SI"]
    assert dialogues.dialogue.tolist() == [0, 0, 0, 1]
    assert dialogues.turn.tolist() == [1, 2, 3, 1]
    assert (dialogues.prompt_tokens > dialogues.answer_tokens).all()


def test_mtbench101_skips_blank_lines(tmp_path: Path) -> None:
    said = json.dumps({"task": "GR", "id": 1, "history": [{"user": "hi", "bot": "hello"}]})
    path = write(tmp_path / "m.jsonl", f"\n{said}\n   \n\t\n{said}\n\n")
    assert mtbench101_jsonl(path).dialogue.tolist() == [0, 1]


@pytest.mark.parametrize(
    "bad",
    [
        '{"task": "GR", "id": 1, "history": []}',
        '{"task": "GR", "id": 1, "history": [{"user": "a"}]}',
        '{"task": "GR", "id": 1, "history": [{"user": "a", "bot": null}]}',
        '{"id": 1, "history": [{"user": "a", "bot": "b"}]}',
        "[1]",
        '{"task"',
        '{"task": "GR", "id": 1, "history": "abc"}',
        "[" * 100_000,
    ],
)
def test_mtbench101_names_the_bad_line(bad: str, tmp_path: Path) -> None:
    good = json.dumps({"task": "GR", "id": 0, "history": [{"user": "a", "bot": "b"}]})
    path = write(tmp_path / "m.jsonl", f"{good}\n{bad}\n")
    with pytest.raises(InputError, match=r"m\.jsonl, line 2"):
        mtbench101_jsonl(path)


# --- Azure

AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 23:59:59.7500000,374,44\r\n"
    "2023-11-17 00:00:00.0000009,396,109\r\n"
    "2023-11-17 00:01:00.0000000,879,55\r\n"
)


def test_azure_counts_seconds_from_the_first_request(tmp_path: Path) -> None:
    arrivals = azure_csv(write(tmp_path / "azure.csv", AZURE))
    np.testing.assert_allclose(arrivals.time_s, [0.0, 0.25, 60.25], atol=2e-6)
    assert arrivals.session is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (AZURE + "yesterday,1,1\r\n", "line 5.*yesterday"),
        (AZURE + "2023-11-17 00:02:00+00:00,1,1\r\n", "line 5"),
        (AZURE + "2023-11-16 00:00:00,1,1\r\n", "time_s, row 3"),
        ("TIMESTAMP,ContextTokens\n2023-11-16 18:15:46,1\n", "GeneratedTokens"),
    ],
)
def test_azure_names_the_bad_line(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        azure_csv(write(tmp_path / "azure.csv", text))
    assert "azure.csv" in str(caught.value)


# --- All of them

MOONCAKE = {"timestamp": 0, "input_length": 600, "output_length": 9, "hash_ids": [0, 1]}


def test_every_format_has_an_importer_of_a_list_of_files(tmp_path: Path) -> None:
    said = [{"user": "a", "bot": "b"}]
    answers = zeroeval(tmp_path / "m.json", {"a": '{"answer": 1}'})
    files: dict[str, tuple[list[Path], type]] = {
        "routellm": ([write(tmp_path / "mmlu_law.csv", ROUTELLM)], Outcomes),
        "zeroeval": ([answers, answers], Outcomes),
        "mtbench101": ([lines(tmp_path / "a.jsonl", [{"task": "A", "history": said}])], Dialogues),
        "azure": ([write(tmp_path / "azure.csv", AZURE)], Arrivals),
        "mooncake": ([lines(tmp_path / "b.jsonl", [MOONCAKE])], Arrivals),
    }
    assert files.keys() == IMPORTERS.keys()
    for name, (paths, kind) in files.items():
        assert isinstance(import_files(name, paths, {}), kind)
        with pytest.raises(InputError, match="files"):
            import_files(name, [], {})
        with pytest.raises(InputError, match="speed"):
            import_files(name, paths, {"speed": 3})
    with pytest.raises(InputError, match="one of routellm"):
        import_files("csv", [], {})


@pytest.mark.parametrize("importer", [azure_csv, mtbench101_jsonl, mooncake_jsonl])
def test_a_missing_or_damaged_file_is_one_error(
    importer: Callable[[Path], Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="absent"):
        importer(tmp_path / "absent.jsonl")
    path = tmp_path / "damaged.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * 100)[:-9])
    with pytest.raises(InputError, match="damaged"):
        importer(path)
    path = tmp_path / "bytes.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="bytes"):
        importer(path)

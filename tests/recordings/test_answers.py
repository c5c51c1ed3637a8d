"""A model's answer is found however it is written, and only a single number is graded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.answers import answer_of, first_number, only_number
from edgeroute_env.recordings.importers import zeroeval_json

FENCED = '```json\n{\n "reasoning": "so \\(9 \\times 2 = 18\\)",\n "answer": "18"\n}\n```'

EIGHTEEN = {
    "strict": '{"reasoning": "r", "answer": "18"}',
    "fenced": "```json\n" + '{"reasoning": "r",\n "answer": "18"}' + "\n```",
    "latex": FENCED,
    "latex in braces": '{"reasoning": "\\(\\frac{36}{2}\\)", "answer": "18"}',
    "no comma": '{"reasoning": "r"\n "answer": "18"}',
    "no end": '{"reasoning": "r", "answer": "18',
    "set after it": '{"reasoning": "r", "answer": "18"} (a set {1,2})',
    "set before it": 'With {1, 2}: {"reasoning": "r", "answer": "18"}',
    "single quotes": "{'reasoning': 'r', 'answer': '18'}",
    "backticks": '{"reasoning": "r", `answer`: `18`}',
    "escaped quotes": '{"reasoning": "r", \\"answer\\": \\"18\\"}',
    "curly quotes": "{“reasoning”: “r”, “answer”: “18”}",
    "quote inside": '{"reasoning": "he said "go"", "answer": "18"}',
    "line breaks": '{"reasoning": "one\ntwo", "answer": "18"}',
    "dollars": '{"reasoning": "r" "answer": "$18.00"}',
    "latex number": '{"reasoning": "r" "answer": "\\$18"}',
    "units": '{"reasoning": "r" "answer": 18 apples}',
    "dictionary": '{"reasoning": "r", "answer": {"apples": 18}}',
    "ratio": '{"reasoning": "r", "answer": "36/2"}',
    "template first": '{"reasoning": "___" "answer": "___"} then {"answer": "18}',
    "another after it": '{"answer": "18"}\n## Question 2\n{"answer": "7"}',
    "prose": "Nine and nine.\n\nAnswer: 18",
    "prose in bold": "The final **answer** is **18**.",
    "boxed": "So the result is $\\boxed{18}$.",
}


@pytest.mark.parametrize("output", EIGHTEEN.values(), ids=EIGHTEEN)
def test_an_answer_is_found(output: str) -> None:
    found = answer_of(output)
    assert found is not None
    assert first_number(found) == 18.0


@pytest.mark.parametrize("output", ["", "18", "I do not know.", '{"reasoning": "18"}', "{" * 5000])
def test_an_output_without_an_answer_has_none(output: str) -> None:
    assert answer_of(output) is None


@pytest.mark.parametrize(
    ("gold", "number"),
    [("# 1,800", 1800.0), ("-3.5 %", -3.5), (18, 18.0), ("1/2", 0.5), ("$7", 7.0), ("1e3", 1000.0)],
)
def test_a_right_answer_is_one_number(gold: Any, number: float) -> None:
    assert only_number(gold) == number


@pytest.mark.parametrize("gold", ["[6, 2, 4]", "B", "", "3 of 4", None, True, [18], "24 and 7"])
def test_a_right_answer_of_no_or_several_numbers_is_none(gold: Any) -> None:
    assert only_number(gold) is None


def answers(path: Path, outputs: list[Any], gold: Any = "# 18") -> Path:
    items = [
        {"id": f"q{k}", "question": "How many?", "answer": gold, "output": output}
        for k, output in enumerate(outputs)
    ]
    path.write_text(json.dumps(items))
    return path


def test_the_share_without_an_answer_is_told(tmp_path: Path) -> None:
    weak = answers(tmp_path / "weak.json", [["no idea"], [FENCED], ["Answer: 7"], [FENCED]])
    strong = answers(tmp_path / "strong.json", [[FENCED]] * 4)
    outcomes = zeroeval_json(weak, strong)
    assert outcomes.quality_device.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert outcomes.notes[0].endswith(
        "weak.json: 50.00 % right; no answer found in 1 of 4 outputs (25.00 %), counted as wrong"
    )
    assert "100.00 % right; no answer found in 0 of 4" in outcomes.notes[1]


def test_an_output_may_be_a_text_of_its_own(tmp_path: Path) -> None:
    path = answers(tmp_path / "m.json", ['{"answer": "18"}'])
    outcomes = zeroeval_json(path, path)
    assert outcomes.quality_device.tolist() == [1.0]
    assert outcomes.answer_tokens_device is not None
    assert outcomes.answer_tokens_device[0] > 3  # not the first letter alone


@pytest.mark.parametrize("gold", ["[6, 2, 4]", "B", "(3, 4)", "yes"])
def test_files_whose_answers_are_no_numbers_are_told_so(gold: str, tmp_path: Path) -> None:
    path = answers(tmp_path / "m.json", ['{"answer": "18"}'], gold)
    with pytest.raises(InputError, match=r"item 0: the right answer.*one single number.*letters"):
        zeroeval_json(path, path)

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
    "boxed fraction": "So $\\boxed{\\frac{36}{2}}$.",
    "boxed with a unit": "\\boxed {18\\text{ apples}}",
    "trailing comma": '{"reasoning": "r", "answer": 18,}',
    "list": '{"answer": ["18 apples"]}',
    "twice": '{"answer": "7", "answer": "18"}',
    "nested": '{"result": {"answer": "18"},,}',
    "capitals": '{"Reasoning": "r", "Final Answer": "18"}',
    "final_answer": "{'final_answer': 18}",
    "GSM8K's own": "Nine and nine.\n#### 18",
    "XML": "<reasoning>r</reasoning><answer>18</answer>",
    "should be": "Therefore, the answer should be 18.",
    "other digits": '{"answer": "１８"}',
    "LaTeX percent": '{"answer": "18\\%"}',
    "comment": '{"reasoning": "r", // why\n "answer": 18 // apples\n}',
}


@pytest.mark.parametrize("output", EIGHTEEN.values(), ids=EIGHTEEN)
def test_an_answer_is_found(output: str) -> None:
    found = answer_of(output)
    assert found is not None
    assert first_number(found) == 18.0


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        *[(f"{minus}18", -18.0) for minus in ("-", "−", "–", "－", "- ", "-$", "$-")],
        *[(f"1{mark}800", 1800.0) for mark in (",", " ", "\u202f", "\u00a0", "_", "{,}", "\\,")],
        *[("1,800,000.5", 1800000.5), ("€1,800", 1800.0), ("18, 20", 18.0), ("1.8e3", 1800.0)],
        *[(half, 0.5) for half in ("1/2 cup", "x = 1/2", "½", "\\frac{1}{2}", "\\dfrac12", ".5")],
        *[("\frac{1}{2}", 0.5), ("-\\frac{1}{2}", -0.5), ("\\frac{-1}{2}", -0.5)],  # JSON's \f
        *[(mixed, 1.5) for mixed in ("1 1/2", "1½", "1\\frac{1}{2}")],
        *[("9 * 2 = 18", 9.0), ("36/2 = 18", 36.0), ("105 / 0.25 = 420", 105.0)],  # as published
        *[("1.8 \\times 10^{3}", 1800.0), ("3 / 0", None), ("eighteen", None), ("", None)],
    ],
)
def test_a_number_is_read_however_it_is_written(answer: str, number: float | None) -> None:
    assert first_number(answer) == number


@pytest.mark.parametrize("output", ["", "18", "I do not know.", '{"reasoning": "18"}', "{" * 5000])
def test_an_output_without_an_answer_has_none(output: str) -> None:
    assert answer_of(output) is None


@pytest.mark.parametrize(
    ("gold", "number"),
    [
        *[("# 1,800", 1800.0), ("-3.5 %", -3.5), (18, 18.0), ("1/2", 0.5), ("$7", 7.0)],
        *[("1e3", 1000.0), ("- 18", -18.0), ("−18", -18.0), ("18 apples", 18.0), ("1 1/2", 1.5)],
        *[("\\frac{3}{4}", 0.75), ("\\boxed{18}", 18.0), ("x = 18", 18.0), ("\\$18", 18.0)],
    ],
)
def test_a_right_answer_is_one_number(gold: Any, number: float) -> None:
    assert only_number(gold) == number


@pytest.mark.parametrize(
    "gold",
    [
        *["[6, 2, 4]", "[600,200]", "[600 200]", "{1,800}", "(B) 12", "B2", "C3PO", "B", "", "#"],
        *["3 of 4", "24 and 7", "18-20", "6:30", "1.2.3", "2023-11-16", "600 200", "3 / 0"],
        *["10^3", "2\\sqrt{3}", "\\sqrt{5}", "2\\pi", "5!", "1e400", "9" * 400, "nan", "inf"],
        *[None, True, [18], {"a": 18}, float("nan"), float("inf"), 10**400],
    ],
    ids=lambda gold: repr(gold)[:20],
)
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

"""The number that a model's output gives as its answer, and the number that is right.

Models are asked for a JSON object with `answer`, and do not always write one: LaTeX's backslashes,
a missing comma, prose around it, an answer in words. The first of these that is there counts:

    1. the `answer` of the first JSON object that has one
    2. what follows the first "answer": with a number, in quotes of any kind
    3. what follows the last `answer:`, `answer is` or `answer =` in prose
    4. the last \\boxed{}

ZeroEval's own rules are 1, a part of 2 and, for some models, 4. No library for broken JSON is
used: such a one guesses at the whole object, of which one field is wanted.
"""

from __future__ import annotations

import json
import re
from typing import Any

_OBJECT = re.compile(r'\{\s*"')
_JSON = json.JSONDecoder(strict=False)  # models put line breaks into texts
_FIELD = re.compile(r"""\\?["'“”`*]+answer\\?["'“”`*]+\s*[:=]\s*""", re.IGNORECASE)
_PROSE = re.compile(r"\banswer\b\W{0,4}(?:is\b|[:=])\s*", re.IGNORECASE)
_VALUE = re.compile(r"""\\?["“]([^"”]*)|([^}\n]*)""")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_ORNAMENTS = re.compile(r"[$*`\\\"']|\{?,\}?(?=\d{3})")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d{1,3})?", re.IGNORECASE)
_RATIO = re.compile(r"\s*(-?\d{1,15})\s*/\s*(\d{1,15})\s*")


def answer_of(output: str) -> str | None:
    """Return the answer in a model's output as a text; None where none can be found."""
    for start in _OBJECT.finditer(output):
        try:
            found, _ = _JSON.raw_decode(output, start.start())
        except (ValueError, RecursionError):
            continue
        if "answer" in found:
            return str(found["answer"])
    fields = [_value(output, match.end()) for match in _FIELD.finditer(output)]
    if fields:
        return next((text for text in fields if first_number(text) is not None), fields[0])
    prose = [_value(output, match.end()) for match in _PROSE.finditer(output)]
    numbers = [text for text in prose if first_number(text) is not None]
    numbers = numbers or _BOXED.findall(output)
    return numbers[-1] if numbers else None


def _value(output: str, start: int) -> str:
    found = _VALUE.match(output, start)
    return "" if found is None else found[1] or found[2] or ""


def first_number(answer: str) -> float | None:
    """Return the first number in an answer, whatever its commas, $, % or units, or None."""
    plain = _plain(answer)
    ratio = _RATIO.fullmatch(plain)
    if ratio is not None and int(ratio[2]):
        return int(ratio[1]) / int(ratio[2])
    found = _NUMBER.search(plain)
    return None if found is None else float(found.group())


def only_number(gold: Any) -> float | None:
    """Return the number that a right answer such as "# 1,800" or 18 is; None if not just one."""
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        return None
    plain = _plain(str(gold)).replace("#", "")
    single = _RATIO.fullmatch(plain) or len(_NUMBER.findall(plain)) == 1
    return first_number(plain) if single else None


def _plain(text: str) -> str:
    return _ORNAMENTS.sub("", _FRACTION.sub(r"\1/\2", text.replace("−", "-")))

"""The number that a model's output gives as its answer, and the number that is right.

Models are asked for a JSON object with `answer`, and do not always write one: LaTeX's backslashes,
a missing comma, prose around it, an answer in words. The first of these that is there counts:

    1. the `answer` of the first JSON object that has one, or its `final_answer`
    2. what follows the first "answer": with a number, in quotes of any kind
    3. what follows the last `answer:`, `answer is`, `answer =`, `<answer>` or `####` in prose
    4. the last \\boxed{}

ZeroEval's own rules are 1, a part of 2 and, for some models, 4. No library for broken JSON is
used: such a one guesses at the whole object, of which one field is wanted.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_OBJECT = re.compile(r'\{\s*"')
_JSON = json.JSONDecoder(strict=False)  # models put line breaks into texts
_NAMES = re.compile(r"(?:final[ _]?)?answer", re.IGNORECASE)
_FIELD = re.compile(r"""\\?["'“”`*]+(?:final[ _]?)?answer\\?["'“”`*]+\s*[:=]\s*""", re.IGNORECASE)
_PROSE = re.compile(
    r"(?:\banswer\b\W{0,4}(?:(?:is|should be|would be|equals)\b|[:=>])|####)\s*", re.IGNORECASE
)
_VALUE = re.compile(r"""\\?["“]([^"”]*)|([^}\n]*)""")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")

# How a number is written otherwise. JSON reads \f and \t of LaTeX's \frac and \tfrac as a sign.
_SIGNS = str.maketrans(
    {**dict.fromkeys("−–－‐‑", "-"), "⁄": "/", "½": " 1/2", "¼": " 1/4", "¾": " 3/4"}
)
_UNWRAPPED = re.compile(r"\\?(?:boxed|fbox|text|mathrm|mbox)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"(?:\\?[dt]?f|\tf|\f)rac(?:\{(-?\d+)\}\s*\{(\d+)\}|(\d)(\d))")
_POWER = re.compile(r"\s*(?:\\times|[×x*])\s*10\^\{?([+-]?\d{1,3})\}?")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{?,\}?|\\,|[_ \u00a0\u2009\u202f])(?=\d{3}(?!\d))")
_MINUS = re.compile(r"^\s*-\s+")
_ORNAMENTS = re.compile(r"[$€£*`\\\"']")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d{1,3})?", re.IGNORECASE)
_RATIO = re.compile(r"(?:(-?\d{1,15})\s+)?(-?\d{1,15})\s*/\s*(\d{1,15})(?![\d/]|\.\d)")
_OTHER_MATHS = re.compile(
    r"[\[\](){};^!]|\\(?!text|boxed|[dt]?frac)[A-Za-z]|(?<!\d)[A-Za-z]\d|\d\s+\d"
)


def answer_of(output: str) -> str | None:
    """Return the answer in a model's output as a text; None where none can be found."""
    for start in _OBJECT.finditer(output):
        try:
            found, _ = _JSON.raw_decode(output, start.start())
        except (ValueError, RecursionError):
            continue
        named = [key for key in found if _NAMES.fullmatch(key)]
        if named:
            return str(found[min(named, key=len)])
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
    """Return the first number in an answer, whatever its commas, $, % or units, or None.

    A fraction that stands alone is one number, with a whole number before it or not.
    """
    plain = _plain(answer)
    ratio = _RATIO.search(plain)
    if ratio is None or _NUMBER.search(_RATIO.sub("", plain, count=1)):
        found = _NUMBER.search(plain)
        return None if found is None else float(found.group())
    whole, part, parts = ratio[1] or "0", int(ratio[2]), int(ratio[3])
    if not parts:
        return None
    return int(whole) + (-1 if whole.startswith("-") else 1) * part / parts


def only_number(gold: Any) -> float | None:
    """Return the number that a right answer such as "# 1,800" or 18 is; None if not just one."""
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        return None
    text = str(gold).replace("#", "")
    single = _RATIO.sub("1", _written(text))
    if _OTHER_MATHS.search(single) or len(_NUMBER.findall(_plain(single))) != 1:
        return None
    number = first_number(text)
    return None if number is None or not math.isfinite(number) else number


def _written(text: str) -> str:
    """Return a text without LaTeX's boxes and fractions, its signs those of ASCII."""
    plain = _UNWRAPPED.sub(r"\1", text.translate(_SIGNS))
    return _POWER.sub(r"e\1", _FRACTION.sub(r" \1\3/\2\4", plain))


def _plain(text: str) -> str:
    plain = _ORNAMENTS.sub("", _THOUSANDS.sub("", _written(text)))
    return _MINUS.sub("-", plain)

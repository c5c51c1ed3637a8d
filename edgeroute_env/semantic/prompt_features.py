"""Length and shape of a prompt as numbers: what a scorer reads beside the encoder's vector.

Counts enter as log(1 + count), so that a prompt ten times as long is one step further, and shares
lie between 0 and 1. Everything is defined for any text, the empty one and any script included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LENGTH = ("characters", "words", "tokens", "characters_squared")
SHAPE = (
    *("characters", "words", "characters_per_word", "numbers", "sentences", "words_per_sentence"),
    *("stem", "option_mean", "option_max", "option_spread", "options_with_digits", "has_options"),
    *("distinct_words", "letters_per_word", "long_words", "very_long_words", "negations"),
    *("digits", "capitals", "symbols", "formula_symbols", "questions", "commas", "dollars"),
    *("percents", "slash", "ands", "largest_number", "fractions", "large_numbers"),
    *("distinct_numbers", "stem_lines", "blank_to_fill", "quotes", "non_ascii"),
)
# Phrases of word problems and of exam questions, counted as they stand in the lower-cased text.
PHRASES = (
    *("how many", "how much", "how long", "how old", "what", "which", "who", "why", "when"),
    *("where", "percent", "average", "total", "each", "per", "twice", "half", "times"),
    *("more than", "less than", "than", "if ", "remaining", "left", "every", "third", "quarter"),
    *("ratio", "hour", "week", "following", "best", "most", "statement", "true", "case", "i."),
    *("ii", "assume", "suppose", "calculate", "find"),
)
FEATURES = (*SHAPE, *(f"phrase:{phrase.strip()}" for phrase in PHRASES))

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NUMBER = re.compile(r"\d[\d,]*\.?\d*")
_OPTION = re.compile(r"\n[A-D]\. ")
_SENTENCE_END = re.compile(r"[.!?]+(?:\s|$)")
_NEGATION = re.compile(
    r"\b(not|except|never|no|none|least|incorrect|false|without|cannot|n't)\b", re.IGNORECASE
)
_FORMULA = frozenset("=+*/^<>(){}\\_$")


class Prepared(NamedTuple):
    """What a head reads of n texts, before it is standardised."""

    text: NDArray[np.float32]  # (n, d): the encoder's vector, then the shape features
    length: NDArray[np.float64]  # (n, 4)


def prepared(
    texts: Sequence[str], vectors: NDArray[np.float32], tokens: NDArray[np.int64]
) -> Prepared:
    """Return a head's inputs for texts, their vectors and token counts."""
    shape = shape_features(texts).astype(np.float32)
    return Prepared(np.concatenate([vectors, shape], axis=1), length_features(texts, tokens))


def length_features(texts: Sequence[str], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the features named LENGTH, shape (n, 4); `tokens` counts each text's, whole."""
    characters = np.log1p([len(text) for text in texts])
    words = np.log1p([len(_WORD.findall(text)) for text in texts])
    return np.stack([characters, words, np.log1p(tokens), characters**2], axis=1)


def shape_features(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the features named FEATURES, shape (n, len(FEATURES))."""
    rows = [[*_shape(text), *_phrases(text)] for text in texts]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def _phrases(text: str) -> list[float]:
    lowered = text.lower()
    return [math.log1p(lowered.count(phrase)) for phrase in PHRASES]


def _shape(text: str) -> list[float]:
    words = _WORD.findall(text)
    count, size = max(len(words), 1), max(len(text), 1)
    numbers = [_value(number) for number in _NUMBER.findall(text)]
    stem, *options = _OPTION.split(text)
    options = [option.removesuffix("\nAnswer:") for option in options]
    lengths = [len(option) for option in options] or [0]
    sentences = max(1, len(_SENTENCE_END.findall(text)))
    return [
        math.log1p(len(text)),
        math.log1p(count),
        len(text) / count,
        math.log1p(len(numbers)),
        math.log1p(sentences),
        count / sentences,
        math.log1p(len(stem)),
        math.log1p(sum(lengths) / len(lengths)),
        math.log1p(max(lengths)),
        math.log1p(float(np.std(lengths))),
        sum(any(c.isdigit() for c in option) for option in options),
        float(bool(options)),
        len({word.lower() for word in words}) / count,
        sum(map(len, words)) / count,
        sum(len(word) > 7 for word in words) / count,
        sum(len(word) > 10 for word in words) / count,
        len(_NEGATION.findall(text)),
        sum(c.isdigit() for c in text) / size,
        sum(c.isupper() for c in text) / size,
        sum(not c.isalnum() and not c.isspace() for c in text) / size,
        sum(c in _FORMULA for c in text) / size,
        text.count("?"),
        10.0 * text.count(",") / count,
        text.count("$"),
        text.count("%"),
        float("/" in text),
        10.0 * text.lower().count(" and ") / count,
        math.log1p(max(numbers, default=0.0)),
        sum(number != math.floor(number) for number in numbers),
        sum(number >= 100 for number in numbers),
        math.log1p(len(set(numbers))),
        stem.count("\n"),
        float("__" in text),
        text.count('"') + text.count("“"),
        sum(ord(c) > 127 for c in text) / size,
    ]


def _value(number: str) -> float:
    """Return a number's value, bounded so that a thousand digits stay finite."""
    return min(float(number.replace(",", "")), 1e15)

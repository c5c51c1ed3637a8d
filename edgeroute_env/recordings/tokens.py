"""How long a text is in tokens, with a tokenizer's vocabulary or without."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable

CountTokens = Callable[[str], int]

# What cl100k_base's published pattern splits a text into before it merges bytes: words with the
# character before them, numbers of up to three digits, punctuation, white space. Most words are
# one token; splitting the long ones after 9 letters stands in for the vocabulary.
_PIECE = re.compile(r"[^\r\n\w]?[^\W\d_]{1,9}|\d{1,3}| ?[^\s\w]+[\r\n]*|_+|\s+(?!\S)|\s")


def count_tokens(text: str) -> int:
    """Return an estimate of an English text's length in cl100k_base tokens; 1 or more.

    Measured against cl100k_base on 9,560 MMLU prompts: the total is 1.0 % low, the mean absolute
    deviation of a prompt is 4.8 %, and 95 % of the prompts lie within 15.1 %. The totals of 1,000
    GSM8K questions are 2.7 % low, of 4,208 MT-Bench-101 user turns and answers 1.9 % and 1.8 %
    high. A text in another script than Latin comes out too short.
    """
    return max(1, len(_PIECE.findall(text)))


def token_counter() -> tuple[CountTokens, str | None]:
    """Return what counts cl100k_base tokens, and why its counts are estimates if they are.

    Exact where tiktoken is installed and has its vocabulary, which it downloads once.
    """
    try:
        tiktoken = importlib.import_module("tiktoken")
    except ImportError:
        return count_tokens, "pip install tiktoken for exact ones, then --overwrite"
    try:
        encoding = tiktoken.get_encoding("cl100k_base")
    except Exception as error:  # whatever its download ends in
        return count_tokens, f"tiktoken cannot fetch its vocabulary: {str(error)[:100]}"
    return lambda text: max(1, len(encoding.encode_ordinary(text))), None

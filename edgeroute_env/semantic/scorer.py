"""Scoring texts with a head: the shipped ones by name, or one's own by path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.semantic.encoder import Encoder
from edgeroute_env.semantic.head import Floats, Head
from edgeroute_env.semantic.prompt_features import prepared

SHIPPED = Path(__file__).parent / "shipped"
DEFAULT_PAIR = "mmlu-mistral7b-gpt4"
SUFFIX = ".safetensors"


class Scores(NamedTuple):
    """What a scorer says of n texts, for one pair of models."""

    needed: Floats  # P(only the large model is right): the score that routers read
    device_wrong: Floats  # P(the model on the device is wrong)
    tokens: NDArray[np.int64]  # of the whole text
    truncated: NDArray[np.bool_]  # whether the encoder read only its beginning


class Scorer:
    """An encoder and a head. Loading takes seconds, scoring a prompt milliseconds."""

    def __init__(self, head: Head) -> None:
        """Use a head with the encoder that it was trained on, which is loaded.

        Raises:
            InputError: packages or the encoder are missing, or the encoder does not fit the head.
        """
        about = head.about
        self.head = head
        self.encoder = Encoder(about["encoder"], about["layers"])
        needed = len(head.text_mean) - about["shape_features"]
        if self.encoder.width != needed or list(self.encoder.layers) != list(about["layers"]):
            found = f"{self.encoder.width} numbers of layers {list(self.encoder.layers)}"
            raise InputError("encoder", found, f"{needed} of layers {about['layers']}")

    @classmethod
    def load(cls, pair_or_path: str = DEFAULT_PAIR) -> Scorer:
        """Return the scorer of a shipped pair, or of the head in a file."""
        return cls(load_head(pair_or_path))

    def score(
        self,
        texts: Sequence[str],
        pair: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scores:
        """Return the calibrated scores of n texts for a pair; by default the head's first.

        `progress` is told how many texts more are encoded. Texts longer than the encoder's limit
        are scored by their beginning and their whole length, and marked as truncated.

        Raises:
            InputError: the head does not score that pair.
        """
        pairs = self.head.pairs
        if pair is not None and pair not in pairs:
            raise InputError("pair", pair, "one of " + ", ".join(pairs))
        place = 0 if pair is None else pairs.index(pair)
        seen = self.encoder.encode(texts, progress)
        inputs = prepared(texts, seen.vectors, seen.tokens)
        found = self.head.probabilities(*inputs)[:, place]
        return Scores(found[:, 0], found[:, 1], seen.tokens, seen.truncated)


def load_head(pair_or_path: str) -> Head:
    """Return the shipped head that scores a pair, or the one in a .safetensors file."""
    if pair_or_path.endswith(SUFFIX):
        return Head.load(pair_or_path)
    found = shipped_heads()
    for head in found:
        if pair_or_path in head.pairs:
            return head
    names = [pair for head in found for pair in head.pairs]
    raise InputError("head", pair_or_path, f"a {SUFFIX} file or one of {', '.join(names)}")


def shipped_heads() -> list[Head]:
    """Return the heads that come with the package."""
    return [Head.load(path) for path in sorted(SHIPPED.glob(f"*{SUFFIX}"))]

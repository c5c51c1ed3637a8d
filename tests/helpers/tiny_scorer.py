"""A BERT of a few thousand weights and made-up questions, so that a scorer trains in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")
pytest.importorskip("torch")
pytest.importorskip("sklearn")

import pandas as pd
import torch
import transformers

HARD = "prove derive theorem integral manifold entropy".split()
EASY = "hello colour breakfast weather holiday garden".split()
RECIPE = """
file: questions.csv
text: prompt
group: subject
pairs: {small-large: {device: small, edge: large}}
helpers: [medium]
lengths: [answer]
"""


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


def write_questions(folder: Path, count: int = 240, seed: int = 0) -> Path:
    """Write questions.csv and recipe.yaml: hard words need the large model nine times in ten."""
    generator = np.random.default_rng(seed)
    hard = generator.random(count) < 0.5
    texts = [
        " ".join(generator.choice(HARD if h else EASY, 6)) + f" {k}" for k, h in enumerate(hard)
    ]
    wrong = np.where(hard, generator.random(count) < 0.9, generator.random(count) < 0.1)
    table = {
        "prompt": texts,
        "subject": generator.choice(list("abcdef"), count),
        "small": 1 - wrong.astype(int),
        "large": (generator.random(count) < 0.95).astype(int),
        "medium": 1 - (wrong & (generator.random(count) < 0.7)).astype(int),
        "answer": np.where(hard, 200, 50) + generator.integers(0, 20, count),
    }
    pd.DataFrame(table).to_csv(folder / "questions.csv", index=False)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder / "recipe.yaml"

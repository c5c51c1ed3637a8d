"""Questions of hard and easy words: a table with a recipe of its own, and one in GSM8K's place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from edgeroute_env.semantic.questions import Questions, load_recipe, read_questions

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
# Leave the preset gsm8k no recording but its table.
OVERRIDES = {"workload.arrivals": None, "radio.snr_runs": None}


def write_outcomes(folder: Path, count: int = 120) -> Questions:
    """Write gsm8k_outcomes.parquet: on texts of hard words the device's models fail more often."""
    recipe = load_recipe("gsm8k")
    generator = np.random.default_rng(0)
    hard = generator.random(count) < 0.5
    table: dict[str, object] = {
        "question": [" ".join(generator.choice(HARD if h else EASY, 6)) for h in hard],
        "prompt_tok": generator.integers(20, 90, count),
    }
    edges = {pair.edge for pair in recipe.pairs.values()}
    devices = {pair.device for pair in recipe.pairs.values()}
    for name in sorted({*edges, *devices, *recipe.helpers}):
        wrong = np.where(hard, 0.9, 0.1) if name in devices else 0.05
        table[name] = (generator.random(count) >= wrong).astype(int)
    for name in recipe.lengths:
        table[name] = np.where(hard, 200, 50) + generator.integers(0, 20, count)
    pd.DataFrame(table).to_parquet(folder / recipe.file)
    return read_questions(folder / recipe.file, recipe)


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

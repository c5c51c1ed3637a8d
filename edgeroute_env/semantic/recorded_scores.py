"""Scores of recorded questions, out of fold and kept by content hash.

Computed once for a table (minutes on two cores), then read from the cache folder:
$EDGEROUTE_CACHE, else the user's. The scores of the known tables come with the package, so that
every machine has the same, with torch or without. The key is a hash of the questions, their
outcomes, the encoder and the settings: a changed table gets scores of its own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeroute_env.errors import missing_package
from edgeroute_env.files import replacing
from edgeroute_env.semantic.encoder import DEFAULT_ENCODER, LAYERS, Encoder
from edgeroute_env.semantic.features import FEATURES, LENGTH
from edgeroute_env.semantic.head import FORMAT, Floats
from edgeroute_env.semantic.network import DEFAULTS
from edgeroute_env.semantic.questions import Questions, Recipe, load_recipe, recipe_names

CACHE_VARIABLE = "EDGEROUTE_CACHE"
SHIPPED = Path(__file__).parent / "shipped"


class Source(NamedTuple):
    """The recipe and pair by which a recorded table is scored."""

    recipe: Recipe
    pair: str


def source_of(file: str, columns: Mapping[str, str]) -> Source | None:
    """Return the packaged recipe and pair for a recorded table, or None where there is none."""
    asked = (columns.get("quality_device"), columns.get("quality_edge"))
    for recipe in map(load_recipe, recipe_names()):
        for name, pair in recipe.pairs.items():
            if recipe.file == file and (pair.device, pair.edge) == asked:
                return Source(recipe, name)
    return None


def recorded_scores(questions: Questions, pair: str) -> Floats:
    """Return P(only the large model is right) by question, (n,), out of fold.

    Raises:
        InputError: packages or the encoder are missing, or the cache folder cannot be written to.
    """
    kept = [scores for scores in map(_read, _places(questions)) if scores is not None]
    if kept:
        scores = kept[0]
    else:
        scores = _computed(questions)
        path = _places(questions)[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part, part.open("wb") as file:
            np.save(file, scores)
    found: Floats = scores[:, questions.pairs.index(pair), 0]
    return found


def at_hand(questions: Questions) -> bool:
    """Return whether the questions' scores are kept, or can be computed here."""
    if any(_read(path) is not None for path in _places(questions)):
        return True
    return all(find_spec(name) for name in ("torch", "transformers", "sklearn"))


def _places(questions: Questions) -> tuple[Path, Path]:
    """Return where scores may be kept: in the cache, or with the package for known tables."""
    key = score_key(questions)
    return cache_folder() / f"{key}.npy", SHIPPED / f"scores-{key}.npy"


def _read(path: Path) -> Floats | None:
    """Return the scores in a file, or None where it is absent or damaged: they are made anew."""
    try:
        scores: Floats = np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError):
        return None
    return scores


def cache_folder() -> Path:
    """Return the folder of cached scores: $EDGEROUTE_CACHE, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser() / "scores"
    try:
        import platformdirs
    except ImportError:
        raise missing_package("platformdirs", "the user's cache folder", "cli") from None
    return platformdirs.user_cache_path("edgeroute") / "scores"


def score_key(questions: Questions) -> str:
    """Return a hash of all that the scores depend on."""
    made = [questions.digest(), DEFAULT_ENCODER, list(LAYERS), FORMAT, [*FEATURES, *LENGTH]]
    settings = dataclasses.asdict(DEFAULTS)
    return hashlib.sha256(json.dumps([*made, settings]).encode()).hexdigest()[:32]


def _computed(questions: Questions) -> Floats:
    from rich.console import Console
    from rich.progress import Progress

    from edgeroute_env.semantic.crossfit import FOLDS, out_of_fold
    from edgeroute_env.semantic.features import prepared

    encoder = Encoder()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("encoding recorded questions, once", total=len(questions))
        seen = encoder.encode(questions.texts, lambda done: bar.advance(task, done))
        task = bar.add_task("scoring them out of fold, once", total=FOLDS)
        inputs = prepared(questions.texts, seen.vectors, seen.tokens)
        scores, _ = out_of_fold(questions, inputs, "question", DEFAULTS, lambda: bar.advance(task))
    return scores

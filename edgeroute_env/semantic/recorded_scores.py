"""Scores of recorded questions, out of fold and kept by content hash.

`edgeroute score recorded` makes a table's scores once (minutes on two cores); after that they are
only read. They lie in the cache folder: $EDGEROUTE_CACHE, else the user's. The scores of the known
tables come with the package, so that every machine has the same, with torch or without. The key is
a hash of the questions, their outcomes, the encoder and the settings: a changed table needs scores
of its own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import read_whole, replacing, sealed, unsealed, writing
from edgeroute_env.semantic.encoder import DEFAULT_ENCODER, LAYERS
from edgeroute_env.semantic.head import FORMAT, OUTPUTS, Floats
from edgeroute_env.semantic.prompt_features import FEATURES, LENGTH
from edgeroute_env.semantic.questions import Questions, Recipe, load_recipe, recipe_names
from edgeroute_env.semantic.scorer import SHIPPED
from edgeroute_env.semantic.scorer_settings import DEFAULT_SETTINGS, By

CACHE_VARIABLE = "EDGEROUTE_CACHE"


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


def recorded_scores(questions: Questions, recipe: Recipe, by: By) -> Floats:
    """Return the stored scores of a recipe's questions, (n, pairs, 2) in the order of OUTPUTS.

    `by` is what the scorer of a question has not seen: the question alone, or all of its group.

    Raises:
        InputError: none are stored; it names the command that makes them.
    """
    scores = stored_scores(questions, by)
    if scores is None:
        raise InputError(
            f"scores of {recipe.file}", "none stored", f"run `{scoring_command(recipe, by)}` first"
        )
    return scores


def scoring_command(recipe: Recipe, by: By) -> str:
    """Return the command that makes and stores the scores of a packaged recipe's table."""
    return f"edgeroute score recorded {recipe.name} --by {by}"


def stored_scores(questions: Questions, by: By) -> Floats | None:
    """Return the questions' scores, (n, pairs, 2), or None where no file holds them."""
    key = score_key(questions, by)
    for path in (SHIPPED / f"{key}.scores", _cached(key)):
        # Absent, damaged or of another kind.
        with suppress(OSError, ValueError, EOFError, MemoryError, TypeError):
            content = io.BytesIO(unsealed(read_whole(path)))
            scores = np.asarray(np.load(content, allow_pickle=False), np.float64)
            fits = scores.shape == (len(questions), len(questions.pairs), len(OUTPUTS))
            if fits and ((scores >= 0.0) & (scores <= 1.0)).all():
                return scores
    return None


def store_scores(questions: Questions, by: By, scores: Floats) -> Path:
    """Write the questions' scores, (n, pairs, 2), to the cache folder; return the file's path.

    Raises:
        InputError: the folder cannot be written to.
    """
    path = _cached(score_key(questions, by))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        memory = io.BytesIO()
        np.save(memory, scores.astype(np.float32))
        part.write_bytes(sealed(memory.getvalue()))
    return path


def score_key(questions: Questions, by: By) -> str:
    """Return a hash of all that the scores depend on."""
    made = [by, questions.digest(), DEFAULT_ENCODER, list(LAYERS), FORMAT, [*FEATURES, *LENGTH]]
    settings = dataclasses.asdict(DEFAULT_SETTINGS)
    return hashlib.sha256(json.dumps([*made, settings]).encode()).hexdigest()[:32]


def _cached(key: str) -> Path:
    """Return where scores are kept: in $EDGEROUTE_CACHE, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        folder = Path(chosen).expanduser()
    else:
        with needs("the user's cache folder", "cli"):
            import platformdirs
        folder = platformdirs.user_cache_path("edgeroute")
    return folder / "scores" / f"{key}.scores"

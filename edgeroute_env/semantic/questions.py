"""Labelled questions to train and test scorers on: texts, groups and both models' outcomes.

A recipe (a YAML file of `configs/scorers`, or one's own) says which columns of an outcome table
hold them. Other models' outcomes and answer lengths help to train: a question that is hard for one
model is hard for others, and a long answer is a hard question's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from edgeroute_env.config_files import config_names, config_path, read_yaml
from edgeroute_env.errors import InputError, input_error
from edgeroute_env.fields import Part
from edgeroute_env.semantic.scorer_settings import By
from edgeroute_env.tables_io import read_frame

Floats = NDArray[np.float64]


class Pair(Part):
    """The columns with the quality, 0 to 1, of the device's model and of the edge's."""

    device: str
    edge: str


class Recipe(Part):
    """Which columns of an outcome table a scorer is trained on.

    `pairs` names what the head is to score. `helpers` are quality columns and `lengths` answer
    lengths (tokens) of any models; both are needed only for training.
    """

    name: str
    file: str
    text: str
    group: str | None = None
    pairs: Annotated[dict[str, Pair], Field(min_length=1)]
    helpers: tuple[str, ...] = ()
    lengths: tuple[str, ...] = ()
    source: str = ""

    @property
    def held_out(self) -> By:
        """What a scorer must not have seen of a question to be scored: its group, if it has one."""
        return "question" if self.group is None else "group"


@dataclass(frozen=True, eq=False)
class Questions:
    """n questions: `device` and `edge` quality by pair, (n, pairs); `helpers`, `lengths` (n, k)."""

    texts: tuple[str, ...]
    groups: NDArray[Any] | None
    pairs: tuple[str, ...]
    device: Floats
    edge: Floats
    helpers: Floats
    lengths: Floats

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.texts)

    def labels(self) -> Floats:
        """Return 0 or 1 by question, pair and output, (n, pairs, 2) in the order of OUTPUTS."""
        wrong = self.device < 0.5
        return np.stack([wrong & (self.edge >= 0.5), wrong], axis=-1).astype(np.float64)

    def units(self) -> NDArray[np.int64]:
        """Return a number a question, equal where the texts are: folds keep those together."""
        return np.unique(np.array(self.texts, dtype=object), return_inverse=True)[1]

    def take(self, rows: NDArray[Any]) -> Questions:
        """Return the questions of some rows."""
        texts = np.array(self.texts, dtype=object)[rows]
        parts = (self.device[rows], self.edge[rows], self.helpers[rows], self.lengths[rows])
        groups = None if self.groups is None else self.groups[rows]
        return Questions(tuple(texts), groups, self.pairs, *parts)

    def digest(self) -> str:
        """Return a hash of all that training reads."""
        found = hashlib.sha256("\0".join((*self.texts, *self.pairs)).encode())
        for values in (self.device, self.edge, self.helpers, self.lengths):
            found.update(np.ascontiguousarray(values).tobytes())
        if self.groups is not None:
            found.update("\0".join(map(str, self.groups)).encode())
        return found.hexdigest()


def recipe_names() -> list[str]:
    """Return the names of the packaged recipes."""
    return config_names("scorers")


def load_recipe(name: str) -> Recipe:
    """Return a packaged recipe by name, or the one in a YAML file; InputError where it is none."""
    packaged = name in recipe_names()
    path = config_path("scorers", f"{name}.yaml") if packaged else Path(name)
    if not packaged and path.suffix not in (".yaml", ".yml"):
        allowed = f"one of {', '.join(recipe_names())}, or a path to a YAML file"
        raise InputError("recipe", name, allowed)
    try:
        return Recipe(**{"name": path.stem, **read_yaml(path)})
    except ValidationError as error:
        raise input_error(error, Recipe, f"{name}: ") from None


def read_questions(path: Path, recipe: Recipe) -> Questions:
    """Return the questions of a table file; InputError names a missing column or a bad value."""
    frame = read_frame(path)

    def column(name: str) -> Any:
        if name not in frame:
            raise InputError(f"{path}: column", name, "one of " + ", ".join(map(str, frame)))
        return frame[name]

    def numbers(names: Mapping[str, float] | list[str], high: float) -> Floats:
        values = [_numbers(column(name).to_numpy(), f"{path}: {name}", high) for name in names]
        return np.stack(values, axis=1) if values else np.zeros((len(frame), 0))

    texts = tuple(column(recipe.text))
    for row, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{path}: {recipe.text}, row {row}", text, "a text")
    if not texts:
        raise InputError(f"{path}: rows", 0, "at least one question")
    groups = None if recipe.group is None else column(recipe.group).astype(str).to_numpy()
    pairs = list(recipe.pairs.values())
    return Questions(
        texts=texts,
        groups=groups,
        pairs=tuple(recipe.pairs),
        device=numbers([pair.device for pair in pairs], 1.0),
        edge=numbers([pair.edge for pair in pairs], 1.0),
        helpers=numbers(list(recipe.helpers), 1.0),
        lengths=numbers(list(recipe.lengths), 1e7),
    )


def _numbers(values: NDArray[Any], place: str, high: float) -> Floats:
    try:
        found = values.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(place, str(values[0]), "numbers") from None
    bad = np.flatnonzero(~((found >= 0.0) & (found <= high)))
    if bad.size:
        raise InputError(f"{place}, row {bad[0]}", found[bad[0]], f"a number from 0 to {high:g}")
    return found

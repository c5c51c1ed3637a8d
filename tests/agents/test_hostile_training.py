"""Bad settings, recipes, checkpoints, stored scores, heads and policies: one clear error each."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy as safetensors
import torch
import yaml
from hypothesis import strategies as st

from edgeroute_agents.policy import FILE, PRETRAINED, load_policy
from edgeroute_agents.settings import KINDS, load_settings
from edgeroute_agents.train import Training
from edgeroute_agents.watching import CHECKPOINT, Follower
from edgeroute_env.config_files import config_path, read_yaml
from edgeroute_env.files import safetensors_metadata, sealed, tensors_sha256, unsealed
from edgeroute_env.semantic.head import Head
from edgeroute_env.semantic.questions import load_recipe, read_questions
from edgeroute_env.semantic.recorded_scores import store_scores, stored_scores
from edgeroute_env.semantic.scorer import SHIPPED
from tests.helpers import hostile
from tests.helpers.hostile import bounded_call
from tests.helpers.learning import BAO_RULE, short, tiny_settings
from tests.helpers.made_up_questions import write_outcomes

FEW, MANY = 8, 100
# What a file of torch's may hold, and so what a crafted checkpoint may.
HELD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**12),
    st.sampled_from([10**30, -1, float("nan"), float("inf"), "", "x", [], {}, b"x"]),
    st.sampled_from([torch.zeros(0), torch.full((2, 3), torch.nan), torch.tensor([2**62, -1])]),
)
ARRAYS = st.sampled_from(
    [
        *(np.zeros(0), np.float64(1.0), np.full((120, 3, 2), np.nan), np.full((120, 3, 2), 2.0)),
        *(np.zeros((120, 3, 2), "U3"), np.zeros((119, 3, 2)), np.full((120, 3, 2), -1)),
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to all parts of nested mappings and lists."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list | tuple) else items
    return found + [way for key, part in items for way in places(part, (*path, key))]


def replaced(value: Any, way: tuple[Any, ...], part: Any) -> Any:
    """Return nested mappings and lists with another part at one place."""
    if not way:
        return part
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = replaced(value[way[0]], way[1:], part)
    return copy


Door = tuple[st.SearchStrategy[Any], Callable[[Any], Any]]


def settings_door(folder: Path) -> Door:
    fields = sorted({name for kind in KINDS.values() for name in kind.model_fields})
    bad = st.dictionaries(st.sampled_from(fields) | hostile.TEXTS, hostile.ANYTHING, min_size=1)
    drawn = st.tuples(st.sampled_from(list(KINDS)), bad)
    return drawn, lambda value: load_settings(value[0], value[1])


def recipe_door(folder: Path) -> Door:
    write_outcomes(folder)
    good = read_yaml(config_path("scorers", "gsm8k.yaml"))
    path = folder / "own.yaml"
    scalars = st.none() | st.booleans() | st.integers(-1, 9) | st.text("ab\x00é", max_size=5)
    parts = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text("ab"), scalars)

    def read(value: tuple[tuple[Any, ...], Any]) -> Any:
        path.write_text(yaml.safe_dump(replaced(good, *value)), encoding="utf-8")
        return read_questions(folder / good["file"], load_recipe(str(path)))

    return st.tuples(st.sampled_from(places(good)), parts), read


def checkpoint_door(folder: Path) -> Door:
    follower = Follower()
    follower.judged = lambda *_: follower.stop()
    training = Training(short(), tiny_settings("ppo"), rule=BAO_RULE, reference=BAO_RULE)
    training.run(folder, follower)
    path = folder / CHECKPOINT
    good = torch.load(io.BytesIO(unsealed(path.read_bytes())), weights_only=True)

    def resume(value: tuple[tuple[Any, ...], Any]) -> Any:
        memory = io.BytesIO()
        torch.save(replaced(good, *value), memory)
        path.write_bytes(sealed(memory.getvalue()))
        return training.run(folder, Follower(stops=True), resume=True)

    return st.tuples(st.sampled_from(places(good)), HELD), resume


def scores_door(folder: Path) -> Door:
    questions = write_outcomes(folder)
    path = store_scores(questions, "question", np.zeros((120, 3, 2)))
    assert stored_scores(questions, "question") is not None

    def read(array: Any) -> None:
        memory = io.BytesIO()
        np.save(memory, array)
        path.write_bytes(sealed(memory.getvalue()))
        assert stored_scores(questions, "question") is None

    return ARRAYS, read


def head_door(folder: Path) -> Door:
    content = (SHIPPED / "mmlu.safetensors").read_bytes()
    metadata, arrays = safetensors_metadata(content), safetensors.load(content)
    about = json.loads(metadata["about"])
    path = folder / "head.safetensors"
    parts = st.none() | st.integers(-1, 9) | st.just(float("nan")) | st.just([]) | st.just({})

    def read(value: tuple[tuple[Any, ...], Any]) -> Any:
        said = json.dumps(replaced(about, *value))
        digest = tensors_sha256(arrays, "about", said)
        told = {**metadata, "about": said, "sha256": digest}
        path.write_bytes(safetensors.save(arrays, told))
        return Head.load(path).pairs

    return st.tuples(st.sampled_from(places(about)), parts), read


def policy_door(folder: Path) -> Door:
    content = (PRETRAINED / "ppo-paper" / FILE).read_bytes()
    header = json.loads(safetensors_metadata(content)["policy"])
    del header["sha256"]
    arrays, path = safetensors.load(content), folder / FILE
    parts = st.none() | st.integers(-1, 9) | st.just(float("nan")) | st.just([]) | st.just("x")

    def read(value: tuple[tuple[Any, ...], Any]) -> Any:
        said = replaced(header, *value)
        digest = tensors_sha256(arrays, "policy", json.dumps(said))
        told = {"policy": json.dumps({**said, "sha256": digest})}
        path.write_bytes(safetensors.save(arrays, told))
        return load_policy(path, short())

    return st.tuples(st.sampled_from(places(header)), parts), read


DOORS: dict[str, Callable[[Path], Door]] = {
    "settings": settings_door,
    "recipe": recipe_door,
    "checkpoint": checkpoint_door,
    "scores": scores_door,
    "head": head_door,
    "policy": policy_door,
}


def fuzz(door: str, examples: int, folder: Path) -> None:
    strategy, enter = DOORS[door](folder)
    hostile.fuzz(strategy, lambda value: bounded_call(lambda: enter(value)), examples)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEROUTE_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("door", DOORS)
def test_bad_files_and_settings_end_in_one_error(door: str, folder: Path) -> None:
    fuzz(door, FEW, folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("door", DOORS)
def test_many_bad_files_and_settings_end_in_one_error(door: str, folder: Path) -> None:
    fuzz(door, MANY, folder)


@pytest.mark.parametrize(
    ("algorithm", "field", "value"),
    [
        *(("ppo", "widths", [10**9]), ("dqn", "widths", [8] * 99), ("ppo", "n_steps", 10**11)),
        *(("dqn", "buffer_size", 10**12), ("ppo", "distilled_turns", 10**15)),
        *(("dqn", "learning_starts", -1), ("ppo", "batch_size", 10**300)),
    ],
)
def test_what_no_memory_holds_is_refused_before_it_is_made(
    algorithm: str, field: str, value: Any
) -> None:
    _, error = bounded_call(lambda: load_settings(algorithm, {field: value}))
    assert error is not None
    assert str(error).startswith(field)

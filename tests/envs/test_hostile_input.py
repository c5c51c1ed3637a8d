"""Whatever a caller gives, an environment works or ends in one clear error, soon."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import strategies as st

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, InputError, load_scenario
from edgeroute_env.config_files import parse_yaml
from tests.helpers import hostile
from tests.helpers.bounded import run_finite
from tests.helpers.hostile import bounded_call

pytestmark = pytest.mark.thorough

SMALL = {"workload.turns": 4}


def made(make: Callable[[], Any]) -> None:
    """Make an environment and, where that works, step it once."""
    env, _ = bounded_call(make)
    if env is not None:
        bounded_call(lambda: env.reset(seed=0))
        actions = np.zeros(env.num_envs, int) if hasattr(env, "num_envs") else 0
        bounded_call(lambda: env.step(actions))


def scenario_from(text: str, folder: Path) -> None:
    """Read a text as YAML, as a scenario's file and as the value of an override."""
    value, _ = bounded_call(lambda: parse_yaml(text, "--set"))
    bounded_call(lambda: load_scenario("paper", {"radio.uplink_hz": value}))
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    _, error = bounded_call(lambda: load_scenario(path))
    assert isinstance(error, InputError)  # too little for a scenario


def run_or_refuse(overrides: dict[str, Any]) -> None:
    scenario, _ = bounded_call(lambda: load_scenario(hostile.SCENARIO, overrides))
    if scenario is not None:
        run_finite(scenario)


def use(seed: Any, options: Any, action: Any) -> None:
    """Reset and step both kinds of environment with what may be bad; they go on as before."""
    env, vector = EdgeRouteEnv(overrides=SMALL), EdgeRouteVectorEnv(2, overrides=SMALL)
    for each, good in ((env, 1), (vector, np.ones(2, int))):
        twin = (
            EdgeRouteEnv(overrides=SMALL) if each is env else EdgeRouteVectorEnv(2, overrides=SMALL)
        )
        each.reset(seed=1)
        twin.reset(seed=1)
        _, reset_error = bounded_call(lambda each=each: each.reset(seed=seed, options=options))
        _, step_error = bounded_call(lambda each=each: each.step(action))
        if reset_error and step_error:
            assert each.step(good)[0].tobytes() == twin.step(good)[0].tobytes()


DOORS: dict[str, tuple[st.SearchStrategy[Any], Callable[..., None]]] = {
    "yaml": (hostile.YAML, scenario_from),
    "scenario": (hostile.SCENARIOS, lambda value: made(lambda: EdgeRouteEnv(value))),
    "overrides": (hostile.OVERRIDES, lambda value: made(lambda: EdgeRouteEnv(overrides=value))),
    "extremes": (hostile.EXTREMES, run_or_refuse),
    "make": (hostile.MAKE, lambda value: made(lambda: EdgeRouteEnv(**value))),
    "make_vec": (
        hostile.MAKE_VECTOR,
        lambda value: made(lambda: gym.make_vec("EdgeRoute-v0", **value)),
    ),
    "use": (
        st.tuples(hostile.ANYTHING, hostile.OPTIONS, hostile.ANYTHING),
        lambda value: use(*value),
    ),
}


def fuzz(door: str, examples: int, folder: Path) -> None:
    strategy, enter = DOORS[door]
    if door == "yaml":
        enter = functools.partial(enter, folder=folder)
    hostile.fuzz(strategy, enter, examples)


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("door", DOORS)
def test_bad_input_ends_in_one_error(door: str, tmp_path: Path) -> None:
    fuzz(door, 15, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("door", DOORS)
def test_much_bad_input_ends_in_one_error(door: str, tmp_path: Path) -> None:
    fuzz(door, 100, tmp_path)

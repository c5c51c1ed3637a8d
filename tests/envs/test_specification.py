"""The environment's docstring is its specification: what it states is what the code does."""

from __future__ import annotations

import inspect
import re

import gymnasium as gym
import numpy as np
import pytest

from edgeroute_env import FEATURES, EdgeRouteEnv
from tests.helpers.evaluated import total

TEXT = inspect.getdoc(EdgeRouteEnv) or ""


def section(title: str) -> str:
    """Return a section of the docstring, its heading left out."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found.group(1)


def table(title: str) -> list[list[str]]:
    """Return the rows of a section's table, its headings left out."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture
def turn() -> tuple[float, dict[str, float]]:
    env = EdgeRouteEnv(overrides={"device.scoring_s": 0.5})
    env.reset(seed=0)
    _, reward, _, _, info = env.step(1)
    return float(reward), info


def test_the_observation_table_lists_the_features() -> None:
    stated = [(int(n), name, unit, *map(float, ends)) for n, name, unit, *ends in table("Obs.*?")]
    space = EdgeRouteEnv().observation_space
    assert isinstance(space, gym.spaces.Box)
    assert stated == [
        (n, feature.name, feature.unit, feature.scale, feature.low, feature.high)
        for n, feature in enumerate(FEATURES)
    ]
    assert f"shape `{space.shape}`" in section("Observation Space")
    scale = np.array([row[3] for row in stated])
    np.testing.assert_allclose(space.low * scale, [row[4] for row in stated], rtol=1e-6)
    np.testing.assert_allclose(space.high * scale, [row[5] for row in stated], rtol=1e-6)


def test_the_actions_are_those_stated() -> None:
    space = EdgeRouteEnv().action_space
    assert isinstance(space, gym.spaces.Discrete)
    assert [int(row[0]) for row in table("Action Space")] == list(range(space.n))


def test_an_info_holds_the_figures_of_the_table(turn: tuple[float, dict[str, float]]) -> None:
    _, info = turn
    assert list(info) == [row[0] for row in table("Information")]


def test_terms_and_parts_sum_up_as_stated(turn: tuple[float, dict[str, float]]) -> None:
    reward, info = turn
    sums = re.search(
        r"terms `(.*?)` sum to the reward, the parts `(.*?)` to `(\w+)`", section("Information")
    )
    assert sums
    terms, parts, whole = sums.groups()
    assert total(info, terms) == pytest.approx(reward)
    assert total(info, parts) == pytest.approx(info[whole])
    assert min(info["latency_scoring_s"], info["latency_radio_s"]) > 0.0


def test_the_arguments_are_those_of_the_constructor() -> None:
    stated = re.findall(r"^- `(\w+)`:", section("Arguments"), re.MULTILINE)
    assert stated == list(inspect.signature(EdgeRouteEnv).parameters)


def test_an_episode_is_truncated_after_the_stated_turns() -> None:
    stated = re.search(r"last turn \((\d+) by default\)", section("Episode End"))
    assert stated
    env = EdgeRouteEnv()
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(int(stated.group(1)))]
    assert ends == [(False, False)] * (len(ends) - 1) + [(False, True)]


def test_the_objectives_are_those_of_the_scenario() -> None:
    from edgeroute_env.simulator.state import OBJECTIVES

    assert all(f"`{kind}`" in section("Rewards") for kind in OBJECTIVES if kind != "sum")

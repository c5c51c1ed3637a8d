"""A drawn episode: what a picture needs, what it shows, and that it changes nothing."""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled, ResetNeeded
from gymnasium.utils.env_checker import check_env

from edgeroute_env import EdgeRouteEnv, scenario_names


@pytest.mark.parametrize("name", scenario_names())
def test_the_checker_accepts_every_preset_drawn(name: str) -> None:
    env = gym.make(f"EdgeRoute-{name}-v0", render_mode="rgb_array")
    check_env(env.unwrapped)


def test_a_picture_follows_the_episode_and_drawing_does_not_change_it() -> None:
    drawn, blind = EdgeRouteEnv("busy-cell", render_mode="rgb_array"), EdgeRouteEnv("busy-cell")
    first, _ = drawn.reset(seed=3)
    assert np.array_equal(first, blind.reset(seed=3)[0])
    before = drawn.render()
    for action in (0, 1, 1, 0):
        seen, reward, *_ = drawn.step(action)
        after = drawn.render()
        expected, expected_reward, *_ = blind.step(action)
        assert np.array_equal(seen, expected)
        assert reward == expected_reward
        assert isinstance(after, np.ndarray)
        assert after.shape == (400, 640, 3)
        assert after.dtype == np.uint8
        assert not np.array_equal(after, before)
        assert np.array_equal(after, drawn.render())
        before = after
    drawn.reset(seed=3)
    again = EdgeRouteEnv("busy-cell", render_mode="rgb_array")
    again.reset(seed=3)
    assert np.array_equal(drawn.render(), again.render())  # nothing of the old episode is left


def test_a_finished_episode_is_drawn() -> None:
    env = EdgeRouteEnv(overrides={"workload.turns": 3}, render_mode="rgb_array")
    env.reset(seed=0)
    ended = False
    while not ended:
        *_, terminated, truncated, _ = env.step(1)
        ended = terminated or truncated
    assert isinstance(env.render(), np.ndarray)


def test_rendering_before_reset_names_reset() -> None:
    with pytest.raises(ResetNeeded, match="reset"):
        EdgeRouteEnv(render_mode="rgb_array").render()


def test_without_pygame_only_render_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    env = EdgeRouteEnv(render_mode="rgb_array")
    env.reset(seed=0)
    env.step(1)
    with pytest.raises(DependencyNotInstalled, match=r"pip install 'edgeroute\[render\]'"):
        env.render()


def test_importing_the_package_leaves_pygame_out() -> None:
    code = "import sys, edgeroute_env; sys.exit('pygame' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

"""A drawn episode: what a picture needs, what it shows, and that it changes nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled, ResetNeeded

from edgeroute_env import EdgeRouteEnv, InputError


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


@pytest.mark.parametrize(("width", "height"), [(320, 200), (1280, 800)])
def test_pictures_of_any_width_show_the_same(width: int, height: int) -> None:
    usual, other = (
        EdgeRouteEnv("battery", render_mode="rgb_array", render_width=w) for w in (640, width)
    )
    for env in (usual, other):
        env.reset(seed=0)
        env.step(1)
    small, large = sorted((usual.render(), other.render()), key=np.size)
    assert sorted((small.shape, large.shape)) == sorted(((400, 640, 3), (height, width, 3)))
    rows, columns, _ = small.shape
    shrunk = large.reshape(rows, 2, columns, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean() < 6  # letters differ by a little


@pytest.mark.parametrize("width", [0, 100, 10_000, 640.0, "640", None])
def test_a_bad_width_is_refused(width: Any) -> None:
    with pytest.raises(InputError, match=r"render_width: got .*from 320 to 3840"):
        EdgeRouteEnv(render_mode="rgb_array", render_width=width)


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

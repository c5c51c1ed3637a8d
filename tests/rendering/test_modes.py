"""Every render mode of every id, and the wrappers and libraries that ask for them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import pygame
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import HumanRendering, RecordVideo

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, InputError, scenario_names
from edgeroute_env.envs.edge_route_vector import DRAWN

IDS = ["EdgeRoute-v0", *(f"EdgeRoute-{name}-v0" for name in scenario_names())]
SHORT = {"workload.turns": 3}


@pytest.mark.parametrize("identifier", IDS)
def test_the_checker_accepts_every_id_in_every_mode(identifier: str) -> None:
    overrides = {"workload.turns": 8}  # the checker steps a few times
    env = gym.make(identifier, overrides=overrides, render_mode="rgb_array")
    assert set(env.metadata["render_modes"]) == {"rgb_array", "human", "ansi"}
    check_env(env.unwrapped)  # makes one environment for each mode


def test_a_panel_tells_the_moment_in_80_columns() -> None:
    env = EdgeRouteEnv(
        "quota", overrides={"workload.attachment.probability": 1}, render_mode="ansi"
    )
    env.reset(seed=0)
    panel = env.render()
    assert isinstance(panel, str)
    assert "No turn has been routed" in panel
    for action, name in ((1, "edge"), (0, "phone")):
        *_, info = env.step(action)
        panel = env.render()
        assert isinstance(panel, str)
        assert f"last turn, {name}" in panel
        assert f"{info['latency_s']:9.2f}\n" in panel
        assert max(map(len, panel.splitlines())) <= 80
    assert panel.splitlines()[-1] == "EP"


def test_a_window_shows_each_turn_and_closes() -> None:
    env = EdgeRouteEnv(overrides=SHORT, render_mode="human")
    drawn = EdgeRouteEnv(overrides=SHORT, render_mode="rgb_array")
    env.reset(seed=0)
    drawn.reset(seed=0)
    assert pygame.display.get_surface().get_size() == (640, 400)
    env.step(1)
    drawn.step(1)
    assert env.render() is None
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    assert np.array_equal(shown, drawn.render())
    copy.deepcopy(env).step(1)  # opens its own
    env.close()
    assert not pygame.display.get_init()
    env.close()


@pytest.mark.parametrize(
    "event",
    [
        lambda: pygame.event.Event(pygame.QUIT),
        lambda: pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE),
    ],
)
def test_an_episode_goes_on_after_its_window_is_closed(
    event: Callable[[], pygame.event.Event],
) -> None:
    env = EdgeRouteEnv(overrides=SHORT, render_mode="human")
    env.reset(seed=0)
    pygame.event.post(event())
    env.step(1)
    assert not pygame.display.get_init()
    env.step(1)
    assert not pygame.display.get_init()  # it stays closed


def test_without_a_display_one_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(InputError, match=r"display: got 'none'; allowed: a screen"):
        EdgeRouteEnv(render_mode="human").reset(seed=0)
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    with pytest.raises(InputError, match="display: got "):
        EdgeRouteEnv(render_mode="human").reset(seed=0)


def test_gymnasiums_window_shows_the_pictures() -> None:
    env = HumanRendering(gym.make("EdgeRoute-v0", render_mode="rgb_array", overrides=SHORT))
    env.reset(seed=0)
    env.step(1)
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    assert np.array_equal(shown, env.env.render())
    env.close()


def test_gymnasium_records_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moviepy")
    monkeypatch.setitem(EdgeRouteEnv.metadata, "render_fps", 4)
    made = gym.make("EdgeRoute-v0", render_mode="rgb_array", overrides=SHORT)
    env = RecordVideo(made, str(tmp_path / "films"), disable_logger=True)
    env.reset(seed=0)
    for _ in range(3):
        env.step(1)
    env.close()
    assert [path.suffix for path in (tmp_path / "films").iterdir()] == [".mp4"]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_vector_draws_its_first_environments_as_the_scalar_one_does(mode: str) -> None:
    vector = EdgeRouteVectorEnv(
        3, overrides=SHORT, render_mode="rgb_array", autoreset_mode=mode, render_width=320
    )
    alone = EdgeRouteEnv(overrides=SHORT, render_mode="rgb_array", render_width=320)
    vector.reset(seed=7)
    alone.reset(seed=9)  # as environment 2
    for _ in range(8):  # two episodes and a half
        pictures = vector.render()
        assert pictures is not None
        assert len(pictures) == 3
        assert np.array_equal(pictures[2], alone.render())
        _, _, _, ended, _ = vector.step(np.ones(3, int))
        if alone._running:
            alone.step(1)
        else:
            alone.reset()
        if mode == "SameStep" and ended[2]:
            alone.reset()
    crowd = gym.make_vec("EdgeRoute-v0", DRAWN + 1, render_mode="rgb_array", render_width=320)
    crowd.reset(seed=0)
    assert len(crowd.render()) == DRAWN
    assert EdgeRouteVectorEnv(2).render() is None


@pytest.mark.training
def test_sb3_makes_draws_and_learns_environments_by_their_ids() -> None:
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    PPO("MlpPolicy", "EdgeRoute-v0", n_steps=8, batch_size=8, n_epochs=1, device="cpu").learn(8)
    env = make_vec_env("EdgeRoute-busy-cell-v0", n_envs=2, seed=0)
    env.reset()
    env.step(np.array([0, 1]))
    frames = env.get_images()
    assert [frame.shape for frame in frames if frame is not None] == [(400, 640, 3)] * 2
    env.close()

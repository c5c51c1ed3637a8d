"""`edgeroute play` lets a person route an episode in a window, and says what it was worth."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pygame
import pytest

from edgeroute_baselines import make_router
from edgeroute_env import load_scenario
from edgeroute_env.cli import play as command
from edgeroute_env.evaluation.episodes import Episodes, run_episodes
from edgeroute_env.rendering import snapshot as snapshots
from edgeroute_env.rendering.run import KEYS, Player, Run
from edgeroute_env.rendering.window import Window
from edgeroute_env.traces.recorded import drawn
from tests.helpers.command_line import Command
from tests.helpers.played import RETURN, TINY, Hidden, refused, short

IN_A_WINDOW = ("play", "--window", "--traces", "synthetic", "--seed", "3", "--quiet")
ALTERNATELY = tuple(KEYS) * 64


class Scripted:
    """Plays a list of actions, one a turn."""

    name = "scripted"

    def __init__(self, actions: Sequence[int]) -> None:
        self.left = list(actions)

    def reset(self, n: int) -> None:
        pass

    def route(self, observations: Any) -> Any:
        return np.array([self.left.pop(0)])


def scripted(scenario: Any, trace: Any, actions: Sequence[int]) -> Episodes:
    return run_episodes(Scripted(actions), scenario, trace, [3])


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], None]:
    """Return what lets a window see one key of a list with each frame."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(command, "FRAMES_PER_S", 10_000.0)

    def prepare(keys: Sequence[str]) -> None:
        left, show = list(keys), Window.show

        def watched(window: Window, frame: Any, frames_per_s: float) -> bool:
            key = left.pop(0)
            kind = pygame.QUIT if key == "close" else pygame.KEYDOWN
            pygame.display.init()
            posted = {} if key == "close" else {"key": pygame.key.key_code(key)}
            pygame.event.post(pygame.event.Event(kind, posted))
            return show(window, frame, frames_per_s)

        monkeypatch.setattr(Window, "show", watched)

    return prepare


def test_the_returns_are_those_of_run_episodes(
    edgeroute: Command, press: Callable[[Sequence[str]], None]
) -> None:
    press(["space", *ALTERNATELY])  # other keys do nothing
    ended = edgeroute(*IN_A_WINDOW, "-s", "paper")
    assert ended.code == 0
    told = dict(RETURN.findall(ended.out))
    assert list(told) == ["you", "bao-multi-queue", "ppo", "clairvoyant"]
    scenario = load_scenario("paper")
    own = scripted(scenario, drawn(scenario, "synthetic"), [0, 1] * 64)
    assert told["you"] == f"{own.returns()[0]:+.3f}"
    assert float(told["clairvoyant"]) >= max(map(float, told.values()))
    for name in ("bao-multi-queue", "ppo"):
        asked = ("--seed", "3", "--traces", "synthetic", "--quiet")
        lines = edgeroute("run", "--router", name, *asked).out.splitlines()
        assert float(told[name]) == float(lines[-1].split()[1])
    costly = re.findall(r"(?m)^turn +(\d+) .* return \+([0-9.]+)$", ended.out)
    assert len(costly) == 3
    assert costly == sorted(costly, key=lambda turn: -float(turn[1]))
    for turn, gain in costly:
        actions = [0, 1] * 64
        actions[int(turn) - 1] ^= 1
        other = scripted(scenario, drawn(scenario, "synthetic"), actions)
        assert other.returns()[0] - own.returns()[0] == pytest.approx(float(gain), abs=6e-4)


@pytest.mark.parametrize(
    ("name", "budgets"),
    [("paper", {}), ("quota", {"budgets.edge_calls": 2}), ("paper", {"budgets.battery_j": 60.0})],
)
def test_a_gain_is_what_the_other_route_would_have_brought(
    name: str, budgets: dict[str, Any]
) -> None:
    scenario, trace = short(10, name, **budgets)
    player = Player()
    run = Run(player, scenario, trace, 3)
    while not run.over:
        player.decide(len(player.actions) % 2)
        run.step()
    actions = player.actions
    found = command.judged(actions, [], scenario, trace)
    assert found.returns["you"] == run.shot().total
    assert found.gains.shape == (len(actions),)
    for t, gain in enumerate(found.gains):
        changed = [action ^ (i == t) for i, action in enumerate(actions)]
        other = scripted(scenario, trace, [*changed, *[0] * (10 - len(changed))])
        earned = other.outcomes["reward"][: len(actions)][other.routed[: len(actions)]].sum()
        assert earned - found.returns["you"] == pytest.approx(gain, abs=1e-9)
    bound = run_episodes(make_router("clairvoyant"), scenario, trace, [3])
    assert found.returns["clairvoyant"] == pytest.approx(bound.returns()[0], abs=1e-9)


def test_the_best_sequence_has_no_costly_turn(
    edgeroute_small: Command, press: Callable[[Sequence[str]], None]
) -> None:
    scenario = load_scenario("tiny.yaml")
    best = run_episodes(make_router("clairvoyant"), scenario, drawn(scenario, "synthetic"), [3])
    names = {action: key for key, action in KEYS.items()}
    press([names[int(action)] for action in best.actions[:, 0]])
    ended = edgeroute_small(*IN_A_WINDOW, *TINY)
    assert "no turn, decided the other way alone, would have earned more" in ended.out
    assert "ppo" not in ended.out  # it was not trained on this scenario


@pytest.mark.parametrize("last", ["close", "q", "escape"])
def test_a_game_that_is_left_is_one_message(
    last: str, edgeroute_small: Command, press: Callable[[Sequence[str]], None]
) -> None:
    press(["left", "right", last])
    ended = edgeroute_small(*IN_A_WINDOW, *TINY)
    assert (ended.code, ended.out) == (2, "")
    assert "left after 2 of 6 turns" in ended.err.splitlines()[-1]


def test_ctrl_c_in_a_window_ends_with_130(
    edgeroute_small: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(Window, "show", stopped)
    assert edgeroute_small(*IN_A_WINDOW, *TINY).code == 130


def test_what_is_lacking_is_named(edgeroute: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    if sys.platform.startswith("linux"):
        refused(edgeroute(*IN_A_WINDOW), "display: got 'none'")
    monkeypatch.setitem(sys.modules, "textual.app", None)
    monkeypatch.delitem(sys.modules, "edgeroute_env.rendering.terminal", raising=False)
    refused(edgeroute("play"), "pip install 'edgeroute[play]'")
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.delitem(sys.modules, "edgeroute_env.rendering.window", raising=False)
    refused(edgeroute(*IN_A_WINDOW), "pip install 'edgeroute[render]'")


def test_the_truth_is_never_shown(
    edgeroute_small: Command,
    press: Callable[[Sequence[str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "Truth", Hidden)
    press(ALTERNATELY)
    assert edgeroute_small(*IN_A_WINDOW, *TINY).code == 0

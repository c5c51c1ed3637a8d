"""`edgeroute play` lets a person route an episode, and says afterwards what it was worth."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pygame
import pytest

from edgeroute_baselines import make_router
from edgeroute_env import load_scenario
from edgeroute_env.cli import play as command
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.rendering import snapshot as snapshots
from edgeroute_env.rendering.run import KEYS, Player, Run
from edgeroute_env.rendering.window import Window
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.command_line import Command, Ended

IN_A_WINDOW = ("play", "--window", "--traces", "synthetic", "--seed", "3", "--quiet")
TINY = ("-s", "tiny.yaml")
ALTERNATELY = tuple(KEYS) * 64
RETURN = re.compile(r"(?m)^(\S+) +return +([+-][0-9.]+)$")


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


def short(turns: int, name: str = "paper", **more: Any) -> tuple[Any, Pinned]:
    """Return a preset of a few turns, and the trace of seed 3."""
    scenario = load_scenario(name, {"workload.turns": turns, **more})
    return scenario, Pinned(drawn(scenario, "synthetic"), generators([3]))


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


def refused(ended: Ended, named: str) -> None:
    assert (ended.code, ended.out) == (2, "")
    assert named in ended.err
    assert ended.err.count("\n") == 1


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


class Hidden:
    """Stands for the truth; whoever looks at it fails."""

    def __init__(self, *_: float) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"the truth was asked for {name}")


def test_the_truth_is_never_shown(
    edgeroute_small: Command,
    press: Callable[[Sequence[str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "Truth", Hidden)
    press(ALTERNATELY)
    assert edgeroute_small(*IN_A_WINDOW, *TINY).code == 0
    assert "turn 2 of 6" in in_a_terminal(["left"])[1]


def in_a_terminal(keys: Sequence[str], size: tuple[int, int] = (80, 24)) -> tuple[Any, str]:
    """Press keys in a game of six turns; return the game and what its terminal shows then."""
    pytest.importorskip("textual")
    from edgeroute_env.rendering.terminal import Board, TerminalGame

    scenario, trace = short(6)
    player = Player()
    game = TerminalGame(Run(player, scenario, trace, 3), player)

    async def pressed() -> str:
        async with game.run_test(size=size) as pilot:
            for key in keys:
                if key.startswith("resize"):
                    await pilot.resize_terminal(*map(int, key.split()[1:]))
                else:
                    await pilot.press(key)
                await pilot.pause()
            return str(game.query_one(Board).render()) if game.is_running else ""

    return game, asyncio.run(pressed())


def test_the_arrows_decide() -> None:
    game, shown = in_a_terminal(["left", "x", "right", "up"])
    assert game._player.actions == [0, 1]
    assert "turn 3 of 6" in shown
    assert shown.splitlines()[-1] == "PE"
    assert max(map(len, shown.splitlines())) <= 80


def test_a_game_ends_after_its_last_turn_and_takes_no_more_keys() -> None:
    game, _ = in_a_terminal(["right"] * 8)
    assert game._player.actions == [1] * 6
    assert (game._run.over, game.interrupted) == (True, False)


@pytest.mark.parametrize(
    ("key", "interrupted"), [("q", False), ("escape", False), ("ctrl+c", True)]
)
def test_a_game_can_be_left(key: str, interrupted: bool) -> None:
    game, _ = in_a_terminal(["left", key, "left"])
    assert (game._player.actions, game.interrupted) == ([0], interrupted)


def test_no_turn_is_decided_unseen() -> None:
    game, shown = in_a_terminal(["left", "resize 79 24", "right"])
    assert (game._player.actions, "Make the terminal larger" in shown) == ([0], True)
    game, shown = in_a_terminal(["left", "resize 80 19", "right", "resize 80 20", "right"])
    assert game._player.actions == [0, 1]
    assert "turn 3 of 6" in shown


class Terminal:
    """A pseudo-terminal in which `edgeroute play` runs, its fits made on few episodes."""

    PROGRAM = (
        "from edgeroute_baselines import fitted; fitted.FIT_EPISODES = 5; "
        "from edgeroute_env.cli import main; main()"
    )

    def __init__(self, size: tuple[int, int], kind: str = "xterm") -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.theirs)
        hidden = ("COLUMNS", "LINES", "NO_COLOR")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM, "play", *TINY, "--quiet"],
            env={**environment, "TERM": kind},
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
        )
        os.set_blocking(self.ours, False)
        self.shown = ""

    def resize(self, columns: int, lines: int) -> None:
        """Change the size, and say so as a terminal does."""
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def press(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until a text is shown, and forget what came before."""
        self._read(lambda: text in self.shown)
        self.shown = ""

    def end(self) -> tuple[int, str]:
        """Read to the end; return the exit code and what was shown since the last wait."""
        self._read(lambda: self.process.poll() is not None)
        self._take()
        return self.process.returncode, self.shown

    def _read(self, enough: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not enough():
            assert time.monotonic() < until, self.shown
            time.sleep(0.02)
            self._take()

    def _take(self) -> None:
        try:
            while part := os.read(self.ours, 65536):
                self.shown += re.sub(r"\x1b\[[0-9;]*[mH]", "", part.decode(errors="replace"))
        except OSError:
            pass


@contextmanager
def terminal(size: tuple[int, int] = (90, 30), kind: str = "xterm") -> Iterator[Terminal]:
    pytest.importorskip("textual")
    made = Terminal(size, kind)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        os.close(made.ours)
        os.close(made.theirs)


LEFT, RIGHT, CTRL_C = "\x1b[D", "\x1b[C", "\x03"
# What takes the alternate screen and hides the cursor, and what undoes it.
RESTORED = (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h"))


def restored(end: Terminal, shown: str) -> bool:
    """Return whether the terminal is as before, whose last words are `shown`."""
    same = termios.tcgetattr(end.theirs) == end.before
    return same and all(shown.rfind(done) > shown.rfind(begun) for begun, done in RESTORED)


def test_a_game_in_a_terminal_that_is_resized(edgeroute: Command) -> None:
    with terminal() as own:
        own.wait_for("turn 1 of 6")
        own.press(LEFT)
        own.wait_for("turn 2 of 6")
        own.resize(60, 24)
        own.wait_for("Make the terminal larger")
        own.press(RIGHT)  # not seen, not taken
        own.resize(100, 40)
        own.wait_for("turn 2 of 6")
        for turn in range(3, 7):
            own.press(RIGHT)
            own.wait_for(f"turn {turn} of 6")
        own.press(LEFT)
        code, shown = own.end()
        assert code == 0
        assert restored(own, shown)
        summary = shown[shown.rfind("\x1b") :].replace("\r\n", "\n")
    assert [name for name, _ in RETURN.findall(summary)] == [
        "you",
        "bao-multi-queue",
        "clairvoyant",
    ]


@pytest.mark.parametrize("how", ["key", "signal"])
def test_ctrl_c_restores_the_terminal(how: str, edgeroute: Command) -> None:
    with terminal() as own:
        own.wait_for("turn 1 of 6")
        if how == "key":
            own.press(CTRL_C)
        else:
            own.process.send_signal(signal.SIGINT)
        code, shown = own.end()
        assert code == 130
        assert restored(own, shown)
        assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("size", "kind", "named"),
    [
        ((79, 24), "xterm", "terminal: got '79 x 24'; allowed: 80 x 20"),
        ((80, 19), "xterm", "terminal: got '80 x 19'"),
        ((80, 24), "dumb", "TERM: got 'dumb'"),
    ],
)
def test_a_terminal_that_shows_no_game_is_refused(
    size: tuple[int, int], kind: str, named: str, edgeroute: Command
) -> None:
    with terminal(size, kind) as own:
        code, shown = own.end()
        assert code == 2
        assert shown.startswith(f"edgeroute: {named}")
        assert (shown.count("\n"), "\x1b" in shown) == (1, False)


def test_without_a_terminal_there_is_no_game(edgeroute: Command) -> None:
    pytest.importorskip("textual")
    refused(edgeroute("play", *TINY), "terminal: got 'none'")

"""`edgeroute play` in a terminal: keys, sizes, Ctrl-C, and how the terminal is left."""

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

import pytest

from edgeroute_env.rendering import snapshot as snapshots
from edgeroute_env.rendering.run import Player, Run
from tests.helpers.command_line import Command
from tests.helpers.played import RETURN, TINY, Hidden, refused, short


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


def test_the_truth_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "Truth", Hidden)
    assert "turn 2 of 6" in in_a_terminal(["left"])[1]


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

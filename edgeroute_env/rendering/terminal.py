"""A game in the terminal: the panel of text, and the arrow keys."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Footer

from edgeroute_env.errors import InputError
from edgeroute_env.rendering.panel import COLUMNS, LETTERS, panel
from edgeroute_env.rendering.run import KEYS, Player, Run

LINES = 19  # of the panel
NEEDED = f"{COLUMNS} x {LINES + 1} characters or more"
TINTS = {"device": "#2fb5b7", "edge": "#f29b45"}  # light enough for a dark terminal
_BAR = re.compile(r"(?m)(?<!\S)[" + "".join(LETTERS.values()) + r"?░]+(?!\S)")
_NAMES = {"device": r"\b[Pp]hone\b", "edge": r"\b[Ee]dge\b"}


def need_terminal() -> None:
    """Raise InputError where no game can be shown: no terminal, a dumb one, one too small."""
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    if not all(stream is not None and stream.isatty() for stream in streams):
        allowed = "a terminal for input, output and errors, or --window"
        raise InputError("terminal", "none", allowed)
    kind = os.environ.get("TERM", "")
    if kind in ("", "dumb", "unknown") and sys.platform != "win32":
        raise InputError("TERM", kind, "a terminal that can move its cursor, or --window")
    size = shutil.get_terminal_size()
    if size.columns < COLUMNS or size.lines <= LINES:  # one more for the keys
        found = f"{size.columns} x {size.lines}"
        raise InputError("terminal", found, f"{NEEDED}, or --window")


class Board(Widget):
    """The panel, as wide as the terminal lets it be; drawn anew when its size changes."""

    def __init__(self, run: Run) -> None:
        """Show an episode."""
        super().__init__()
        self._run = run

    @property
    def legible(self) -> bool:
        """Whether the whole panel fits."""
        return self.size.width >= COLUMNS and self.size.height >= LINES

    def render(self) -> Text:
        """Return the moment that the episode is at."""
        if not self.legible:
            return Text(f"Make the terminal larger: {NEEDED}, or q to leave")
        return coloured(panel(self._run.shot()))


class TerminalGame(App[None]):
    """Shows each turn and waits for its route; ends after the last turn, or when it is left."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Board { height: 1fr; content-align: center top; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("left", "decide('left')", "phone"),
        ("right", "decide('right')", "edge"),
        ("q,escape", "quit", "leave"),
        ("ctrl+c", "interrupt", "stop"),
    ]

    def __init__(self, run: Run, player: Player) -> None:
        """Play an episode that has just begun, whose router is `player`."""
        super().__init__()
        self.interrupted = False
        self._run, self._player, self._board = run, player, Board(run)

    def compose(self) -> ComposeResult:
        """Put the panel above the keys."""
        yield self._board
        yield Footer()

    def on_mount(self) -> None:
        """End in order, too, when the signal comes from elsewhere than the keyboard."""
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.action_interrupt)

    def action_decide(self, key: str) -> None:
        """Route the turn that waits, where it can be read."""
        if self._run.over or not self._board.legible:
            return
        self._player.decide(KEYS[key])
        self._run.step()
        self._board.refresh()
        if self._run.over:
            self.exit()

    def action_interrupt(self) -> None:
        """End as Ctrl-C does anywhere else; the caller sees `interrupted`."""
        self.interrupted = True
        self.exit()


def coloured(text: str) -> Text:
    """Return a panel with the phone in teal and the edge in orange."""
    shown = Text(text, no_wrap=True)
    for route, tint in TINTS.items():
        shown.highlight_regex(_NAMES[route], tint)
        for bar in _BAR.finditer(text):
            for part in re.finditer(LETTERS[route] + "+", bar[0]):
                shown.stylize(tint, bar.start() + part.start(), bar.start() + part.end())
    return shown


def play(run: Run, player: Player) -> None:
    """Let a person play an episode to its end, unless it is left before.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the terminal is as it was before.
    """
    game = TerminalGame(run, player)
    game.run(mouse=False)
    if game.interrupted:
        raise KeyboardInterrupt

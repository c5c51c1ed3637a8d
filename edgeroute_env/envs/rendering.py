"""What `render` shows of the first episodes of a batch."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.rendering import need_pygame
from edgeroute_env.rendering.history import History
from edgeroute_env.rendering.panel import panel
from edgeroute_env.rendering.snapshot import Snapshot, snapshot
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch

Picture: TypeAlias = NDArray[np.uint8]

NARROWEST, USUAL, WIDEST = 320, 640, 3840  # pixels of a picture's width


def checked_mode(mode: Any, known: list[str]) -> str | None:
    """Return a render mode; InputError where it is not known."""
    if mode is not None and not (isinstance(mode, str) and mode in known):
        raise InputError("render_mode", mode, ", ".join(map(repr, known)) + " or None")
    return mode


class Screen:
    """The turns of the episodes that are drawn, and what draws them."""

    def __init__(self, scenario: Scenario, count: int = 1, width: Any = USUAL) -> None:
        """Follow the first `count` episodes of a batch; pictures are `width` pixels wide."""
        try:
            pixels = operator.index(width)
        except TypeError:
            pixels = 0
        if not NARROWEST <= pixels <= WIDEST:
            allowed = f"a whole number of pixels from {NARROWEST} to {WIDEST}"
            raise InputError("render_width", width, allowed)
        self._scenario, self._zoom = scenario, pixels / USUAL
        self._pasts = [History() for _ in range(count)]
        self._window: Any = None

    def begin(self, which: Iterable[Any] = (0,)) -> None:
        """Forget the turns of the episodes that have just begun."""
        for e in which:
            if e < len(self._pasts):
                self._pasts[e] = History()

    def add(self, batch: Batch, routed: NDArray[np.bool_] | None = None) -> None:
        """Read the turns that the batch has just routed, in all episodes or in some."""
        for e, past in enumerate(self._pasts):
            if routed is None or routed[e]:
                past.add(batch, e)

    def pictures(self, batch: Batch) -> tuple[Picture, ...]:
        """Return the episodes' pictures, uint8, their height 5/8 of their width.

        Raises:
            DependencyNotInstalled: pygame is missing.
        """
        need_pygame()
        from edgeroute_env.rendering.frame import draw

        return tuple(draw(shot, self._zoom) for shot in self._shots(batch))

    def text(self, batch: Batch) -> str:
        """Return the first episode as lines of text."""
        return panel(next(self._shots(batch)))

    def show(self, batch: Batch, frames_per_s: float) -> None:
        """Show the first episode in a window and wait for the next frame's time.

        Raises:
            DependencyNotInstalled: pygame is missing.
            InputError: there is no display.
        """
        picture = self.pictures(batch)[0]
        if self._window is None:
            from edgeroute_env.rendering.window import Window

            self._window = Window(self._scenario.name)
        self._window.show(picture, frames_per_s)

    def close(self) -> None:
        """Close the window, where there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _shots(self, batch: Batch) -> Iterator[Snapshot]:
        return (snapshot(self._scenario, batch, e, past) for e, past in enumerate(self._pasts))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the window out: a copied environment opens one of its own."""
        return {**self.__dict__, "_window": None}

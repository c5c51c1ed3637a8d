"""A window that shows frames."""

from __future__ import annotations

import os
import sys

import numpy as np
import pygame
from numpy.typing import NDArray

from edgeroute_env.errors import InputError

_UNSEEN = ("dummy", "offscreen", "evdev")  # what SDL takes where there is no display


class Window:
    """A window of the first frame's size, which may be resized; once closed it stays closed."""

    def __init__(self, title: str) -> None:
        """Prepare a window; it opens with the first frame."""
        self._title = title
        self._page: pygame.Surface | None = None
        self._clock = pygame.time.Clock()
        self.keys: list[str] = []  # names of those pressed while the last frame was shown
        self.closed = False

    def show(self, frame: NDArray[np.uint8], frames_per_s: float) -> bool:
        """Show a frame, uint8, shape (height, width, 3), and wait until it has had its time.

        Returns whether the window is still open.

        Raises:
            InputError: there is no display.
        """
        if self.closed:
            return False
        if self._page is None:
            self._page = self._opened((frame.shape[1], frame.shape[0]))
        self._draw(self._page, frame)
        pygame.display.flip()
        self._clock.tick(frames_per_s)
        events = pygame.event.get()
        self.keys = [pygame.key.name(event.key) for event in events if event.type == pygame.KEYDOWN]
        if {"escape", "q"}.intersection(self.keys) or any(e.type == pygame.QUIT for e in events):
            self.close()
        return not self.closed

    def close(self) -> None:
        """Close the window."""
        if self._page is not None:
            pygame.display.quit()
            self._page = None
        self.closed = True

    def _draw(self, page: pygame.Surface, frame: NDArray[np.uint8]) -> None:
        """Fit a frame into the window, whatever size that has by now."""
        picture = pygame.surfarray.make_surface(frame.swapaxes(0, 1))
        scale = min(page.get_width() / frame.shape[1], page.get_height() / frame.shape[0])
        if scale != 1.0:
            size = max(int(frame.shape[1] * scale), 1), max(int(frame.shape[0] * scale), 1)
            picture = pygame.transform.smoothscale(picture, size)
        page.fill(0)
        page.blit(picture, picture.get_rect(center=page.get_rect().center))

    def _opened(self, size: tuple[int, int]) -> pygame.Surface:
        need_display()
        try:
            pygame.display.init()
            if pygame.display.get_driver() in _UNSEEN and not os.environ.get("SDL_VIDEODRIVER"):
                raise pygame.error("none that can be reached")
            page = pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            pygame.display.quit()
            raise _no_display(str(error)) from None
        pygame.display.set_caption(f"EdgeRoute: {self._title}")
        return page


def need_display() -> None:
    """Raise InputError where there is no display; asked first, as Wayland would complain."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in named):
        raise _no_display("none")


def _no_display(found: str) -> InputError:
    return InputError("display", found, "a screen; without one, draw to a file or to the terminal")

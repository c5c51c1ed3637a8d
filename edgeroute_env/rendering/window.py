"""A window that shows frames."""

from __future__ import annotations

import os

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
        pygame.surfarray.blit_array(self._page, frame.swapaxes(0, 1))
        pygame.display.flip()
        self._clock.tick(frames_per_s)
        keys = (pygame.K_ESCAPE, pygame.K_q)
        for event in pygame.event.get():
            asked = event.type == pygame.KEYDOWN and event.key in keys
            if asked or event.type == pygame.QUIT:
                self.close()
        return not self.closed

    def close(self) -> None:
        """Close the window."""
        if self._page is not None:
            pygame.display.quit()
            self._page = None
        self.closed = True

    def _opened(self, size: tuple[int, int]) -> pygame.Surface:
        try:
            pygame.display.init()
            if "SDL_VIDEODRIVER" not in os.environ and pygame.display.get_driver() in _UNSEEN:
                raise pygame.error("none found")
            page = pygame.display.set_mode(size, pygame.SCALED | pygame.RESIZABLE)
        except pygame.error as error:
            pygame.display.quit()
            allowed = "a screen; without one, render_mode='rgb_array' or a file"
            raise InputError("display", str(error), allowed) from None
        pygame.display.set_caption(f"EdgeRoute: {self._title}")
        return page

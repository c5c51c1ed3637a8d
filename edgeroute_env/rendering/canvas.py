"""A surface to draw on: shapes at twice the size, smoothed down, then text at its true size."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TypeAlias

import numpy as np
import pygame
import pygame.freetype
from numpy.typing import NDArray

Colour: TypeAlias = str

WIDTH, HEIGHT = 640, 400  # of a frame; all coordinates are in this grid
_FINE = 2  # shapes are drawn this many times as large


@cache
def _font(bold: bool) -> pygame.freetype.Font:
    pygame.freetype.init()  # once more does no harm
    path = files("edgeroute_env.rendering") / "fonts" / f"inter-{600 if bold else 400}.ttf"
    return pygame.freetype.Font(BytesIO(path.read_bytes()))  # it reads on, so the file stays open


@cache
def _colour(name: Colour) -> pygame.Color:
    return pygame.Color(name)


class Canvas:
    """A frame of WIDTH times HEIGHT points."""

    def __init__(self, background: Colour) -> None:
        """Make an empty frame."""
        self._fine = pygame.Surface((WIDTH * _FINE, HEIGHT * _FINE), 0, 24)
        self._fine.fill(_colour(background))
        self._texts: list[tuple[float, float, str, float, Colour, bool, str]] = []

    def box(self, at: tuple[float, float, float, float], colour: Colour, radius: float = 0) -> None:
        """Fill the rectangle x, y, width, height; nothing where it is thinner than a point."""
        x, y, width, height = (round(v * _FINE) for v in at)
        if width > 0 and height > 0:
            area = (x, y, width, height)
            pygame.draw.rect(self._fine, _colour(colour), area, border_radius=int(radius * _FINE))

    def hatched(self, at: tuple[float, float, float, float], colour: Colour) -> None:
        """Outline a rectangle and fill it with slanted lines: still to come, or to be redone."""
        x, y, width, height = (round(v * _FINE) for v in at)
        if width <= 0 or height <= 0:
            return
        area = pygame.Rect(x, y, width, height)
        self._fine.set_clip(area)
        for start in range(x - height, x + width, 7):
            ends = (start, y + height), (start + height, y)
            pygame.draw.line(self._fine, _colour(colour), *ends, 2)
        self._fine.set_clip(None)
        pygame.draw.rect(self._fine, _colour(colour), area, 1)

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        pygame.draw.circle(self._fine, _colour(colour), (x * _FINE, y * _FINE), radius * _FINE)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        colour: Colour,
        *,
        size: float = 10,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Write a line whose base is at y; `align` says which end x is."""
        self._texts.append((*at, text, size, colour, bold, align))

    def pixels(self) -> NDArray[np.uint8]:
        """Return the finished frame, uint8, shape (HEIGHT, WIDTH, 3)."""
        frame = pygame.transform.smoothscale(self._fine, (WIDTH, HEIGHT))
        for x, y, text, size, colour, bold, align in self._texts:
            image, ascent = _written(text, size, colour, bold)
            left = {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * image.get_width()
            frame.blit(image, (round(x - left), round(y - ascent)))
        return np.ascontiguousarray(pygame.surfarray.pixels3d(frame).swapaxes(0, 1))


_TEXTS: dict[tuple[str, float, Colour, bool], tuple[pygame.Surface, int]] = {}


def _written(text: str, size: float, colour: Colour, bold: bool) -> tuple[pygame.Surface, int]:
    """Return a line as an image and the height of its base; kept for the frames to come."""
    key = (text, size, colour, bold)
    if key not in _TEXTS:
        if len(_TEXTS) > 5000:  # numbers change from frame to frame
            _TEXTS.clear()
        image, area = _font(bold).render(text, _colour(colour), size=size)
        _TEXTS[key] = image, area.y
    return _TEXTS[key]

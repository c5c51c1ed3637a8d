"""A surface to draw on: shapes and texts are made once, larger, smoothed down, and kept.

What differs from one frame to the next is where they stand, so a frame is mostly copying.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from typing import TypeAlias

import numpy as np
import pygame
import pygame.freetype
from numpy.typing import NDArray

Colour: TypeAlias = str
Box: TypeAlias = tuple[float, float, float, float]  # x, y, width, height

WIDTH, HEIGHT = 640, 400  # of the grid that all coordinates are in
_FINE = 2  # shapes are drawn this many times as large
_FINE_TEXT = 4  # letters too: at their true size they would be spaced unevenly
_KEPT = 4000  # shapes and texts
_RGB = (0xFF, 0xFF00, 0xFF0000, 0)  # the order of a frame's bytes


class Canvas:
    """A frame of WIDTH times HEIGHT points, each `zoom` pixels wide and high."""

    def __init__(self, background: Colour, zoom: float = 1.0) -> None:
        """Make an empty frame."""
        self._zoom = zoom
        self._page = pygame.Surface((round(WIDTH * zoom), round(HEIGHT * zoom)), 0, 32)
        self._page.fill(background)

    def box(self, at: Box, colour: Colour, radius: float = 0) -> None:
        """Fill a rectangle; nothing where it is thinner than half a pixel."""
        self._put(at, "box", colour, round(radius * self._zoom * _FINE))

    def hatched(self, at: Box, colour: Colour) -> None:
        """Outline a rectangle and fill it with slanted lines: still to come, or to be redone."""
        self._put(at, "hatched", colour, round(3.5 * self._zoom * _FINE))

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        side = 2 * radius
        self._put((x - radius, y - radius, side, side), "box", colour, WIDTH)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        colour: Colour,
        *,
        size: float = 10,
        bold: bool = False,
        align: str = "left",
    ) -> float:
        """Write a line whose base is at y; `align` says which end x is. Returns its left end."""
        image, ascent = _written(text, size * self._zoom, colour, bold)
        left = {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * image.get_width()
        column = round(at[0] * self._zoom - left)
        self._page.blit(image, (column, round(at[1] * self._zoom) - ascent))
        return column / self._zoom

    def pixels(self) -> NDArray[np.uint8]:
        """Return the finished frame, uint8, shape (height, width, 3)."""
        frame = pygame.Surface(self._page.get_size(), 0, 24, _RGB)
        frame.blit(self._page, (0, 0))
        return np.ascontiguousarray(pygame.surfarray.pixels3d(frame).swapaxes(0, 1))

    def _put(self, at: Box, kind: str, colour: Colour, measure: int) -> None:
        """Copy a shape to its place, which is exact to half a pixel."""
        grid = self._zoom * _FINE
        x, y, width, height = (round(v * grid) for v in at)
        if width > 0 and height > 0:
            (column, left), (row, top) = divmod(x, _FINE), divmod(y, _FINE)
            image = _shape((left, top, width, height), kind, colour, measure)
            self._page.blit(image, (column, row))


@lru_cache(_KEPT)
def _shape(
    at: tuple[int, int, int, int], kind: str, colour: Colour, measure: int
) -> pygame.Surface:
    """Return a shape; `measure` is a box's radius or the distance between slanted lines."""
    left, top, width, height = at
    columns, rows = (-(-end // _FINE) for end in (left + width, top + height))
    fine = pygame.Surface((columns * _FINE, rows * _FINE), pygame.SRCALPHA, 32)
    ink = pygame.Color(colour)
    fine.fill((ink.r, ink.g, ink.b, 0))  # so that edges fade into nothing, and not into black
    if kind == "box":
        pygame.draw.rect(fine, ink, at, border_radius=measure)
    else:
        thick = max(measure // 3, 1)
        fine.set_clip(at)
        for start in range(left - height, left + width, measure):
            ends = (start, top + height), (start + height, top)
            pygame.draw.line(fine, ink, *ends, thick)
        fine.set_clip(None)
        pygame.draw.rect(fine, ink, at, max(thick // 2, 1))
    return pygame.transform.smoothscale(fine, (columns, rows))


@cache
def _font(bold: bool) -> pygame.freetype.Font:
    pygame.freetype.init()  # once more does no harm
    pygame.register_quit(_font.cache_clear)  # fonts end with pygame.quit(), which wrappers call
    path = files("edgeroute_env.rendering") / "fonts" / f"inter-{600 if bold else 400}.ttf"
    font = pygame.freetype.Font(BytesIO(path.read_bytes()))  # it reads on, so the file stays open
    font.kerning = True
    return font


@lru_cache(_KEPT)
def _written(text: str, size: float, colour: Colour, bold: bool) -> tuple[pygame.Surface, int]:
    """Return a line as an image and the height of its base, in pixels."""
    font, ink = _font(bold), pygame.Color(colour)
    area = font.get_rect(text, size=size * _FINE_TEXT)
    ascent = -(-area.y // _FINE_TEXT)
    descent = -(-max(area.height - area.y, 0) // _FINE_TEXT)
    columns = -(-(area.x + area.width) // _FINE_TEXT)
    fine = pygame.Surface(
        (columns * _FINE_TEXT, (ascent + descent) * _FINE_TEXT), pygame.SRCALPHA, 32
    )
    fine.fill((ink.r, ink.g, ink.b, 0))
    font.origin = True
    font.render_to(fine, (0, ascent * _FINE_TEXT), None, ink, size=size * _FINE_TEXT)
    return pygame.transform.smoothscale(fine, (columns, ascent + descent)), ascent

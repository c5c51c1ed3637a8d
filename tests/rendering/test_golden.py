"""Pictures of four moments stay what was looked at and found good.

To make them again after a change of the drawing, then look at them:

    python -m tests.rendering.test_golden
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeroute_env.rendering.frame import draw, side_by_side
from tests.helpers.moments import four_moments

FOLDER = Path(__file__).parent / "golden"
BLOCK, MOST = 8, 10.0  # pixels of a square, and how far its mean may be off, of 255


def furthest(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the largest difference between the mean colours of squares of two pictures."""
    difference = a.astype(float) - b
    height, width, _ = difference.shape
    squares = difference.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3)
    return float(np.abs(squares.mean(axis=(1, 3))).max())


@pytest.mark.parametrize("name", four_moments())
def test_pictures_are_those_that_were_looked_at(name: str) -> None:
    kept = np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"))
    assert furthest(draw(four_moments()[name]), kept) < MOST


def test_a_small_change_is_noticed() -> None:
    shot = four_moments()["quota"]
    warmer = replace(shot, phone=replace(shot.phone, heat=shot.phone.heat + 0.1))
    emptier = replace(shot, dialogue=replace(shot.dialogue, pieces=shot.dialogue.pieces[:-1]))
    fewer = replace(shot, turns=shot.turns[:-1])
    for changed in (warmer, emptier, fewer):
        assert furthest(draw(changed), draw(shot)) > MOST


def test_three_pictures_stand_in_two_rows_on_the_same_paper() -> None:
    picture = draw(four_moments()["quota"], 0.5)
    page = side_by_side([picture] * 3)
    assert page.shape == (400, 640, 3)
    for part in (page[:200, :320], page[:200, 320:], page[200:, :320]):
        assert np.array_equal(part, picture)
    assert (page[200:, 320:] == picture[0, 0]).all()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for moment, snapshot in four_moments().items():
        Image.fromarray(draw(snapshot)).save(FOLDER / f"{moment}.png", optimize=True)

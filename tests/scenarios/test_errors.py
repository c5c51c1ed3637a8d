"""What pydantic finds wrong is told as our one error, for any model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from edgeroute_env.errors import InputError, input_error
from edgeroute_env.fields import Count, Part


class Disc(Part):
    shape: Literal["disc"]
    radius: Count


class Box(Part):
    shape: Literal["box"]
    width: Count
    height: Count

    @model_validator(mode="after")
    def _is_wide(self) -> Box:
        if self.width < self.height:
            raise InputError("width", self.width, "at least the height")
        return self


class Drawing(Part):
    shapes: tuple[Annotated[Disc | Box, Field(discriminator="shape")], ...]
    title: str = ""


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "shapes: got 'nothing'; allowed: this field is required"),
    ({"shapes": (), "colour": 1}, "colour: got 1; allowed: one of the fields shapes, title"),
    ({"shapes": [{}]}, "shapes.0.shape: got {}; allowed: 'disc' or 'box'"),
    ({"shapes": [{"shape": "disc"}]}, "shapes.0.radius: got 'nothing'; allowed: this field"),
    (
        {"shapes": [{"shape": "box", "width": 1, "height": 1, "radius": 1}]},
        "shapes.0.radius: got 1; allowed: one of the fields shape, width, height",
    ),
    (
        {"shapes": [{"shape": "disc", "radius": 0}]},
        "shapes.0.radius: got 0; allowed: a whole number from 1",
    ),
    (
        {"shapes": [{"shape": "box", "width": 1, "height": 2}]},
        "shapes.0.width: got 1; allowed: at least the height",
    ),
]


@pytest.mark.parametrize(("content", "told"), BAD)
@pytest.mark.parametrize("place", ["", "own.yaml: "])
def test_the_first_error_names_field_value_and_what_is_allowed(
    content: dict[str, Any], told: str, place: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Drawing.model_validate(content)
    assert str(input_error(caught.value, Drawing, place)).startswith(place + told)


def test_what_is_no_mapping_at_all_is_named_after_its_model() -> None:
    with pytest.raises(ValidationError) as caught:
        Drawing.model_validate(5)
    assert str(input_error(caught.value, Drawing)).startswith("drawing: got 5; allowed: ")

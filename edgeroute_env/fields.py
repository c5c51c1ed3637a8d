"""What all validated parts of a configuration share: their base class and kinds of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
)
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Within:
    """Numbers from `low` to `high`, both included; texts, truths and NaN are none.

    Goes into the annotation of an `int` or a `float`. A whole float is an int, as `1e3` is one.
    """

    low: float
    high: float

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check a value before pydantic stores it; the error's words are what is allowed."""
        check = self._whole if source is int else self._real
        return core_schema.no_info_before_validator_function(check, handler(source))

    def _real(self, value: Any) -> float:
        number = value.item() if isinstance(value, np.generic) else value
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not is_number or not self.low <= number <= self.high:
            raise ValueError(f"a number from {self.low:g} to {self.high:g}")
        return float(number)

    def _whole(self, value: Any) -> int:
        number = value.item() if isinstance(value, np.generic) else value
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not is_number or not self.low <= number <= self.high or number != math.floor(number):
            raise ValueError(f"a whole number from {self.low:.0f} to {self.high:.0f}")
        return int(number)


# Numbers of no kind in particular. A positive one keeps away from 0, so that one over it is finite.
Positive = Annotated[float, Within(1e-12, 1e21)]
NonNegative = Annotated[float, Within(0.0, 1e21)]
Share = Annotated[float, Within(0.0, 1.0)]
OpenShare = Annotated[float, Within(0.0, 0.999)]
Count = Annotated[int, Within(1, 10**12)]

# Physical quantities: from what no instrument would tell from 0 to what no system here could be.
Seconds = Annotated[float, Within(0.0, 1e5)]  # what a turn may wait for: up to a day
Duration = Annotated[float, Within(1e-6, 1e5)]
TimeConstant = Annotated[float, Within(1e-6, 1e15)]  # the upper end is for what never changes
Decibels = Annotated[float, Within(-400.0, 400.0)]
Loss = Annotated[float, Within(0.0, 400.0)]  # dB
Watts = Annotated[float, Within(0.0, 1e6)]
Joules = Annotated[float, Within(0.0, 1e6)]
Bytes = Annotated[float, Within(0.0, 1e9)]
Tokens = Annotated[float, Within(0.0, 1e7)]
Rate = Annotated[float, Within(1e-3, 1e15)]  # tokens a second
Hertz = Annotated[float, Within(1e2, 1e15)]
Metres = Annotated[float, Within(1e-3, 1e6)]

Flag = Annotated[bool, Strict()]


class Part(BaseModel):
    """A frozen group of fields that refuses unknown ones, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def without_defaults(*fields: str) -> Any:
    """Return a serializer that leaves fields out while they are at their defaults.

    Fits and policies know a scenario by its dump, which these fields, newer than some fits, must
    not change.
    """

    def short(self: Part, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        for name in fields:
            if getattr(self, name) == type(self).model_fields[name].default:
                del dumped[name]
        return dumped

    return model_serializer(mode="wrap")(short)

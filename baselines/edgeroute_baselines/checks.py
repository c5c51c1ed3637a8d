"""Checks of the parameters of rules."""

from __future__ import annotations

import math

from edgeroute_env import InputError


def finite(**values: float) -> None:
    """Raise InputError for a value that is not a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(name, value, "a finite number")


def not_negative(**values: float) -> None:
    """Raise InputError for a value that is below 0 or not a finite number."""
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise InputError(name, value, "a finite number, 0 or more")


def share(**values: float) -> None:
    """Raise InputError for a value outside [0, 1]."""
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise InputError(name, value, "0 to 1")

"""Refuse parameters that are no numbers, or none that a rule can use."""

from __future__ import annotations

import math

from edgeroute_env import InputError


def finite(**values: float) -> None:
    """Refuse what is not a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(name, value, "a finite number")


def not_negative(**values: float) -> None:
    """Refuse what is below 0 or not a finite number."""
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise InputError(name, value, "a finite number, 0 or more")


def share(**values: float) -> None:
    """Refuse what is not within [0, 1]."""
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise InputError(name, value, "0 to 1")

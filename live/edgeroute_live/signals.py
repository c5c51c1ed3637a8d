"""What a phone tells of itself: in the headers of a request, or in a small file that it writes.

The file is a JSON object with any of snr_db, heat, battery, background; an old one says nothing.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

from edgeroute_env.errors import InputError
from edgeroute_live.observing import Signals

HEADERS = {
    "snr_db": "X-EdgeRoute-SNR-dB",
    "heat": "X-EdgeRoute-Heat",
    "battery": "X-EdgeRoute-Battery",
    "background": "X-EdgeRoute-Background",
}
BOUNDS = {"snr_db": (-100.0, 100.0), "heat": (0.0, 1.0), "battery": (0.0, 1.0)}
BOUNDS["background"] = (0.0, 1.0)
OLD_S = 30.0
MOST_BYTES = 10_000


def signals(headers: Mapping[str, str], path: Path | None) -> Signals:
    """Return what is told; a header counts before the file.

    Raises:
        InputError: a header holds no number of its range.
    """
    told = _in_file(path) if path is not None else {}
    for name, header in HEADERS.items():
        if header in headers:
            low, high = BOUNDS[name]
            value = _number(headers[header])
            if value is None or not low <= value <= high:
                raise InputError(header, headers[header], f"a number from {low:g} to {high:g}")
            told[name] = value
    return Signals(**told)


def _in_file(path: Path) -> dict[str, float]:
    """Return what the file tells, as far as it can be read: an agent may be writing it."""
    try:
        if time.time() - path.stat().st_mtime > OLD_S:
            return {}
        with path.open("rb") as file:
            content = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    found = {name: _number(content.get(name)) for name in BOUNDS}
    return {
        name: value
        for name, value in found.items()
        if value is not None and BOUNDS[name][0] <= value <= BOUNDS[name][1]
    }


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None

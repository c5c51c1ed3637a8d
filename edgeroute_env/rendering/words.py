"""How the figures of a snapshot are written, in a picture and in a terminal alike."""

from __future__ import annotations

from edgeroute_env.rendering.history import FAILED
from edgeroute_env.rendering.snapshot import Snapshot

ROUTE_NAMES = {"device": "phone", "edge": "edge", FAILED: "failed"}


def seconds(value: float) -> str:
    """Return a time with its unit, three digits or so."""
    return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"


def clock(value_s: float) -> str:
    """Return the time since the episode's start: minutes and seconds, hours where there are any."""
    minutes, left_s = divmod(int(value_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left_s:02}" if hours else f"{minutes}:{left_s:02}"


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.0f} %"


def thousands(value: float) -> str:
    """Return a whole number with its thousands set apart."""
    return f"{value:,.0f}"


def progress(shot: Snapshot) -> str:
    """Return which turn waits, or that none is left."""
    done = len(shot.turns)
    return f"over, {done} turns" if shot.question is None else f"turn {done + 1} of {shot.length}"

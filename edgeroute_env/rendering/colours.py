"""The colours of every drawing: the phone is teal and the edge orange everywhere."""

from __future__ import annotations

from edgeroute_env.rendering.history import CAUSES, FAILED

INK, QUIET, FAINT, RAIL = "#16202e", "#68768c", "#a4b0c2", "#dbe1ea"
PAPER, CARD, EMPTY, BAD, GOOD = "#edf1f6", "#ffffff", "#f1f4f8", "#c8324f", "#6a9e68"
AUTHORS = {"user": "#d0d8e3", "device": "#108a8c", "edge": "#ee8a22", FAILED: BAD}
CAUSE_COLOURS = dict(zip(CAUSES, ("#f0c04a", "#4e9bdf", "#d6326e", "#9470d8", FAINT), strict=True))
QUALITIES = ((0.67, GOOD, "good"), (0.34, "#f0c04a", "fair"), (0.0, BAD, "bad answer"))
COLOURS = sorted(
    {
        INK,
        QUIET,
        FAINT,
        RAIL,
        PAPER,
        CARD,
        EMPTY,
        BAD,
        GOOD,
        *AUTHORS.values(),
        *CAUSE_COLOURS.values(),
    }
)

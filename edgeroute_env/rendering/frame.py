"""The picture of a snapshot: phone, link, edge; the dialogue; latencies; every turn so far.

The phone is teal and the edge orange everywhere. Hatched: to be recomputed, or still to come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.rendering.canvas import Box, Canvas
from edgeroute_env.rendering.colours import (
    AUTHORS,
    BAD,
    CARD,
    CAUSE_COLOURS,
    EMPTY,
    FAINT,
    GOOD,
    INK,
    PAPER,
    QUALITIES,
    QUIET,
    RAIL,
)
from edgeroute_env.rendering.snapshot import Snapshot
from edgeroute_env.rendering.words import ROUTE_NAMES, clock, percent, progress, seconds, thousands

TURNS_SHOWN = 128  # of a long episode, the latest


def draw(shot: Snapshot, zoom: float = 1.0) -> NDArray[np.uint8]:
    """Return the picture of a snapshot, uint8, shape (400 zoom, 640 zoom, 3)."""
    canvas = Canvas(PAPER, zoom)
    for part in (_head, _phone, _link, _edge, _dialogue, _latency, _turns):
        part(canvas, shot)
    return canvas.pixels()


def side_by_side(frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return frames of one size as one picture, at most two in a row."""
    rows = [list(frames[i : i + 2]) for i in range(0, len(frames), 2)]
    if len(rows) > 1 and len(rows[-1]) == 1:
        rows[-1].append(np.broadcast_to(frames[0][0, 0], frames[0].shape))  # paper
    return np.vstack([np.hstack(row) for row in rows])


def _head(canvas: Canvas, shot: Snapshot) -> None:
    canvas.text((12, 21), "EdgeRoute", INK, size=14, bold=True)
    canvas.text((94, 21), shot.scenario[:24], QUIET, size=11)
    if shot.router:
        canvas.text((312, 21), shot.router[:24], INK, size=11, bold=True, align="centre")
    earned = f"return {shot.total:+.2f}"
    left = canvas.text((628, 21), earned, INK, size=11, bold=True, align="right")
    for words in (progress(shot), clock(shot.time_s)):
        left = canvas.text((left - 14, 21), words, QUIET, size=11, align="right")


def _gauge(
    canvas: Canvas,
    at: tuple[float, float, float],
    label: str,
    value: str,
    share: float,
    colour: str,
) -> None:
    """Draw a bar at x, y of a width, filled to a share, with its label and value above."""
    x, y, width = at
    canvas.text((x, y - 5), label, QUIET)
    canvas.text((x + width, y - 5), value, INK, align="right")
    canvas.box((x, y, width, 4), RAIL, 2)
    canvas.box((x, y, width * min(max(share, 0.0), 1.0), 4), colour, 2)


def _legend(canvas: Canvas, y: float, colours: Mapping[str, str]) -> None:
    """Write what colours mean, the last at the card's right end."""
    right = 620.0
    for label, colour in reversed(list(colours.items())):
        left = canvas.text((right, y), label, QUIET, align="right") - 11
        canvas.box((left, y - 7, 7, 7), colour, 2)
        right = left - 10


def _phone(canvas: Canvas, shot: Snapshot) -> None:
    phone = shot.phone
    canvas.box((10, 32, 192, 132), CARD, 6)
    _screen(canvas, shot)
    canvas.box((92, 46, 8, 8), AUTHORS["device"], 2)
    canvas.text((105, 54), "Phone", INK, size=12, bold=True)
    canvas.text((92, 68), phone.model, QUIET, size=9)
    if phone.count > 1:
        which = f"{phone.number + 1} of {phone.count}"
        canvas.text((196, 54), which, QUIET, size=9, align="right")
    hot = BAD if phone.heat > 0.5 else GOOD
    gauges = [("heat", f"{phone.heat:.2f}", phone.heat, hot)]
    busy = seconds(phone.busy_s) if phone.busy_s > 0.0 else "idle"
    gauges.append(("busy for", busy, phone.busy_s / 10, AUTHORS["device"]))
    if phone.battery_left is not None:
        left = phone.battery_left
        gauges.append(("battery", percent(left), left, GOOD if left > 0.2 else BAD))
    narrow = phone.count > 1 and len(gauges) == 3  # room for the map of all phones
    first, step = (86, 20) if narrow else (90, 24)
    for i, gauge in enumerate(gauges):
        _gauge(canvas, (92, first + step * i, 100), *gauge)
    if phone.count > 1:
        top = 133 if narrow else 122
        _crowd(canvas, shot, (92, top, 100, 158 - top))


def _screen(canvas: Canvas, shot: Snapshot) -> None:
    """Draw a phone that shows the end of the dialogue, the waiting question at the bottom."""
    canvas.box((20, 42, 60, 112), INK, 9)
    canvas.box((23, 45, 54, 106), "#f9fafb", 7)
    canvas.box((42, 47, 16, 3), INK, 1.5)
    bottom = 147.0
    if shot.question is not None:
        bottom = 138.0
        canvas.hatched((46, bottom, 26, 7), QUIET)
    for piece in reversed(shot.dialogue.pieces):
        is_user = piece.author == "user"
        x, width = (46, 26) if is_user else (28, 34)
        height = 6.0 if is_user else min(20.0, 8 + piece.tokens / 100)
        bottom -= height + 4
        if bottom < 54:
            break
        canvas.box((x, bottom, width, height), AUTHORS[piece.author], 2)


def _crowd(canvas: Canvas, shot: Snapshot, at: Box) -> None:
    """Draw every phone of the cell as a dot in the colour of its last answer."""
    left, top, width, height = at
    count = shot.phone.count
    rows = max(1, int(math.sqrt(count * height / width)))
    while -(-count // rows) * height / rows > width and rows < count:
        rows += 1
    step = min(height / rows, 8.0)
    columns = max(int(width / step), -(-count // rows))
    radius = min(2.2, 0.4 * step)
    for phone in range(count):
        x = left + (phone % columns + 0.5) * step
        y = top + (phone // columns + 0.5) * step
        if phone == shot.phone.number:
            canvas.dot(x, y, radius + 1.5, INK)
        canvas.dot(x, y, radius, AUTHORS.get(shot.answered.get(phone, ""), RAIL))


def _link(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((208, 32, 230, 132), CARD, 6)
    link, question = shot.link, shot.question
    for bar in range(5):
        lit = link.snr_db > 6.0 * bar - 3.0
        height = 5 + 3.2 * bar
        canvas.box((220 + 6.5 * bar, 64 - height, 4.5, height), INK if lit else RAIL, 1)
    canvas.text((260, 54), f"{link.snr_db:.1f} dB", INK, size=13, bold=True)
    canvas.text((426, 54), "Link", INK, size=12, bold=True, align="right")
    _last_answer(canvas, shot)
    if question is None:
        canvas.text((323, 130), "the episode is over", QUIET, align="centre")
        return
    canvas.text((260, 67), f"radio {seconds(link.radio_s)}", QUIET, size=9)
    prompt = f"{thousands(question.prompt_tokens)} tokens"
    if question.attachment_bytes > 0:
        prompt += f" + {question.attachment_bytes / 1e6:.1f} MB"
    canvas.text((220, 118), "next prompt", QUIET)
    canvas.text((426, 118), prompt, INK, align="right")
    canvas.text((220, 137), "needs the large model", QUIET)
    canvas.text((426, 137), percent(question.score), INK, align="right")
    canvas.box((220, 144, 206, 8), "#d3ecea", 4)
    canvas.box((220, 144, 206 * question.score, 8), AUTHORS["edge"], 4)


def _last_answer(canvas: Canvas, shot: Snapshot) -> None:
    """Draw the way between phone and edge, and on it who answered the last turn."""
    last = shot.turns[-1] if shot.turns else None
    on_air = last is not None and last.route == "edge"
    canvas.box((232, 87, 182, 2), AUTHORS["edge"] if on_air else RAIL)
    canvas.dot(225, 88, 5, AUTHORS["device"])
    canvas.dot(421, 88, 5, AUTHORS["edge"])
    if last is None:
        return
    middle = 323 if last.route != "device" else 278
    canvas.box((middle - 42, 80, 84, 16), AUTHORS[last.route], 8)
    what = f"{ROUTE_NAMES[last.route]}  {seconds(last.latency_s)}"
    ink = CARD if last.route != "edge" else INK  # white on orange is hard to read
    canvas.text((middle, 92), what, ink, bold=True, align="centre")


def _edge(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((444, 32, 186, 132), CARD, 6)
    edge = shot.edge
    canvas.box((456, 46, 8, 8), AUTHORS["edge"], 2)
    canvas.text((469, 54), "Edge", INK, size=12, bold=True)
    canvas.text((620, 54), edge.model, QUIET, size=9, align="right")
    drawn = min(edge.places, 32)  # more than these stand for many places each
    busy = round(edge.load * drawn)
    for place in range(drawn):
        x, y = 456 + 10.3 * (place % 16), 63 + 10.5 * (place // 16)
        canvas.box((x, y, 8.5, 8.5), FAINT if place < busy else RAIL, 2)
    load = f"load, as of {edge.report_age_s:.0f} s ago"
    _gauge(canvas, (456, 103, 164), load, percent(edge.load), edge.load, FAINT)
    colour = AUTHORS["edge"]
    _gauge(canvas, (456, 127, 164), "expected wait", seconds(edge.wait_s), edge.wait_s / 10, colour)
    if edge.calls is not None:
        left = f"{edge.calls_left:.0f} of {edge.calls:.0f}"
        share = edge.calls_left / max(edge.calls, 1.0)
        _gauge(canvas, (456, 151, 164), "calls left", left, share, colour)


def _dialogue(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((10, 170, 620, 74), CARD, 6)
    dialogue, context = shot.dialogue, shot.dialogue.context_tokens
    prompt = shot.question.prompt_tokens if shot.question else 0.0
    room = _round_up(context + prompt)
    scale = 438 / room
    canvas.text((20, 187), f"Dialogue, turn {dialogue.turn}", INK, size=11, bold=True)
    held = f"context {thousands(context)} of {thousands(room)} tokens"
    canvas.text((514, 187), held, QUIET, align="right")
    canvas.text((620, 187), "to recompute", QUIET, align="right")
    canvas.text((20, 205), "context", QUIET)
    canvas.box((76, 194, 438, 14), EMPTY)
    x = 76.0
    for piece in dialogue.pieces:
        width = piece.tokens * scale
        canvas.box((x, 194, max(width - 0.5, 0.5), 14), AUTHORS[piece.author])
        x += width
    if prompt > 0:
        canvas.hatched((x, 194, max(prompt * scale, 2), 14), QUIET)
    for y, (route, cached) in zip((218, 232), dialogue.cached_tokens.items(), strict=True):
        canvas.text((20, y + 3), f"{ROUTE_NAMES[route]} KV", QUIET)
        canvas.box((76, y - 4, 438, 8), EMPTY, 2)
        canvas.box((76, y - 4, cached * scale, 8), AUTHORS[route], 2)
        lacking = context - cached
        canvas.hatched((76 + cached * scale, y - 4, lacking * scale, 8), FAINT)
        redo = f"{thousands(lacking)} tokens" if lacking >= 0.5 else "nothing"
        canvas.text((620, y + 3), redo, INK if lacking >= 0.5 else QUIET, align="right")


def _latency(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((10, 250, 620, 70), CARD, 6)
    canvas.text((20, 267), "Latency", INK, size=11, bold=True)
    names = {"switch": "switch, recompute"}
    _legend(canvas, 267, {names.get(name, name): ink for name, ink in CAUSE_COLOURS.items()})
    bars = [(f"next, {ROUTE_NAMES[route]}", route, shot.next_s[route]) for route in shot.next_s]
    if shot.turns:
        bars.insert(0, ("last turn", shot.turns[-1].route, shot.turns[-1].causes_s))
    longest = max(max((sum(causes.values()) for *_, causes in bars), default=0.0), 1e-9)
    first = 0 if shot.turns else 1
    for i, (label, route, causes) in enumerate(bars, first):
        y, x = 277 + 14 * i, 100.0
        canvas.text((20, y + 7), label, QUIET)
        canvas.dot(91, y + 4, 3.2, AUTHORS[route])
        for cause, length_s in causes.items():
            width = length_s / longest * 466
            canvas.box((x, y, width, 8), CAUSE_COLOURS[cause])
            x += width
        canvas.text((620, y + 7), seconds(sum(causes.values())), INK, align="right")


def _turns(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((10, 326, 620, 66), CARD, 6)
    canvas.text((20, 343), "Turns", INK, size=11, bold=True)
    _legend(canvas, 343, {label: colour for _, colour, label in QUALITIES})
    canvas.box((20, 379, 600, 1), RAIL)
    shown = shot.turns[-TURNS_SHOWN:]
    if not shown:
        return
    longest = max(max(turn.latency_s for turn in shown), 1e-9)
    canvas.text((68, 343), f"height: latency, to {seconds(longest)}", QUIET)
    step = 600 / min(max(shot.length, 16), TURNS_SHOWN)
    for i, turn in enumerate(shown):
        height = max(30 * turn.latency_s / longest, 1)
        x, width = 20 + i * step, max(step - 1, 1)
        canvas.box((x, 379 - height, width, height), AUTHORS[turn.route], 1)
        colour = next(colour for least, colour, _ in QUALITIES if turn.quality >= least)
        canvas.box((x, 383, width, 4), colour, 1)


def _round_up(tokens: float) -> float:
    """Return the next of 1, 1.25, 2.5, 5, 8 times a power of ten, so that bars seldom rescale."""
    power = 10.0 ** math.floor(math.log10(max(tokens, 100.0)))
    return next(power * step for step in (1, 1.25, 2.5, 5, 8, 10) if tokens <= power * step)

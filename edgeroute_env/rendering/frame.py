"""The picture of a snapshot: phone, link, edge; the dialogue; latencies; every turn so far.

The phone is teal and the edge orange everywhere. Hatched: to be recomputed, or still to come.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.rendering.canvas import HEIGHT, WIDTH, Canvas
from edgeroute_env.rendering.snapshot import CAUSES, Snapshot

INK, QUIET, FAINT, RAIL = "#16202e", "#68768c", "#a4b0c2", "#dbe1ea"
PAPER, CARD, EMPTY, FAILED = "#edf1f6", "#ffffff", "#f1f4f8", "#c8324f"
AUTHORS = {"user": "#d0d8e3", "device": "#108a8c", "edge": "#ee8a22", "failed": FAILED}
CAUSE_COLOURS = dict(zip(CAUSES, ("#f0c04a", "#4e9bdf", "#d6326e", "#9470d8", FAINT), strict=True))
QUALITIES = ((0.67, "#6a9e68", "good"), (0.34, "#f0c04a", "fair"), (0.0, FAILED, "bad answer"))
ROUTE_NAMES = {"device": "phone", "edge": "edge", "failed": "failed"}


def draw(shot: Snapshot) -> NDArray[np.uint8]:
    """Return the picture of a snapshot, uint8, shape (400, 640, 3)."""
    canvas = Canvas(PAPER)
    for part in (_head, _phone, _link, _edge, _dialogue, _latency, _turns):
        part(canvas, shot)
    return canvas.pixels()


def tiles(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return frames beside and below each other, as near to a square as they fit."""
    columns = int(np.ceil(np.sqrt(len(frames))))
    rows = -(-len(frames) // columns)
    page = np.full((rows, columns, HEIGHT, WIDTH, 3), 237, np.uint8)
    for i, frame in enumerate(frames):
        page[i // columns, i % columns] = frame
    return page.swapaxes(1, 2).reshape(rows * HEIGHT, columns * WIDTH, 3)


def _head(canvas: Canvas, shot: Snapshot) -> None:
    canvas.text((12, 21), "EdgeRoute", INK, size=14, bold=True)
    canvas.text((96, 21), shot.scenario, QUIET, size=11)
    turn = min(len(shot.turns) + 1, shot.length)
    minutes, seconds = divmod(int(shot.time_s), 60)
    clock = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    canvas.text((420, 21), clock, QUIET, size=11, align="right")
    canvas.text((536, 21), f"turn {turn} of {shot.length}", QUIET, size=11, align="right")
    canvas.text((628, 21), f"return {shot.total:+.2f}", INK, size=11, bold=True, align="right")


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


def _phone(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((10, 32, 192, 132), CARD, 6)
    canvas.box((20, 42, 60, 112), INK, 9)
    canvas.box((23, 45, 54, 106), "#f9fafb", 7)
    canvas.box((42, 47, 16, 3), INK, 1)
    y = 144.0
    canvas.hatched((46, y - 6, 26, 6), QUIET)
    for piece in reversed(shot.dialogue):
        height = 6.0 if piece.author == "user" else min(20.0, 8 + piece.tokens / 100)
        y -= height + 4
        if y - height < 52:
            break
        x, width = (46, 26) if piece.author == "user" else (28, 34)
        canvas.box((x, y - 6, width, height), AUTHORS[piece.author], 2)
    canvas.box((92, 46, 8, 8), AUTHORS["device"], 2)
    canvas.text((105, 54), "Phone", INK, size=12, bold=True)
    if shot.phones > 1:
        canvas.text((192, 54), f"{shot.phone + 1} of {shot.phones}", QUIET, align="right")
    canvas.text((92, 69), shot.phone_model, QUIET, size=9)
    seen = shot.seen
    hot = FAILED if seen["heat"] > 0.5 else "#6a9e68"
    _gauge(canvas, (92, 92, 100), "heat", f"{seen['heat']:.2f}", seen["heat"], hot)
    wait_s = seen["device_wait_s"]
    busy = _seconds(wait_s) if wait_s > 0.0 else "idle"
    _gauge(canvas, (92, 117, 100), "busy for", busy, wait_s / 10, AUTHORS["device"])
    if shot.has_battery:
        left = seen["battery_left"]
        _gauge(canvas, (92, 142, 100), "battery", f"{left:.0%}", left, "#6a9e68")
    elif shot.phones > 1:
        _crowd(canvas, shot)


def _crowd(canvas: Canvas, shot: Snapshot) -> None:
    """Draw every phone of the cell as a dot in the colour of its last answer."""
    last = {turn.phone: turn.route for turn in shot.turns[-2 * shot.phones :]}
    columns = max(16, int(np.ceil(np.sqrt(shot.phones * 4))))
    step = 100 / columns
    for phone in range(shot.phones):
        x = 92 + (phone % columns + 0.5) * step
        y = 130 + (phone // columns + 0.5) * min(step * 1.2, 8)
        radius = min(2.0, 0.4 * step)
        if phone == shot.phone:
            canvas.dot(x, y, radius + 1.5, INK)
        canvas.dot(x, y, radius, AUTHORS.get(last.get(phone, ""), RAIL))


def _link(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((208, 32, 230, 132), CARD, 6)
    seen = shot.seen
    for bar in range(5):
        lit = seen["snr_db"] > 6.0 * bar - 3.0
        height = 5 + 3.2 * bar
        canvas.box((220 + 6.5 * bar, 64 - height, 4.5, height), INK if lit else RAIL, 1)
    canvas.text((260, 54), f"{seen['snr_db']:.1f} dB", INK, size=13, bold=True)
    canvas.text((260, 67), f"radio {_seconds(seen['edge_radio_s'])}", QUIET, size=9)
    canvas.text((426, 54), "Link", INK, size=12, bold=True, align="right")
    last = shot.turns[-1] if shot.turns else None
    on_air = last is not None and last.route == "edge"
    canvas.box((232, 87, 182, 2), AUTHORS["edge"] if on_air else RAIL)
    canvas.dot(225, 88, 5, AUTHORS["device"])
    canvas.dot(421, 88, 5, AUTHORS["edge"])
    if last is not None:
        middle = 323 if last.route != "device" else 278
        canvas.box((middle - 42, 80, 84, 16), AUTHORS[last.route], 8)
        what = f"{ROUTE_NAMES[last.route]}  {_seconds(last.latency_s)}"
        ink = CARD if last.route != "edge" else INK  # white on orange is hard to read
        canvas.text((middle, 92), what, ink, bold=True, align="centre")
    prompt = f"{seen['prompt_tokens']:.0f} tokens"
    if seen["attachment_bytes"] > 0:
        prompt += f" + {seen['attachment_bytes'] / 1e6:.1f} MB"
    canvas.text((220, 118), "next prompt", QUIET)
    canvas.text((426, 118), prompt, INK, align="right")
    canvas.text((220, 137), "needs the large model", QUIET)
    canvas.text((426, 137), f"{seen['score']:.0%}", INK, align="right")
    canvas.box((220, 144, 206, 8), "#d3ecea", 4)
    canvas.box((220, 144, 206 * seen["score"], 8), AUTHORS["edge"], 4)


def _edge(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((446, 32, 184, 132), CARD, 6)
    seen = shot.seen
    canvas.box((456, 46, 8, 8), AUTHORS["edge"], 2)
    canvas.text((469, 54), "Edge", INK, size=12, bold=True)
    canvas.text((620, 54), shot.edge_model, QUIET, size=9, align="right")
    drawn = min(shot.sequences, 32)  # where there are more, each stands for many
    busy = round(seen["edge_load"] * drawn)
    for place in range(drawn):
        x, y = 456 + 10.3 * (place % 16), 63 + 10.5 * (place // 16)
        canvas.box((x, y, 8.5, 8.5), FAINT if place < busy else RAIL, 2)
    load = f"load, as of {seen['report_age_s']:.0f} s ago"
    _gauge(canvas, (456, 104, 164), load, f"{seen['edge_load']:.0%}", seen["edge_load"], FAINT)
    wait_s = seen["edge_wait_s"]
    colour = AUTHORS["edge"]
    _gauge(canvas, (456, 127, 164), "expected wait", _seconds(wait_s), wait_s / 10, colour)
    if shot.edge_calls is not None:
        left = f"{seen['quota_left'] * shot.edge_calls:.0f} of {shot.edge_calls:.0f}"
        _gauge(canvas, (456, 150, 164), "calls left", left, seen["quota_left"], colour)


def _dialogue(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((10, 170, 620, 74), CARD, 6)
    seen = shot.seen
    context, prompt = seen["context_tokens"], seen["prompt_tokens"]
    scale = 438 / _round_up(context + prompt)
    canvas.text((20, 187), f"Dialogue, turn {seen['turn']:.0f}", INK, size=11, bold=True)
    canvas.text((514, 187), f"context {context:,.0f} tokens", QUIET, align="right")
    canvas.text((620, 187), "to recompute", QUIET, align="right")
    canvas.text((20, 205), "context", QUIET)
    canvas.box((76, 194, 438, 14), EMPTY)
    x = 76.0
    for piece in shot.dialogue:
        width = piece.tokens * scale
        canvas.box((x, 194, max(width - 0.5, 0.5), 14), AUTHORS[piece.author])
        x += width
    canvas.hatched((x, 194, max(prompt * scale, 2), 14), QUIET)
    for y, label, route in ((218, "phone KV", "device"), (232, "edge KV", "edge")):
        cached = seen[f"{route}_cached"] * context
        canvas.text((20, y + 3), label, QUIET)
        canvas.box((76, y - 4, 438, 8), EMPTY, 2)
        canvas.box((76, y - 4, cached * scale, 8), AUTHORS[route], 2)
        lacking = context - cached
        canvas.hatched((76 + cached * scale, y - 4, lacking * scale, 8), FAINT)
        redo = f"{lacking:,.0f} tokens" if lacking >= 0.5 else "nothing"
        canvas.text((620, y + 3), redo, INK if lacking >= 0.5 else QUIET, align="right")


def _latency(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((10, 250, 620, 70), CARD, 6)
    canvas.text((20, 267), "Latency", INK, size=11, bold=True)
    legend = (("queue", 316), ("radio", 368), ("switch", 415), ("prefill", 524), ("decode", 573))
    for cause, left in legend:
        canvas.box((left, 260, 7, 7), CAUSE_COLOURS[cause], 2)
        canvas.text((left + 11, 267), cause.replace("switch", "switch, recompute"), QUIET)
    bars = [("next, phone", "device", shot.next_s["device"])]
    bars.append(("next, edge", "edge", shot.next_s["edge"]))
    if shot.turns:
        bars.insert(0, ("last turn", shot.turns[-1].route, shot.turns[-1].causes_s))
    longest = max(max(sum(causes.values()) for _, _, causes in bars), 1e-9)
    for i, (label, route, causes) in enumerate(bars, 3 - len(bars)):
        y, x = 277 + 14 * i, 100.0
        canvas.text((20, y + 7), label, QUIET)
        canvas.dot(91, y + 4, 3.2, AUTHORS[route])
        for cause, seconds in causes.items():
            width = seconds / longest * 466
            canvas.box((x, y, width, 8), CAUSE_COLOURS[cause])
            x += width
        canvas.text((620, y + 7), _seconds(sum(causes.values())), INK, align="right")


def _turns(canvas: Canvas, shot: Snapshot) -> None:
    canvas.box((10, 326, 620, 66), CARD, 6)
    canvas.text((20, 343), "Turns", INK, size=11, bold=True)
    for (_, colour, label), left in zip(QUALITIES, (466, 510, 549), strict=True):
        canvas.box((left, 337, 5, 5), colour, 1)
        canvas.text((left + 9, 343), label, QUIET)
    canvas.box((20, 379, 600, 1), RAIL)
    shown = shot.turns[-128:]  # of a long episode, the latest
    if not shown:
        return
    longest = max(max(turn.latency_s for turn in shown), 1e-9)
    canvas.text((68, 343), f"height: latency, to {_seconds(longest)}", QUIET)
    step = 600 / min(max(shot.length, 16), 128)
    for i, turn in enumerate(shown):
        height = max(30 * turn.latency_s / longest, 1)
        x, width = 20 + i * step, max(step - 1, 1)
        canvas.box((x, 379 - height, width, height), AUTHORS[turn.route], 1)
        colour = next(colour for least, colour, _ in QUALITIES if turn.quality >= least)
        canvas.box((x, 383, width, 4), colour, 1)


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def _round_up(tokens: float) -> float:
    """Return the next of 1, 1.25, 2.5, 5, 8 times a power of ten, so that bars seldom rescale."""
    power = 10.0 ** np.floor(np.log10(max(tokens, 1.0)))
    return float(next(power * step for step in (1.25, 2.5, 5, 8, 10) if tokens <= power * step))

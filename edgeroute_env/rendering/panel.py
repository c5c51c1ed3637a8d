"""A snapshot as a panel of text, 80 columns wide, without colours: P is the phone, E the edge."""

from __future__ import annotations

from collections.abc import Mapping

from edgeroute_env.rendering.history import CAUSES, FAILED
from edgeroute_env.rendering.snapshot import Snapshot
from edgeroute_env.rendering.words import ROUTE_NAMES, clock, percent, progress, seconds, thousands

COLUMNS = 80
BAR = 40  # characters of a bar
LETTERS = {"user": "u", "device": "P", "edge": "E", FAILED: "x"}
HEIGHTS = "▁▂▃▄▅▆▇█"


def panel(shot: Snapshot) -> str:
    """Return a snapshot as lines of at most 80 columns."""
    rule = "─" * COLUMNS
    parts = (_head(shot), rule, *_sides(shot), rule, *_dialogue(shot), rule, *_latency(shot), rule)
    return "\n".join(line.rstrip()[:COLUMNS] for line in (*parts, *_turns(shot)))


def _head(shot: Snapshot) -> str:
    left = f"EdgeRoute  {shot.scenario}  {shot.router}".rstrip()
    right = f"{clock(shot.time_s)}   {progress(shot)}   return {shot.total:+.2f}"
    return f"{left:<{COLUMNS - len(right) - 1}.{COLUMNS - len(right) - 1}} {right}"


def _sides(shot: Snapshot) -> tuple[str, ...]:
    phone, link, edge = shot.phone, shot.link, shot.edge
    which = f"{phone.number + 1} of {phone.count}, " if phone.count > 1 else ""
    busy = f"busy for {seconds(phone.busy_s)}" if phone.busy_s > 0.0 else "idle"
    battery = "" if phone.battery_left is None else f"   battery {percent(phone.battery_left)}"
    calls = "" if edge.calls is None else f"   calls {edge.calls_left:.0f} of {edge.calls:.0f}"
    load = f"load {percent(edge.load)} ({edge.report_age_s:.0f} s ago)"
    return (
        f"Phone  {which + phone.model:<26.26} heat {phone.heat:.2f}   {busy}{battery}",
        f"Link   {link.snr_db:.1f} dB, radio {seconds(link.radio_s)}",
        f"Edge   {edge.model:<18.18} {load}   wait {seconds(edge.wait_s)}{calls}",
    )


def _asked(shot: Snapshot) -> str:
    question = shot.question
    if question is None:
        return ""
    attached = question.attachment_bytes
    file = f" + {attached / 1e6:.1f} MB" if attached > 0 else ""
    prompt = f"{thousands(question.prompt_tokens)} tokens{file}"
    return f": {prompt}, needs the large model {percent(question.score)}"


def _dialogue(shot: Snapshot) -> list[str]:
    dialogue = shot.dialogue
    prompt = shot.question.prompt_tokens if shot.question else 0.0
    whole = max(dialogue.context_tokens + prompt, 1.0)
    bar, spoken = "", 0.0
    for piece in dialogue.pieces:
        spoken += piece.tokens
        bar += LETTERS[piece.author] * (round(BAR * spoken / whole) - len(bar))
    bar += "?" * (BAR - len(bar)) if prompt > 0 else ""
    said = f"{thousands(dialogue.context_tokens)} tokens"
    lines = [f"Dialogue, turn {dialogue.turn}{_asked(shot)}", f"  context    {bar:<{BAR}}  {said}"]
    for route, cached in dialogue.cached_tokens.items():
        held = round(BAR * cached / whole)
        lacking = round(BAR * dialogue.context_tokens / whole) - held
        redo = max(dialogue.context_tokens - cached, 0.0)
        bar = LETTERS[route] * held + "░" * lacking
        name = f"{ROUTE_NAMES[route]} KV"
        lines.append(f"  {name:<10} {bar:<{BAR}}  {thousands(redo)} to recompute")
    return lines


def _latency(shot: Snapshot) -> list[str]:
    lines = [f"{'Latency, s':<21}" + "".join(f"{name:>9}" for name in (*CAUSES, "whole"))]
    if shot.turns:
        last = shot.turns[-1]
        lines.append(_parts(f"last turn, {ROUTE_NAMES[last.route]}", last.causes_s))
    for route, causes_s in shot.next_s.items():
        lines.append(_parts(f"next, {ROUTE_NAMES[route]}", causes_s))
    return lines


def _parts(label: str, causes_s: Mapping[str, float]) -> str:
    values = (*causes_s.values(), sum(causes_s.values()))
    return f"  {label:<19}" + "".join(f"{value:9.2f}" for value in values)


def _turns(shot: Snapshot) -> list[str]:
    if not shot.turns:
        return ["No turn has been routed yet"]
    last, shown = shot.turns[-1], shot.turns[-COLUMNS:]
    longest = max(max(turn.latency_s for turn in shown), 1e-9)
    top = len(HEIGHTS) - 1
    return [
        f"Turns, latency to {seconds(longest)}; the last: quality {last.quality:.2f}, "
        f"reward {last.reward:+.3f}",
        "".join(HEIGHTS[round(top * turn.latency_s / longest)] for turn in shown),
        "".join(LETTERS[turn.route] for turn in shown),
    ]

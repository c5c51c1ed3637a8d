"""Four moments to draw, written down rather than simulated: a change of the world leaves them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeroute_env.rendering.history import CAUSES, FAILED, Piece, Turn
from edgeroute_env.rendering.snapshot import (
    Dialogue,
    Edge,
    Link,
    Phone,
    Question,
    Snapshot,
    Truth,
)

_PIECES = (("user", 40), ("edge", 210), ("user", 22), ("device", 96), ("user", 75), ("edge", 84))
_DEVICE_S = dict(zip(CAUSES, (0.0, 0.0, 0.24, 0.02, 5.3), strict=True))
_EDGE_S = dict(zip(CAUSES, (0.12, 0.08, 0.01, 0.06, 3.25), strict=True))


def _turns(count: int, phones: int) -> tuple[Turn, ...]:
    rng = np.random.default_rng(count)
    turns = []
    for _ in range(count):
        route = str(rng.choice(["device", "edge", FAILED], p=[0.5, 0.48, 0.02]))
        parts = rng.gamma(0.5, [0.2, 0.1, 0.1, 0.2, 6.0])
        causes = dict(zip(CAUSES, map(float, parts), strict=True))
        latency_s, quality = float(parts.sum()), float(rng.beta(2, 0.6))
        reward = quality - latency_s / 20
        turns.append(Turn(int(rng.integers(phones)), route, latency_s, quality, reward, causes, {}))
    return tuple(turns)


def _moment(scenario: str, turns: int, length: int, phones: int = 1) -> Snapshot:
    past = _turns(turns, phones)
    said = sum(tokens for _, tokens in _PIECES)
    return Snapshot(
        scenario=scenario,
        router="",
        time_s=38.5 * turns,
        length=length,
        phone=Phone(24 % phones, phones, "qwen2.5-1.5b-4bit", 0.12, 0.0, None),
        link=Link(18.1, 0.08),
        edge=Edge("qwen2.5-72b", 32, 0.58, 4.0, 0.12, None, 0.0),
        dialogue=Dialogue(
            turn=4,
            pieces=tuple(Piece(author, float(tokens)) for author, tokens in _PIECES),
            context_tokens=float(said),
            cached_tokens={"device": 368.0, "edge": 520.0},
        ),
        question=Question(31.0, 0.0, 0.26),
        seen={},
        next_s={"device": _DEVICE_S, "edge": _EDGE_S},
        prices={},
        turns=past,
        answered={turn.phone: turn.route for turn in past},
        total=float(sum(turn.reward for turn in past)),
        truth=Truth(0.6, 0.1),
    )


def four_moments() -> dict[str, Snapshot]:
    """Return a cell with a battery, a long dialogue with two routers named, a quota, an end."""
    cell = _moment("busy-cell", 600, 1280, phones=40)
    quota = _moment("quota", 90, 128)
    over = _moment("hot-phone", 128, 128)
    nothing = Dialogue(1, (), 0.0, {"device": 0.0, "edge": 0.0})
    return {
        "cell": replace(
            cell, phone=replace(cell.phone, battery_left=0.4, busy_s=2.5), dialogue=nothing
        ),
        "attachment": replace(
            _moment("thin-link", 22, 128), router="linear", question=Question(9.0, 3e5, 0.7)
        ),
        "quota": replace(quota, edge=replace(quota.edge, calls=40.0, calls_left=23.0, load=1.0)),
        "over": replace(
            over,
            phone=replace(over.phone, heat=0.76, busy_s=7.6),
            question=None,
            next_s={},
        ),
    }

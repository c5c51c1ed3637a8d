"""One moment of an episode, as everything that draws it takes it.

A snapshot is made only when something is drawn. It holds what the router can know. What only the
simulator knows is its part `truth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeroute_env.envs.observation import decode
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.state import LATENCY_PARTS

# The causes of a latency as both routes' estimates name them, in the order of a bar.
CAUSES = ("queue", "radio", "switch", "prefill", "decode")


@dataclass(frozen=True)
class Turn:
    """A turn that has been routed."""

    phone: int
    route: str  # who answered: "device", "edge", or "failed"
    latency_s: float
    quality: float
    causes_s: Mapping[str, float]  # the parts of its latency


@dataclass(frozen=True)
class Piece:
    """A stretch of a dialogue's context: who wrote it, "user", "device" or "edge"."""

    author: str
    tokens: float


@dataclass(frozen=True)
class Truth:
    """What only the simulator knows."""

    edge_load: float
    edge_wait_s: float


@dataclass(frozen=True)
class Snapshot:
    """A moment of an episode, when a turn waits to be routed, or after the last one."""

    scenario: str
    phone_model: str
    edge_model: str
    sequences: int  # of the tenants that fill the edge's batch
    phones: int
    phone: int  # the one that asks
    time_s: float
    length: int  # turns of the episode
    seen: Mapping[str, float]  # the observation's features, in physical units
    dialogue: tuple[Piece, ...]
    turns: tuple[Turn, ...]
    next_s: Mapping[str, Mapping[str, float]]  # route -> cause -> expected seconds
    has_battery: bool
    edge_calls: float | None  # allowed in a window, where the scenario limits them
    total: float  # the return so far
    truth: Truth


def snapshot(scenario: Scenario, batch: Batch, e: int, past: Sequence[Any]) -> Snapshot:
    """Return the present moment of episode `e`; `past` holds the OUTCOME of every turn so far."""
    episode = batch.episodes[e]
    rows = batch.traces[episode["trace"], : episode["length"]]
    now = rows[min(int(episode["cursor"]), rows.size - 1)]
    seen = {name: float(value) for name, value in decode(batch.observations[e]).items()}
    user = scenario.population[int(now["user"])]
    turns = tuple(_turn(row, outcome) for row, outcome in zip(rows, past, strict=False))
    return Snapshot(
        scenario=scenario.name,
        phone_model=user.device.model.name,
        edge_model=user.edge.model.name,
        sequences=int(user.edge.tenant_sequences),
        phones=scenario.device.count,
        phone=int(now["device"]),
        time_s=float(now["arrival_s"]),
        length=rows.size,
        seen=seen,
        dialogue=_dialogue(rows, turns, now),
        turns=turns,
        next_s={route: _expected(seen, route) for route in ("device", "edge")},
        has_battery=user.budgets.battery_j is not None,
        edge_calls=user.budgets.edge_calls,
        total=float(sum(outcome["reward"] for outcome in past)),
        truth=Truth(float(now["edge_load"]), float(now["edge_wait_s"])),
    )


def _turn(row: Any, outcome: Any) -> Turn:
    parts = {part: float(outcome[f"{part}_s"]) for part in LATENCY_PARTS}
    parts["queue"] += parts.pop("scoring")
    route = "failed" if outcome["failed"] else "edge" if outcome["edge_call"] else "device"
    latency_s, quality = float(outcome["latency_s"]), float(outcome["quality"])
    return Turn(int(row["device"]), route, latency_s, quality, {c: parts[c] for c in CAUSES})


def _expected(seen: Mapping[str, float], route: str) -> dict[str, float]:
    names = {cause: f"{route}_{cause}_s" for cause in CAUSES} | {"queue": f"{route}_wait_s"}
    return {cause: seen.get(name, 0.0) for cause, name in names.items()}  # no radio on the phone


def _dialogue(rows: Any, turns: Sequence[Turn], now: Any) -> tuple[Piece, ...]:
    """Return who wrote what of the asking phone's dialogue; failed turns leave no trace in it."""
    earlier = int(now["turn"]) - 1
    pieces: list[Piece] = []
    for k in range(min(len(turns), rows.size - 1) - 1, -1, -1):
        if earlier == 0:
            break
        if turns[k].phone != now["device"]:
            continue
        earlier -= 1
        route = turns[k].route
        if route != "failed":
            answer = Piece(route, float(rows[k][f"answer_tokens_{route}"]))
            pieces += [answer, Piece("user", float(rows[k]["prompt_tokens"]))]
    return tuple(reversed(pieces))

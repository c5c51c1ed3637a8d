"""One moment of an episode, as everything that draws it takes it.

A snapshot is made only when something is drawn. It holds what the router can know. What only the
simulator knows is its part `truth`. `snapshot` is the one place that reads the simulator's state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeroute_env.envs.observation import decode
from edgeroute_env.rendering.history import CAUSES, History, Piece, Turn
from edgeroute_env.routing import ROUTES
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch


@dataclass(frozen=True)
class Phone:
    """The phone that asks."""

    number: int  # from 0
    count: int  # phones of the cell
    model: str
    heat: float  # 0 cold to 1 saturated
    busy_s: float
    battery_left: float | None  # share; None where the scenario has no energy budget


@dataclass(frozen=True)
class Link:
    """The way to the edge, and what the next question would need on it."""

    snr_db: float
    radio_s: float


@dataclass(frozen=True)
class Edge:
    """The edge as of its last report."""

    model: str
    places: int  # requests that it serves at a time
    load: float  # 0 to 1
    report_age_s: float
    wait_s: float  # expected
    calls: float | None  # allowed in a window, where the scenario limits them
    calls_left: float


@dataclass(frozen=True)
class Question:
    """The turn that waits to be routed."""

    prompt_tokens: float
    attachment_bytes: float
    score: float  # P(the large model is needed)


@dataclass(frozen=True)
class Dialogue:
    """What has been said in the asking phone's dialogue, and who holds how much of it."""

    turn: int  # the one that waits, or the last, from 1
    pieces: tuple[Piece, ...]
    context_tokens: float
    cached_tokens: Mapping[str, float]  # route -> tokens of the context in its KV cache


@dataclass(frozen=True)
class Truth:
    """What only the simulator knows."""

    edge_load: float
    edge_wait_s: float


@dataclass(frozen=True)
class Snapshot:
    """A moment of an episode, when a turn waits to be routed, or after the last one."""

    scenario: str
    router: str  # who routes; empty where that is not known
    time_s: float
    length: int  # turns of the episode, where no budget ends it before
    phone: Phone
    link: Link
    edge: Edge
    dialogue: Dialogue
    question: Question | None  # None after the last turn
    seen: Mapping[str, float]  # the observation, in physical units
    next_s: Mapping[str, Mapping[str, float]]  # route -> cause -> expected seconds of the question
    prices: Mapping[str, Mapping[str, float]]  # route -> reward term -> what is expected of it
    turns: tuple[Turn, ...]
    answered: Mapping[int, str]  # phone -> who answered its last turn
    total: float  # the return so far
    truth: Truth


def snapshot(scenario: Scenario, batch: Batch, e: int, past: History, router: str = "") -> Snapshot:
    """Return the present moment of episode `e`, whose turns so far are `past`."""
    past.read(batch, e)
    episode = batch.episodes[e]
    over, length = bool(episode["over"]), int(episode["length"])
    now = batch.traces[episode["trace"], past.last_row if over else int(episode["cursor"])]
    seen = {name: float(value) for name, value in decode(batch.observations[e]).items()}
    user = scenario.population[int(now["user"])]
    phone, context = int(now["device"]), seen["context_tokens"]
    # Told at once: the app stops.
    spent = over and bool(batch.devices["battery_j"][e, phone] <= 0.0)
    next_s = {} if over else {route: _expected(seen, route) for route in ROUTES}
    calls, limited = user.budgets.edge_calls, user.budgets.battery_j is not None
    return Snapshot(
        scenario=scenario.name,
        router=router,
        time_s=float(now["arrival_s"]),
        length=length,
        phone=Phone(
            number=phone,
            count=scenario.device.count,
            model=user.device.model.name,
            heat=seen["heat"],
            busy_s=seen["device_wait_s"],
            battery_left=(0.0 if spent else seen["battery_left"]) if limited else None,
        ),
        link=Link(seen["snr_db"], seen["edge_radio_s"]),
        edge=Edge(
            model=user.edge.model.name,
            places=int(user.edge.tenant_sequences) or user.edge.max_sequences,
            load=seen["edge_load"],
            report_age_s=seen["report_age_s"],
            wait_s=seen["edge_wait_s"],
            calls=calls,
            calls_left=seen["quota_left"] * (calls or 0.0),
        ),
        dialogue=Dialogue(
            turn=int(now["turn"]),
            pieces=_known(past.pieces(phone), context) if over or now["turn"] > 1 else (),
            context_tokens=context,
            cached_tokens={route: context * seen[f"{route}_cached"] for route in ROUTES},
        ),
        question=None
        if over
        else Question(seen["prompt_tokens"], seen["attachment_bytes"], seen["score"]),
        seen=seen,
        next_s=next_s,
        prices={route: _prices(seen, route, parts, user) for route, parts in next_s.items()},
        turns=tuple(past.turns),
        answered=dict(past.answered),
        total=past.total,
        truth=Truth(float(now["edge_load"]), float(now["edge_wait_s"])),
    )


def _known(pieces: Sequence[Piece], context_tokens: float) -> tuple[Piece, ...]:
    """Return pieces that sum to the known context: an answer to come is as long as expected."""
    beyond, known = sum(piece.tokens for piece in pieces) - context_tokens, []
    for piece in reversed(pieces):
        tokens = max(0.0, piece.tokens - beyond)
        known.append(Piece(piece.author, tokens))
        beyond -= piece.tokens - tokens
    return tuple(reversed(known))


def _expected(seen: Mapping[str, float], route: str) -> dict[str, float]:
    names = {cause: f"{route}_{cause}_s" for cause in CAUSES} | {"queue": f"{route}_wait_s"}
    return {cause: seen.get(name, 0.0) for cause, name in names.items()}  # no radio on the phone


def _prices(
    seen: Mapping[str, float], route: str, parts_s: Mapping[str, float], user: Scenario
) -> dict[str, float]:
    """Return the reward terms of the question that an observation foretells.

    It says nothing of energy, so neither of a cost relative to the edge's.
    """
    if user.objective.kind == "relative-cost":
        return {}
    until_paid = set(CAUSES) - ({"decode"} if user.objective.kind == "ttft" else set())
    waited_s = sum(parts_s[cause] for cause in until_paid)
    calls = float(route == "edge")
    return {
        "latency": -seen["weight_latency_per_s"] * waited_s,
        "edge_call": -seen["weight_edge_call"] * calls,
    }

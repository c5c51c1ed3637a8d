"""What the simulator's laws predict for logged turns, step by step with more of what was measured.

The formulas are those of `edgeroute_env.physics`, at nominal speed: no heat, no other tenants.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from edgeroute_env.physics import radio
from edgeroute_env.physics.inference import (
    cached_blocks,
    decode_s_per_token,
    device_decode_s,
    device_prefill_s,
    prefill_s,
)
from edgeroute_env.scenario import Scenario, Template
from edgeroute_env.simulator.state import lower
from edgeroute_live.log import LoggedTurn, Side

STEPS = (
    "plain law",  # tokens as estimated from the texts, the cache as the router believes it
    "+ chat template",
    "+ counted tokens",  # as the server counts them
    "+ reported cache",  # as the server reports it
    "+ running speed factor",  # of the same side's turns before
)
NEWEST_COUNTS = 0.2  # how much of the running factor the newest turn is


class Times(NamedTuple):
    """The time to the first token and to the end of the answer, s."""

    ttft_s: float
    completion_s: float


class Predicted(NamedTuple):
    """One answered turn: what was measured, and each step's prediction."""

    side: Side
    measured: Times
    steps: tuple[Times, ...]


class Tokens(NamedTuple):
    """The tokens of a conversation up to its newest prompt, and those of them in the cache."""

    asked: float
    cached: float


class Law:
    """A scenario's nominal times of both sides."""

    def __init__(self, scenario: Scenario) -> None:
        """Take the coefficients that the simulator itself uses."""
        self._scenario = scenario
        self._phone = lower(scenario)[0]
        self._cost = scenario.edge.cost()

    def prefill_s(self, side: Side, tokens: Tokens) -> float:
        """Return the time of a prefill, s."""
        new = tokens.asked - tokens.cached
        if side == "edge":
            return float(prefill_s(self._cost, new, tokens.cached))
        p = self._phone
        terms = ("fixed_s", "s_per_token", "s_per_pair")
        values = (float(p[f"device_prefill_{term}"]) for term in terms)
        return float(device_prefill_s(new, tokens.cached, *values))

    def decode_s(self, side: Side, asked: float, answer: float, beside: float) -> float:
        """Return the time of an answer after its first token, beside other answers like it."""
        context = asked + 0.5 * answer
        rest = max(0.0, answer - 1.0)
        if side == "edge":
            batch = 1.0 + beside
            return rest * float(decode_s_per_token(self._cost, batch, batch * context))
        p = self._phone
        rate, kv_s = float(p["device_decode_tokens_per_s"]), float(p["device_kv_s_per_token"])
        return float(device_decode_s(rest, context, rate, kv_s))

    def link_s(self, sent_bytes: float, snr_db: float | None) -> float:
        """Return the upload and the round trip of a request to the edge, s."""
        link = self._scenario.radio
        known = snr_db if snr_db is not None else link.snr_ceiling_db
        rtt_s = link.rtt_floor_s + link.rtt_excess_mean_s
        if known is None:
            return rtt_s
        lowest = max(known, radio.lowest_snr_db(link.rate))
        efficiency = float(radio.EFFICIENCY[link.rate](lowest))
        rate = radio.seconds_per_byte(efficiency, link.uplink_hz, link.block_error_rate)
        return rtt_s + sent_bytes * float(rate)


@dataclass
class _Factor:
    """A running factor between what is measured and what the law says."""

    log: float = 0.0
    turns: int = 0

    def learn(self, measured_s: float, predicted_s: float) -> None:
        """Take one more turn."""
        if measured_s > 0.0 and predicted_s > 0.0:
            self.turns += 1
            weight = max(NEWEST_COUNTS, 1.0 / self.turns)
            self.log += weight * (math.log(measured_s / predicted_s) - self.log)

    @property
    def value(self) -> float:
        """The factor."""
        return math.exp(self.log)


@dataclass
class _Held:
    """What the router believes that each side holds of each dialogue, in three counts of tokens."""

    tokens: dict[tuple[str, Side, int], float] = field(default_factory=dict)

    def of(self, turn: LoggedTurn, side: Side, count: int, asked: float) -> Tokens:
        """Return a conversation's tokens; its last one is never cached."""
        held = self.tokens.get((turn.dialogue, side, count), 0.0)
        return Tokens(asked, max(0.0, min(held, asked - 1.0)))


def predict(turns: Iterable[LoggedTurn], scenario: Scenario) -> list[Predicted]:
    """Return the predictions for all turns that a side answered and told its tokens of."""
    law, held = Law(scenario), _Held()
    template = scenario.workload.template or Template()
    kept = {"device": scenario.device.kept_answer, "edge": scenario.edge.kept_answer}
    first, rest = ({side: _Factor() for side in kept} for _ in range(2))
    found = []
    for turn in turns:
        side, measured = turn.side, _measured(turn)
        if side is None or measured is None or not turn.answer_tokens:
            continue
        counts = _counts(turn, template)
        believed = [held.of(turn, side, n, asked) for n, asked in enumerate(counts)]
        reported = turn.cached_tokens
        told = believed[-1] if reported is None else Tokens(counts[-1], float(reported))
        on_way_s = law.link_s(turn.request_bytes, turn.snr_db) if side == "edge" else 0.0
        steps = []
        for tokens in (*believed, told):
            ttft_s = on_way_s + law.prefill_s(side, tokens)
            decode_s = law.decode_s(side, tokens.asked, turn.answer_tokens, turn.busy)
            steps.append(Times(ttft_s, ttft_s + decode_s))
        last = steps[-1]
        factors = first[side].value, rest[side].value
        ttft_s = factors[0] * last.ttft_s
        steps.append(Times(ttft_s, ttft_s + factors[1] * (last.completion_s - last.ttft_s)))
        first[side].learn(measured.ttft_s, last.ttft_s)
        rest[side].learn(measured.completion_s - measured.ttft_s, last.completion_s - last.ttft_s)
        for n, asked in enumerate(counts):
            context = asked + kept[side] * turn.answer_tokens
            now = cached_blocks(context) if side == "edge" else context
            held.tokens[turn.dialogue, side, n] = float(now)
        found.append(Predicted(side, measured, tuple(steps)))
    return found


def _measured(turn: LoggedTurn) -> Times | None:
    """Return the times from the moment at which the side was asked; None if they are not known."""
    if turn.status != 200 or turn.prompt_tokens is None:
        return None
    if turn.upstream_ttft_s is not None and turn.upstream_s is not None:
        return Times(turn.upstream_ttft_s, turn.upstream_s)
    return None


def _counts(turn: LoggedTurn, template: Template) -> tuple[float, float, float]:
    """Return a conversation's tokens: of its texts, with the template, as the server counts."""
    history = turn.context_estimate
    if history is None:
        history = turn.context_tokens or 0.0
    texts = history + turn.prompt_tokens_estimate
    messages = max(turn.messages, 2 * turn.turn - 1)
    around = template.first_tokens + template.message_tokens * messages
    assert turn.prompt_tokens is not None
    return texts, around + template.tokens_per_estimate * texts, float(turn.prompt_tokens)

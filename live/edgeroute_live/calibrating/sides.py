"""The constants of one side from its measured requests: prefill, decode, template, cache, link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgeroute_env.errors import InputError
from edgeroute_env.physics.inference import cached_blocks
from edgeroute_live.calibrating.measure import PADDING_BYTES, Measured
from edgeroute_live.calibrating.terms import TOLD_WITHIN, Constant, fit_terms, quantile
from edgeroute_live.timing import Timed

PREFILL = ("prefill_fixed_s", "prefill_s_per_token", "prefill_s_per_pair")
DECODE = ("decode_fixed_s", "decode_s_per_sequence", "decode_s_per_context_token")
TEMPLATE = ("first_tokens", "message_tokens", "tokens_per_estimate")
LEAST_S = 1e-7  # of a token; less is no time of a model
FASTEST_S_PER_BYTE = 1e-10  # 80 Gbit/s
SHARES = 21  # of an answer that are tried
NEEDED = {"prefill_s_per_token": "longer prompts", "decode_fixed_s": "longer answers"}
PLAIN_TEMPLATE = dict(zip(TEMPLATE, (0.0, 0.0, 1.0), strict=True))


class Link(NamedTuple):
    """The way to a server: its least and its median round trip (s), and the time of a byte (s)."""

    rtt_floor_s: float
    rtt_s: float
    s_per_byte: Constant


class SideFit(NamedTuple):
    """What was found of one side; `kept_answer` is the share of an answer that stays cached."""

    constants: dict[str, Constant]
    template: dict[str, Constant]
    kept_answer: float | None
    link: Link | None
    requests: int
    context_tokens: int | None


def fit_side(measured: Measured, base: Mapping[str, float], side: str) -> SideFit:
    """Return the constants that a side's requests tell; others are the base's.

    Raises:
        InputError: the requests do not tell its speed.
    """
    link = _link(measured) if measured.round_trips_s else None
    prefill = fit_prefill([*measured.fresh, *_caching_told(measured)], link, base)
    constants = prefill | fit_decode([[t] for t in _alone(measured)] + measured.batches, base)
    for name, more in NEEDED.items():
        if not (constants[name].told and constants[name].value > LEAST_S):
            field, got = f"{side}.{name}", "measurements that do not tell it"
            raise InputError(field, got, f"{more}, more repeats, or a quieter machine")
    return SideFit(
        constants=constants,
        template=fit_template(measured.everything()),
        kept_answer=kept_answer(measured.continued, in_blocks=side == "edge"),
        link=link,
        requests=len(measured.everything()),
        context_tokens=measured.context_tokens,
    )


def _caching_told(measured: Measured) -> list[Timed]:
    """Return the requests with something in the cache, if the server tells how much."""
    cached = [*(after for _, after in measured.continued), *measured.unpadded]
    return [turn for turn in cached if turn.cached_tokens is not None]


def _alone(measured: Measured) -> list[Timed]:
    """Return the requests that had the server for themselves."""
    return [*measured.fresh, *(after for _, after in measured.continued)]


def fit_prefill(
    turns: Sequence[Timed], link: Link | None, base: Mapping[str, float]
) -> dict[str, Constant]:
    """Fit the law of prefill to the times to first token, less those of the link."""
    cached = np.array([float(turn.cached_tokens or 0) for turn in turns])
    new = np.array([float(turn.prompt_tokens) for turn in turns]) - cached
    first_s = np.array([turn.ttft_s for turn in turns])
    if link is not None:
        sent = np.array([float(turn.body_bytes) for turn in turns])
        on_way_s = link.rtt_s + sent * link.s_per_byte.value
        first_s = np.maximum(first_s - on_way_s, 1e-3 * first_s)
    columns = (np.ones(len(turns)), new, new * (cached + 0.5 * new))
    return fit_terms(dict(zip(PREFILL, columns, strict=True)), first_s, base, NEEDED)


def fit_decode(
    batches: Sequence[Sequence[Timed]], base: Mapping[str, float]
) -> dict[str, Constant]:
    """Fit the law of decode to the mean times of a token, with the mean batch beside each."""
    rows, token_s = [], []
    for batch in batches:
        for turn in batch:
            if turn.answer_tokens > 1 and turn.last_s > turn.first_s:
                rows.append((1.0, *_beside(turn, batch)))
                token_s.append(turn.token_s)
    if not rows:
        return {name: Constant(base[name]) for name in DECODE}
    columns = dict(zip(DECODE, np.array(rows).T, strict=True))
    # Without batches the sequences' own time is a part of the fixed one.
    if columns["decode_s_per_sequence"].max() < 1.2:
        del columns["decode_s_per_sequence"]
    found = fit_terms(columns, np.array(token_s), base, NEEDED)
    return {name: found.get(name, Constant(base[name])) for name in DECODE}


def _beside(turn: Timed, batch: Sequence[Timed]) -> tuple[float, float]:
    """Return how many answers were under way at a token of a turn, and their tokens: means."""
    times_s = np.array(turn.times_s)
    during_s = 0.5 * (times_s[1:] + times_s[:-1])
    sequences = contexts = 0.0
    for other in batch:
        share = float(((during_s >= other.first_s) & (during_s <= other.last_s)).mean())
        sequences += share
        contexts += share * (other.prompt_tokens + 0.5 * other.answer_tokens)
    return sequences, contexts


def fit_template(turns: Sequence[Timed]) -> dict[str, Constant]:
    """Fit the server's count of prompt tokens to our estimate and the number of messages."""
    ones = np.ones(len(turns))
    messages = np.array([float(turn.messages) for turn in turns])
    estimates = np.array([float(turn.estimate_tokens) for turn in turns])
    counted = np.array([float(turn.prompt_tokens) for turn in turns])
    columns = dict(zip(TEMPLATE, (ones, messages, estimates), strict=True))
    return fit_terms(columns, counted, PLAIN_TEMPLATE)


def kept_answer(continued: Sequence[tuple[Timed, Timed]], in_blocks: bool) -> float | None:
    """Return the share of an answer that the next turn finds cached; None: the server does not say.

    Of all shares it is the one whose tokens lie closest to those reported, the largest if several
    do. At the edge the simulator counts whole blocks.
    """
    told = [pair for pair in continued if pair[1].cached_tokens is not None]
    if not told:
        return None
    asked, answer = (
        np.array([float(getattr(before, name)) for before, _ in told])
        for name in ("prompt_tokens", "answer_tokens")
    )
    reported = np.array([after.cached_tokens for _, after in told])

    def miss(share: float) -> float:
        held = asked + share * answer
        if in_blocks:
            held = np.array([cached_blocks(tokens) for tokens in held])
        return float(np.abs(np.minimum(held, asked + answer - 1.0) - reported).sum())

    return float(min(np.linspace(1.0, 0.0, SHARES), key=miss))


def _link(measured: Measured) -> Link:
    trips_s = np.array(measured.round_trips_s)
    return Link(float(trips_s.min()), float(np.median(trips_s)), _s_per_byte(measured))


def _s_per_byte(measured: Measured) -> Constant:
    """Return how long a byte of a request takes; the base's where all goes too fast to tell."""
    groups = [
        np.array([turn.ttft_s for turn in turns]) for turns in (measured.padded, measured.unpadded)
    ]
    fewest = min(map(len, groups))
    if fewest < 2:
        return Constant(0.0)
    padded, plain = groups
    error = float(np.sqrt(sum(group.var(ddof=1) / len(group) for group in groups)))
    half = quantile(fewest - 1) * error / PADDING_BYTES
    value = float(np.median(padded) - np.median(plain)) / PADDING_BYTES
    if value <= FASTEST_S_PER_BYTE or half > TOLD_WITHIN * value:
        return Constant(0.0)
    return Constant(value, max(0.0, value - half), value + half, True)

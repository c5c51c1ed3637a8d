"""The few dozen requests that tell one side's speeds.

Prompts get longer until one would take too long or no longer fits; each is asked several times.
Some are continued, which shows what the server keeps of a dialogue. Then several are asked at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeroute_live.timing import Client, Message, RefusedError, Timed, user

SHORTEST_TOKENS = 32
ROUND_TRIPS = 10
PADDING_BYTES = 256 * 1024
PADDED_REQUESTS = 4
SHORT_ANSWER_TOKENS, BATCH_ANSWER_TOKENS = 24, 48
CONTINUED_TOKENS = 24  # new ones in the second turn of a dialogue
TOO_LARGE = (400, 413, 422)


@dataclass(frozen=True)
class Plan:
    """How much is asked: the longest prompt, the repeats, the most requests at once."""

    longest_tokens: int = 2048
    repeats: int = 3
    most_at_once: int = 8
    patience_s: float = 15.0  # no prompt is sent whose first token would take longer


@dataclass
class Measured:
    """What was measured of one side."""

    model: str
    context_tokens: int | None = None  # the server's limit, if it tells
    fresh: list[Timed] = field(default_factory=list)
    continued: list[tuple[Timed, Timed]] = field(default_factory=list)  # a turn and the next one
    batches: list[list[Timed]] = field(default_factory=list)
    round_trips_s: list[float] = field(default_factory=list)
    unpadded: list[Timed] = field(default_factory=list)
    padded: list[Timed] = field(default_factory=list)

    def everything(self) -> list[Timed]:
        """Return all requests whose answers were timed."""
        followed = [turn for pair in self.continued for turn in pair[1:]]
        together = [turn for batch in self.batches for turn in batch]
        return [*self.fresh, *followed, *together, *self.unpadded, *self.padded]


async def measure(
    client: Client, plan: Plan, tell: Callable[[str], None], is_edge: bool
) -> Measured:
    """Measure a side; the edge also with several requests at once, and its link."""
    listed = await client.models()
    found = Measured(client.endpoint.model)
    limits = [m.get("max_model_len") for m in listed if m["id"] == client.endpoint.model]
    found.context_tokens = next((n for n in limits if isinstance(n, int)), None)
    await client.ask([user(client.prompt(SHORTEST_TOKENS))], 2)  # the first one warms up
    for _ in range(ROUND_TRIPS if is_edge else 0):
        found.round_trips_s.append((await client.get("/models"))[0])
    await _prompts(client, plan, found, tell)
    if is_edge:
        await _together(client, plan, found, tell)
        await _uploads(client, found, tell)
    return found


async def _prompts(
    client: Client, plan: Plan, found: Measured, tell: Callable[[str], None]
) -> None:
    """Ask longer and longer prompts, each several times, and continue the last of each length."""
    tokens = SHORTEST_TOKENS
    while tokens <= plan.longest_tokens:
        tell(f"prompts of {tokens} tokens")
        try:
            for k in range(plan.repeats):
                messages = [user(client.prompt(tokens))]
                turn = await client.ask(messages, SHORT_ANSWER_TOKENS)
                found.fresh.append(turn)
                if k == plan.repeats - 1:
                    found.continued.append((turn, await _continued(client, messages, turn)))
        except RefusedError as error:
            if error.status not in TOO_LARGE or not found.fresh:
                raise
            return
        if 2.0 * turn.ttft_s > plan.patience_s:
            return
        tokens *= 2


async def _continued(client: Client, messages: list[Message], turn: Timed) -> Timed:
    """Ask a dialogue's next turn."""
    answer = {"role": "assistant", "content": turn.text}
    asked = user(client.prompt(CONTINUED_TOKENS))
    return await client.ask([*messages, answer, asked], SHORT_ANSWER_TOKENS)


async def _together(
    client: Client, plan: Plan, found: Measured, tell: Callable[[str], None]
) -> None:
    """Ask 2, 4, ... short prompts at once."""
    at_once = 2
    while at_once <= plan.most_at_once:
        tell(f"{at_once} requests at once")
        asked = [[user(client.prompt(SHORTEST_TOKENS))] for _ in range(at_once)]
        answers = (client.ask(messages, BATCH_ANSWER_TOKENS) for messages in asked)
        found.batches.append(list(await asyncio.gather(*answers)))
        at_once *= 2


async def _uploads(client: Client, found: Measured, tell: Callable[[str], None]) -> None:
    """Ask one prompt with and without white space behind it, in turns."""
    tell("uploads")
    messages = [user(client.prompt(SHORTEST_TOKENS))]
    await client.ask(messages, 1)  # from now on in the cache
    for _ in range(PADDED_REQUESTS):
        found.unpadded.append(await client.ask(messages, 2))
        try:
            found.padded.append(await client.ask(messages, 2, PADDING_BYTES))
        except RefusedError as error:
            if error.status not in TOO_LARGE:
                raise
            return

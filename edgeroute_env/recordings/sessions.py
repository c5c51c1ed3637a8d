"""Find the conversations in a server's log from the prefix-cache blocks of its requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

BLOCK_TOKENS = 512  # tokens for each hash of the published trace (kvcache-ai/Mooncake)
SHARED_BLOCKS = 1  # every request of the trace begins with the same system prompt


class Request(NamedTuple):
    """One request: its time, its whole input in tokens, and the hashes of the input's blocks."""

    time_s: float
    input_tokens: int
    blocks: tuple[int, ...]


def session_of_requests(requests: Iterable[Request]) -> list[int]:
    """Return the session of each request, numbered by the index of the session's first request.

    The requests must be in time order. Each session is compared by the full blocks of its latest
    request. A last, partial block does not count, since the answer and the new turn fill it up. A
    request continues the session whose full blocks are the longest prefix of its own blocks. If two
    sessions have the same blocks, it continues the later one.

    The request that is continued must be earlier, have a shorter input, and be longer than the
    system prompt that all requests share. So a request below 1,024 tokens is never continued. A
    conversation that goes on from an older turn begins a new session.
    """
    latest: dict[tuple[int, ...], tuple[int, Request]] = {}
    found: list[int] = []
    for request in requests:
        session = len(found)
        for length in range(len(request.blocks), SHARED_BLOCKS, -1):
            key = request.blocks[:length]
            if key in latest and _precedes(latest[key][1], request):
                session, _ = latest.pop(key)
                break
        latest[request.blocks[: request.input_tokens // BLOCK_TOKENS]] = (session, request)
        found.append(session)
    return found


def _precedes(before: Request, after: Request) -> bool:
    return before.time_s < after.time_s and before.input_tokens < after.input_tokens

"""Conversations found again in a server's log from the prefix-cache blocks of its requests."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

BLOCK_TOKENS = 512  # tokens a hash of the published trace stands for (kvcache-ai/Mooncake)
SHARED_BLOCKS = 1  # every request of the trace begins with the same system prompt


class Request(NamedTuple):
    """One request: when, its whole input in tokens, and the hashes of the input's blocks."""

    time_s: float
    input_tokens: int
    blocks: tuple[int, ...]
    output_tokens: int = 0
    session: Hashable = None  # as the log names it


def session_of_requests(
    requests: Iterable[Request], block_tokens: int = BLOCK_TOKENS
) -> list[int]:
    """Return the session of each request, numbered by the index of the session's first request.

    The requests come in time order. A request continues the session whose latest request's full
    blocks (its blocks without a last, partial one, which the answer and the new turn fill up)
    are the longest prefix of its own blocks; of two with the same blocks, the later one. What it
    continues must have come earlier, have a shorter input, and reach beyond the system prompt
    that all requests share, so that one below 1,024 tokens is never continued. A conversation
    that is taken up again from an older turn begins a new session, and so does a request all of
    whose blocks have come before: the same prompt, sent again.
    """
    known: set[int] = set()
    latest: dict[tuple[int, ...], tuple[int, Request]] = {}
    found: list[int] = []
    for request in requests:
        session = len(found)
        repeated = known.issuperset(request.blocks)
        known.update(request.blocks)
        for length in range(0 if repeated else len(request.blocks), SHARED_BLOCKS, -1):
            key = request.blocks[:length]
            if key in latest and _precedes(latest[key][1], request):
                session, _ = latest.pop(key)
                break
        latest[request.blocks[: request.input_tokens // block_tokens]] = (session, request)
        found.append(session)
    return found


def _precedes(before: Request, after: Request) -> bool:
    return before.time_s < after.time_s and before.input_tokens < after.input_tokens

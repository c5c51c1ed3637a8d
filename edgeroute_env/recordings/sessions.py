"""Find the conversations in a server's log from the prefix-cache blocks of its requests."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable
from typing import NamedTuple

BLOCK_TOKENS = 512  # tokens for each hash of the published trace (kvcache-ai/Mooncake)
SHARED_BLOCKS = 1  # every request of the trace begins with the same system prompt


class Request(NamedTuple):
    """One request: its time, its whole input in tokens, and the hashes of the input's blocks."""

    time_s: float
    input_tokens: int
    blocks: tuple[int, ...]
    output_tokens: int = 0
    session: Hashable = None  # as the log names it


def session_of_requests(requests: Iterable[Request], block_tokens: int = BLOCK_TOKENS) -> list[int]:
    """Return the session of each request, numbered by the index of the session's first request.

    The requests come in time order. A hash stands for its block and all before it, so the first
    blocks that have come before are what the cache holds. A request continues the latest request
    that had the last of these, if they are that one's full blocks (its blocks without a last,
    partial one, which the answer and the new turn fill up), it came earlier and has a shorter
    input, and the blocks reach beyond the system prompt that all requests share, so that one below
    1,024 tokens is never continued. A conversation that is taken up again from an older turn, and
    the same prompt sent again, begin a new session.
    """
    latest: dict[int, tuple[int, Request]] = {}  # session and request that had a block last
    found: list[int] = []
    for request in requests:
        session = len(found)
        held = cached_blocks(request, latest)
        if held > SHARED_BLOCKS:
            continued, before = latest[request.blocks[held - 1]]
            if before.input_tokens // block_tokens == held and _precedes(before, request):
                session = continued
        latest.update(dict.fromkeys(request.blocks, (session, request)))
        found.append(session)
    return found


def cached_blocks(request: Request, known: Container[int]) -> int:
    """Return how many of a request's first blocks are known."""
    new = (at for at, block in enumerate(request.blocks) if block not in known)
    return next(new, len(request.blocks))


def _precedes(before: Request, after: Request) -> bool:
    return before.time_s < after.time_s and before.input_tokens < after.input_tokens

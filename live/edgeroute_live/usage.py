"""The tokens of an answer, as a server tells them."""

from __future__ import annotations

from typing import Any, NamedTuple


class Usage(NamedTuple):
    """What a server tells of an answer; None where it does not."""

    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    cached_tokens: int | None = None


def usage_of(usage: dict[str, Any] | None, timings: dict[str, Any] | None = None) -> Usage:
    """Return the tokens that a server tells; llama.cpp tells the cached ones in its timings."""
    usage, timings = usage or {}, timings or {}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    found = (
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        timings.get("cache_n") if cached is None else cached,
    )
    return Usage(*(n if isinstance(n, int) and n >= 0 else None for n in found))

"""The size of a request to the edge, its wait for the uplink, how fast its answer is decoded.

`estimate` calls this with what a router may know, `serve` with the real values.
"""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import compiled
from edgeroute_env.physics.inference import decode_s_per_token


@compiled
def payload_bytes(p: Any, row: Any, dev: Any) -> float:
    """Return the bytes of the turn's request: prompt, history if it is sent again, attachment."""
    tokens = row.prompt_tokens + p.history_resent * dev.context_tokens
    return float(tokens * p.bytes_per_token + p.request_bytes + row.attachment_bytes)


@compiled
def uplink_wait_s(dev: Any, ready_s: float, free_at_s: float) -> float:
    """Return how long an upload waits behind the phone's earlier ones, which end at `free_at_s`.

    It does not wait for one that is itself not ready yet, since its dialogue waits for an answer.
    """
    return max(0.0, free_at_s - ready_s) if dev.uplink_from_s <= ready_s else 0.0


@compiled
def batch_decode_s(
    p: Any, asked_tokens: float, answer_tokens: float, load: float, own: float
) -> float:
    """Return the time to decode an answer beside `own` of our requests and the tenants' load."""
    batch = min(p.slots, 1.0 + own + load * p.slots)
    context = asked_tokens + 0.5 * answer_tokens + (batch - 1.0) * p.background_context_tokens
    return answer_tokens * decode_s_per_token(p.cost, batch, context)

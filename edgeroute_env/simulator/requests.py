"""The size of a request, whether a phone holds it, its times, and its share of the edge.

`estimate` calls this with what a router may know, `serve` with the real values.
"""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import compiled
from edgeroute_env.physics.inference import (
    decode_s_per_token,
    device_prefill_s,
    prefill_compute_s,
    prefill_s,
    shared_slowdown,
)


@compiled
def payload_bytes(p: Any, row: Any, dev: Any) -> float:
    """Return the bytes of the turn's request: prompt, history if it is sent again, attachment."""
    tokens = row.prompt_tokens + p.history_resent * dev.context_tokens
    return float(tokens * p.bytes_per_token + p.request_bytes + row.attachment_bytes)


@compiled
def phone_prefill_s(p: Any, new_tokens: float, cached_tokens: float) -> float:
    """Return the time of a prefill on the cold, idle phone."""
    return device_prefill_s(
        new_tokens,
        cached_tokens,
        p.device_prefill_fixed_s,
        p.device_prefill_tokens_per_s,
        p.device_prefill_half_rate_tokens,
    )


@compiled
def fits_phone(p: Any, row: Any, dev: Any) -> bool:
    """Return whether the phone's context holds the history, the prompt and an expected answer."""
    tokens = dev.context_tokens + row.prompt_tokens + row.predicted_tokens_device
    return bool(tokens <= p.device_context_tokens)


@compiled
def edge_times_s(
    p: Any, asked_tokens: float, cached_tokens: float, answer_tokens: float, load: float
) -> tuple[float, float, float]:
    """Return the times of prefill and decode beside the tenants, and the engine's share they take.

    The share is the request's own work over its time: its prefill's products, and for each token
    its products and the reads of its KV cache. The rest of that time (the weights are read, kernels
    are launched) serves all requests of the batch at once.
    """
    tenants = load * p.tenant_sequences
    context = asked_tokens + 0.5 * answer_tokens
    others = tenants * p.background_context_tokens
    fill_s = prefill_s(p.cost, asked_tokens - cached_tokens, cached_tokens)
    decode_s = answer_tokens * decode_s_per_token(p.cost, 1.0 + tenants, context + others)
    token_s = p.cost.decode_s_per_sequence + p.cost.decode_s_per_context_token * context
    work_s = prefill_compute_s(p.cost, asked_tokens - cached_tokens, cached_tokens)
    work_s += answer_tokens * token_s
    slow = shared_slowdown(p.prefill_share * load)
    return fill_s * slow, decode_s * slow, work_s / (fill_s + decode_s)

"""A request: its size, its wait for the uplink, whether a phone holds it, its times and share.

`estimate` calls this with what a router may know, `serve` with the real values.
"""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import compiled
from edgeroute_env.physics.inference import (
    decode_s_per_token,
    device_decode_s,
    device_prefill_s,
    prefill_beside_s,
    prefill_compute_s,
    shared_slowdown,
)
from edgeroute_env.physics.power import speed_factor


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
def phone_prefill_s(p: Any, new_tokens: float, cached_tokens: float) -> float:
    """Return the time of a prefill on the cold, idle phone."""
    return device_prefill_s(
        new_tokens,
        cached_tokens,
        p.device_prefill_fixed_s,
        p.device_prefill_s_per_token,
        p.device_prefill_s_per_pair,
    )


@compiled
def phone_decode_s(p: Any, asked_tokens: float, answer_tokens: float) -> float:
    """Return the time in which the cold, idle phone decodes an answer behind its prefill."""
    return device_decode_s(
        answer_tokens - p.tokens_of_prefill,
        asked_tokens + 0.5 * answer_tokens,
        p.device_decode_tokens_per_s,
        p.device_kv_s_per_token,
    )


@compiled
def phone_speed(p: Any, row: Any, heat: float) -> float:
    """Return the share of its speed that heat and other apps leave the phone."""
    return speed_factor(
        heat,
        float(row.device_background),
        p.throttle_start,
        p.throttle_width,
        p.throttle_depth,
        p.background_depth,
    )


@compiled
def fits_phone(p: Any, row: Any, dev: Any) -> bool:
    """Return whether the phone's context holds the history, the prompt and an expected answer."""
    tokens = dev.context_tokens + row.prompt_tokens + row.predicted_tokens_device
    return bool(tokens <= p.device_context_tokens)


@compiled
def known_score(p: Any, row: Any, known: Any) -> float:
    """Return the score; 1 where no probe fits the phone, since then only the edge can answer."""
    return 1.0 if p.probes and not fits_phone(p, row, known) else float(row.score)


@compiled
def edge_prefill_s(
    p: Any, asked_tokens: float, cached_tokens: float, load: float
) -> tuple[float, float]:
    """Return the time of a prefill beside the tenants, and how much of it is the request's own.

    Its own work is the prefill's products. The rest of the time (the weights are read, kernels are
    launched) serves all requests of the batch at once.
    """
    new_tokens = asked_tokens - cached_tokens
    work_s = prefill_compute_s(p.cost, new_tokens, cached_tokens)
    fill_s = prefill_beside_s(p.cost, work_s, new_tokens, cached_tokens)
    slow = shared_slowdown(p.prefill_share * load)
    return fill_s * slow, work_s * slow


@compiled
def edge_decode_s(
    p: Any, asked_tokens: float, answer_tokens: float, load: float
) -> tuple[float, float]:
    """Return the time of decoding beside the tenants, and how much of it is the request's own.

    Its own work is, for each decoded token, its products and the reads of its KV cache.
    """
    tenants = load * p.tenant_sequences
    context = asked_tokens + 0.5 * answer_tokens
    others = tenants * p.background_context_tokens
    token_s = decode_s_per_token(p.cost, 1.0 + tenants, context + others)
    own_s = p.cost.decode_s_per_sequence + p.cost.decode_s_per_context_token * context
    steps = answer_tokens - p.tokens_of_prefill
    slow = shared_slowdown(p.prefill_share * load) * steps
    return token_s * slow, own_s * slow

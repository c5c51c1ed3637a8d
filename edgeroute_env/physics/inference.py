"""Prefill and decode time, KV bytes and the KV pool of a transformer on a GPU or a phone.

The GPU law is a smooth roofline: a fourth-power blend of compute and memory time, plus overheads
for all-reduce and launches. Its constants were fitted to 112 configurations of NVIDIA
AIConfigurator's silicon data (docs/model.md, section Latency). Three more constants, for narrow
models and for attention to a prefix, were fitted to two thirds of vLLM's published speeds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from edgeroute_env._compile import compiled

KV_BLOCK_TOKENS = 16  # vLLM shares the KV cache in blocks of 16 tokens
DECODE_COMPUTE_GAIN = 1.2  # fitted: decode products run at this multiple of the peak rate
ENGINE_STEP_S = 1e-3  # vLLM's scheduler and sampler, per output token; not in the silicon data
USABLE_MEMORY = 0.9 * 0.985  # vLLM's default share times what the driver leaves
ACTIVATION_BYTES_PER_GPU = 1.7e9
PREFIX_ATTENTION = 2.5  # fitted: attention to a long prefix takes this multiple of its products
NARROW_HIDDEN = 1430.0  # fitted: the layers of a narrower model launch faster, in proportion
CHUNKED_FROM_TOKENS = 32_768  # vLLM prefills longer prompts in chunks, each behind a prefix
CHUNK_TOKENS = 512  # vLLM 0.6.3
FITTED_PARAMETERS = (0.35e9, 71e9)  # bodies of the smallest and the largest model measured


class Model(NamedTuple):
    """Shape of a decoder-only transformer (counts, bytes)."""

    body_parameters: float  # non-embedding
    head_parameters: float  # vocabulary x hidden
    layers: float
    hidden: float
    attention_width: float  # heads x head size
    stored_bytes: float  # all weights, the input embedding included
    streamed_bytes: float  # read for each token: the body and the head
    kv_bytes_per_token: float


class Gpu(NamedTuple):
    """One accelerator and the constants fitted to it."""

    flops: float
    bandwidth_bytes_per_s: float
    memory_bytes: float
    mfu: float
    mbu: float
    launch_s: float
    layer_s: float
    all_reduce_s: float
    link_bytes_per_s: float


class EdgeCost(NamedTuple):
    """The coefficients of prefill and decode time for one model on `tp` GPUs."""

    compute_fixed_s: float
    compute_s_per_token: float
    compute_s_per_pair: float
    stream_s: float
    stream_s_per_token: float
    prefill_fixed_s: float
    prefill_reduce_s_per_token: float
    decode_fixed_s: float
    decode_s_per_sequence: float
    decode_s_per_context_token: float
    kv_pool_tokens: float
    prefix_attention: float  # attention to a prefix takes this multiple of its products


def kv_bytes_per_token(layers: int, kv_heads: int, head_size: int, value_bytes: float) -> float:
    """Return the bytes that one token's keys and values take over all layers."""
    return 2.0 * layers * kv_heads * head_size * value_bytes


def usable_bytes(gpu: Gpu) -> float:
    """Return the memory of one GPU that weights and KV cache may take."""
    return USABLE_MEMORY * gpu.memory_bytes - ACTIVATION_BYTES_PER_GPU


def gpus_needed(model: Model, gpu: Gpu) -> int | None:
    """Return how many GPUs hold the weights and a KV cache; None where no number does."""
    if usable_bytes(gpu) <= 0:
        return None
    return math.floor(model.stored_bytes / usable_bytes(gpu)) + 1


def edge_cost(model: Model, gpu: Gpu, tensor_parallel: int) -> EdgeCost:
    """Fold a model and its GPUs into the coefficients that the time formulas need."""
    tp = float(tensor_parallel)
    flops, stream = gpu.flops * tp, gpu.mbu * gpu.bandwidth_bytes_per_s * tp
    reduces = 2.0 * model.layers if tensor_parallel > 1 else 0.0
    reduce_s = reduces * gpu.all_reduce_s
    reduce_per_token = reduces * 2.0 * (tp - 1.0) / tp * model.hidden * 2.0 / gpu.link_bytes_per_s
    narrow = min(1.0, model.hidden / NARROW_HIDDEN)
    overhead_s = gpu.launch_s + gpu.layer_s * narrow * model.layers
    attention = 4.0 * model.layers * model.attention_width
    parameters = model.body_parameters + model.head_parameters
    free_bytes = usable_bytes(gpu) * tp - model.stored_bytes
    return EdgeCost(
        compute_fixed_s=2.0 * model.head_parameters / (gpu.mfu * flops),
        compute_s_per_token=2.0 * model.body_parameters / (gpu.mfu * flops),
        compute_s_per_pair=attention / (gpu.mfu * flops),
        stream_s=model.streamed_bytes / stream,
        stream_s_per_token=model.kv_bytes_per_token / stream,
        prefill_fixed_s=reduce_s + overhead_s,
        prefill_reduce_s_per_token=reduce_per_token,
        decode_fixed_s=model.streamed_bytes / stream + reduce_s + overhead_s + ENGINE_STEP_S,
        decode_s_per_sequence=2.0 * parameters / (DECODE_COMPUTE_GAIN * flops) + reduce_per_token,
        decode_s_per_context_token=model.kv_bytes_per_token / stream
        + attention / (DECODE_COMPUTE_GAIN * flops),
        kv_pool_tokens=free_bytes / model.kv_bytes_per_token,
        prefix_attention=PREFIX_ATTENTION,
    )


def measured_cost(
    prefill_fixed_s: float,
    prefill_s_per_token: float,
    prefill_s_per_pair: float,
    decode_fixed_s: float,
    decode_s_per_sequence: float,
    decode_s_per_context_token: float,
    kv_pool_tokens: float,
) -> EdgeCost:
    """Return the coefficients of a server whose times were measured as the law has them.

    No GPU stands behind them: nothing is streamed beside the products, no GPUs wait for each other.
    """
    return EdgeCost(
        compute_fixed_s=0.0,
        compute_s_per_token=prefill_s_per_token,
        compute_s_per_pair=prefill_s_per_pair,
        stream_s=0.0,
        stream_s_per_token=0.0,
        prefill_fixed_s=prefill_fixed_s,
        prefill_reduce_s_per_token=0.0,
        decode_fixed_s=decode_fixed_s,
        decode_s_per_sequence=decode_s_per_sequence,
        decode_s_per_context_token=decode_s_per_context_token,
        kv_pool_tokens=kv_pool_tokens,
        prefix_attention=1.0,
    )


@compiled
def prefill_compute_s(cost: EdgeCost, new_tokens: float, cached_tokens: float) -> float:
    """Return the time of a prefill's products alone, without the reads that it may share."""
    n, c = new_tokens, cached_tokens
    pairs = n * (c + 0.5 * n)
    if n > CHUNKED_FROM_TOKENS:
        pairs *= cost.prefix_attention
    elif c > 0.0:
        pairs += (cost.prefix_attention - 1.0) * n * c * c / (c + n)
    linear_s = cost.compute_fixed_s + cost.compute_s_per_token * n
    return linear_s + cost.compute_s_per_pair * pairs


@compiled
def prefill_s(cost: EdgeCost, new_tokens: float, cached_tokens: float) -> float:
    """Return the time to prefill `new_tokens` behind a cached prefix, on an idle server."""
    compute = prefill_compute_s(cost, new_tokens, cached_tokens)
    return prefill_beside_s(cost, compute, new_tokens, cached_tokens)


@compiled
def prefill_beside_s(
    cost: EdgeCost, compute: float, new_tokens: float, cached_tokens: float
) -> float:
    """Return the time of a prefill whose products take `compute` seconds."""
    n = new_tokens
    chunks = n / CHUNK_TOKENS if n > CHUNKED_FROM_TOKENS else 1.0
    stream = chunks * cost.stream_s + cost.stream_s_per_token * (cached_tokens + n)
    compute2, stream2 = compute * compute, stream * stream
    roofline = math.sqrt(math.sqrt(compute2 * compute2 + stream2 * stream2))
    return roofline + chunks * cost.prefill_fixed_s + cost.prefill_reduce_s_per_token * n


@compiled
def decode_s_per_token(cost: EdgeCost, batch: float, batch_context_tokens: float) -> float:
    """Return the time per output token of a batch whose contexts sum to the given tokens."""
    return (
        cost.decode_fixed_s
        + cost.decode_s_per_sequence * batch
        + cost.decode_s_per_context_token * batch_context_tokens
    )


@compiled
def shared_slowdown(prefill_share: float) -> float:
    """Return the factor by which other tenants' prefill stretches a request's GPU time."""
    return 1.0 / (1.0 - prefill_share)


@compiled
def device_prefill_s(
    new_tokens: float,
    cached_tokens: float,
    fixed_s: float,
    s_per_token: float,
    s_per_pair: float,
) -> float:
    """Return the phone's nominal prefill time: fixed, linear and attention terms.

    Each new token attends to the cached prefix and, on average, to half of the new ones.
    """
    attended = cached_tokens + 0.5 * new_tokens
    return fixed_s + new_tokens * (s_per_token + s_per_pair * attended)


@compiled
def device_decode_s(
    answer_tokens: float, context_tokens: float, decode_tokens_per_s: float, kv_s_per_token: float
) -> float:
    """Return the phone's nominal decode time at a mean context (KV bytes over bandwidth)."""
    return answer_tokens * (1.0 / decode_tokens_per_s + kv_s_per_token * context_tokens)


@compiled
def cached_blocks(context_tokens: float) -> float:
    """Return the prefix that a server keeps: whole blocks only."""
    return math.floor(context_tokens / KV_BLOCK_TOKENS) * KV_BLOCK_TOKENS


@compiled
def eviction_gap_s(kv_pool_tokens: float, uncached_tokens_per_s: float) -> float:
    """Return the idle time after which the tenants' new tokens have flushed the KV pool."""
    if uncached_tokens_per_s <= 0.0:
        return math.inf
    return kv_pool_tokens / uncached_tokens_per_s

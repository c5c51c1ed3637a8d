"""Prefill and decode time against published measurements, and the laws they must obey.

The figures are those of the validation page, `validation/published.yaml`. Two sources: NVIDIA
AIConfigurator's silicon data, which leave the engine's 1 ms per step out, and vLLM's measured
speeds, which include it.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeroute_env.catalog import GpuSpec, from_catalog
from edgeroute_env.physics import inference
from edgeroute_env.physics.inference import ENGINE_STEP_S, EdgeCost, Gpu, Model
from validation.published import Figure, published_groups

A100, H100 = (
    GpuSpec.model_validate(from_catalog("gpus")(name)).constants()
    for name in ("a100-80g", "h100-80g")
)


def published(quantity: str) -> list[Figure]:
    figures = (figure for group in published_groups() for figure in group.figures)
    return [figure for figure in figures if figure.quantity == quantity]


SHAPES = {figure.model: figure.model_shape() for figure in published("kv")}


def cost_of(model: str, gpu: Gpu, tensor_parallel: int) -> EdgeCost:
    return inference.edge_cost(SHAPES[model], gpu, tensor_parallel)


def silicon_errors(gpu: Gpu) -> tuple[np.ndarray, np.ndarray]:
    """Return the absolute percentage errors of prefill and decode, one row per model.

    Prefill of 1k, 4k, 8k, 16k tokens, and of 512 behind 3,584 cached; time per output token at 1k
    of context each, batch 1, 8, 32, 64, 128.
    """
    prefill, decode = (
        [
            100.0 * abs(figure.error)
            for figure in published(quantity)
            if not figure.engine_step and figure.gpu_constants() == gpu
        ]
        for quantity in ("prefill", "decode")
    )
    return np.reshape(prefill, (-1, 5)), np.reshape(decode, (-1, 5))


def test_the_silicon_data_are_all_there():
    for gpu, models in ((A100, 3), (H100, 1)):
        prefill, decode = silicon_errors(gpu)
        assert prefill.shape == decode.shape == (models, 5)


# The fit's mean errors over all 112 configurations are 5.3 / 3.9 % (A100) and 3.0 / 2.3 % (H100).
# The published rows above are a harder sample for decode: it errs by 5.09 % (A100) and 2.81 %
# (H100), because the law, linear in the batch, is 6 to 14 % slow for the A100 at batch 64 and 128.
@pytest.mark.parametrize(
    ("gpu", "prefill_bound", "uncached_bound", "decode_bound", "small_batch_bound"),
    [
        pytest.param(A100, 4.6, 2.7, 5.1, 2.8, id="a100"),
        pytest.param(H100, 2.7, 2.4, 2.9, 2.7, id="h100"),
    ],
)
def test_times_fit_the_silicon_data(
    gpu, prefill_bound, uncached_bound, decode_bound, small_batch_bound
):
    prefill, decode = silicon_errors(gpu)
    assert prefill.mean() <= prefill_bound
    assert prefill[:, :4].mean() <= uncached_bound
    assert decode.mean() <= decode_bound
    assert decode[:, :3].mean() <= small_batch_bound  # up to 32 sequences, as the presets run
    # The worst rows: 512 tokens behind 3,584 cached ones (12 % fast), 128 sequences (14 % slow).
    assert prefill.max() <= 12.0
    assert decode.max() <= 14.5


# vLLM 0.6.3 on A100s, tokens/s, from the Qwen documentation; here, what the law predicts without
# the engine's step. The documentation measures 2,048 output tokens; that its figures include the
# prefill is our inference: the decode speed alone misses them by up to 16 % at 30,720 tokens.
WITHOUT_STEP = {
    ("qwen2.5-7b", 1): 91.2,
    ("qwen2.5-14b", 1): 48.7,
    ("qwen2.5-72b", 1): 34.5,
    ("qwen2.5-7b", 30720): 75.7,
    ("qwen2.5-14b", 30720): 37.5,
    ("qwen2.5-32b", 30720): 32.9,
    ("qwen2.5-72b", 30720): 29.8,
}
VLLM = [
    (figure.model, figure.tensor_parallel, figure.prompt_tokens, figure.published)
    for group in published_groups()
    if group.name == "End-to-end speed of vLLM"
    for figure in group.figures
]


def end_to_end_s(cost: EdgeCost, prompt: int, answer: int = 2048) -> float:
    contexts = np.arange(prompt, prompt + answer, dtype=float)
    decode_s = sum(inference.decode_s_per_token(cost, 1.0, context) for context in contexts)
    return inference.prefill_s(cost, float(prompt), 0.0) + decode_s


@pytest.mark.parametrize(("model", "tp", "prompt", "measured"), VLLM)
def test_speeds_match_vllm(model, tp, prompt, measured):
    seconds = end_to_end_s(cost_of(model, A100, tp), prompt)
    assert 2048 / seconds == pytest.approx(measured, rel=0.065)  # 10 % was asked for
    without_step = 2048 / (seconds - 2048 * ENGINE_STEP_S)
    assert without_step == pytest.approx(WITHOUT_STEP[model, prompt], rel=0.006)


def group(name: str) -> np.ndarray:
    (found,) = (group for group in published_groups() if group.name.endswith(name))
    return np.array([figure.error for figure in found.figures])


def test_speeds_that_nothing_was_fitted_to_are_met():
    errors = np.abs(group("held out"))
    assert len(errors) == 11
    assert np.median(errors) < 0.04
    assert errors.max() < 0.19  # 14B at 129k tokens: its attention is faster than the others'


@pytest.mark.parametrize("model", ["qwen2.5-0.5b", "qwen2.5-7b", "qwen2.5-32b", "qwen2.5-72b"])
def test_the_smallest_model_and_the_longest_prompts_are_met(model):
    for figure in published("speed"):
        if figure.model == model:
            assert abs(figure.error) < 0.09, figure.case


def test_the_page_predicts_the_same_speeds():
    for figure in published("speed"):
        seconds = end_to_end_s(figure.cost(), figure.prompt_tokens)
        assert figure.predicted == pytest.approx(2048 / seconds, rel=1e-9)


def test_long_prompts_count_in_the_published_speeds():
    """End-to-end speeds fit the figures at 30,720 tokens to 2 %, decode speeds to 10 %."""
    errors = []
    for model, tp, prompt, measured in VLLM[3:]:
        assert prompt == 30720
        cost = cost_of(model, A100, tp)
        decode_only = 1 / inference.decode_s_per_token(cost, 1.0, float(prompt))
        speeds = np.array([2048 / end_to_end_s(cost, prompt), decode_only])
        errors.append(np.abs(speeds / measured - 1))
    end_to_end, decode = np.mean(errors, axis=0)
    assert end_to_end < 0.025
    assert decode > 0.10


def test_latency_of_72b_on_two_h100s_matches_vllm():
    # TTFT of 1k, 4k, 8k tokens, and the time per output token. The law is 6 to 8 % fast on each.
    figures = published("ttft")
    assert [figure.new_tokens for figure in figures] == [1024, 4096, 8192]
    for figure, predicted_ms in zip(figures, (119, 476, 981), strict=True):
        assert figure.predicted == pytest.approx(figure.published, rel=0.09)
        assert figure.predicted == pytest.approx(predicted_ms, abs=0.6)
    (step,) = (figure for figure in published("decode") if figure.engine_step)
    assert (step.gpu_constants(), step.tensor_parallel) == (H100, 2)
    assert step.predicted == pytest.approx(step.published, rel=0.09)


def test_kv_pool_matches_vllm():
    # Qwen3-8B on one A100: the formula says 393.8k, 1.003 % more. 72B in 16 bits on 2 x 80 GB
    # leaves next to nothing: "about 10k tokens".
    one, two = published("pool")
    assert one.predicted == pytest.approx(one.published, rel=0.0105)
    assert two.predicted == pytest.approx(two.published, rel=0.1)


@pytest.mark.parametrize("figure", published("kv"), ids=lambda figure: figure.model)
def test_kv_bytes_are_the_published_ones(figure):
    assert SHAPES[figure.model].kv_bytes_per_token == figure.published * 1024


costs = st.builds(
    cost_of,
    st.sampled_from(sorted(SHAPES)),
    st.sampled_from([A100, H100]),
    st.sampled_from([1, 2, 4]),
)
tokens = st.integers(1, 60_000)


@settings(deadline=None)
@given(costs, tokens, tokens, tokens)
def test_prefill_grows_with_new_and_with_cached_tokens(cost, new, cached, more):
    n, c, d = float(new), float(cached), float(more)
    seconds = inference.prefill_s(cost, n, c)
    assert inference.prefill_s(cost, n + d, c) > seconds
    assert inference.prefill_s(cost, n, c + d) > seconds


@settings(deadline=None)
@given(costs, tokens, tokens)
def test_a_cached_prefix_is_never_slower_than_its_recomputation(cost, new, cached):
    n, c = float(new), float(cached)
    assert inference.prefill_s(cost, n, c) < inference.prefill_s(cost, n + c, 0.0)


@settings(deadline=None)
@given(costs, tokens, st.integers(0, 60_000))
def test_prefill_lies_between_the_roofline_and_the_sum(cost, new, cached):
    n, c = float(new), float(cached)
    pairs = n * (c + n / 2)  # a new token attends to the prefix and, on average, half the new ones
    chunks = 1.0
    if n > 32_768:
        pairs, chunks = 2.5 * pairs, n / 512
    elif c:
        pairs += 1.5 * n * c * c / (c + n)
    compute = cost.compute_fixed_s + cost.compute_s_per_token * n + cost.compute_s_per_pair * pairs
    stream = chunks * cost.stream_s + cost.stream_s_per_token * (n + c)
    overhead = chunks * cost.prefill_fixed_s + cost.prefill_reduce_s_per_token * n
    work = inference.prefill_s(cost, n, c) - overhead
    assert max(compute, stream) * (1 - 1e-9) <= work <= (compute + stream) * (1 + 1e-9)


@settings(deadline=None)
@given(costs, *[st.integers(0, 128)] * 2, *[st.integers(0, 1_000_000)] * 2)
def test_decode_is_linear_in_batch_and_context(cost, batch, other_batch, context, other_context):
    def step(b, ctx):
        return inference.decode_s_per_token(cost, float(b), float(ctx))

    both = step(batch + other_batch, context + other_context) + step(0, 0)
    apart = step(batch, context) + step(other_batch, other_context)
    assert both == pytest.approx(apart, rel=1e-12)
    assert step(batch + 1, context) > step(batch, context)
    assert step(batch, context + 1) > step(batch, context)


def test_a_small_model_by_hand():
    """Every parameter of the formulas in a case where each of them shows."""
    model = Model(10.0, 3.0, 2, 5, 7, 100.0, 60.0, 11.0)
    # A layer of 1,430 values takes 35.75 s, so one of 5 takes 0.125 s.
    gpu = Gpu(1000.0, 50.0, 0.0, 0.5, 0.8, 0.25, 0.125 * 1430 / 5, 9.0, 1.0)
    cost = inference.edge_cost(model, gpu, 1)
    # 4 new tokens behind 6: 2 x 10 x 4 for the body, 2 x 3 for the head (the last token only),
    # 4 x 2 x 7 for each of 4 x 6 + 4 x 4 / 2 pairs, those with the prefix up to 2.5
    # times; 60 bytes of weights and 11 x 10 of KV cache.
    compute, stream = (80 + 6 + 56 * (32 + 1.5 * 24 * 0.6)) / 500, (60 + 110) / 40
    roofline = (compute**4 + stream**4) ** 0.25
    assert inference.prefill_s(cost, 4.0, 6.0) == pytest.approx(roofline + 0.25 + 2 * 0.125)
    # Two sequences of 30 context tokens together: body and head for both, at 1.2 x the peak rate.
    step_s = (60 + 330) / 40 + (2 * 2 * 13 + 56 * 30) / 1200 + 0.25 + 2 * 0.125 + 1e-3
    assert inference.decode_s_per_token(cost, 2.0, 30.0) == pytest.approx(step_s)


def test_only_several_gpus_pay_for_all_reduces():
    shape = SHAPES["qwen2.5-72b"]
    slow_link = A100._replace(all_reduce_s=1.0, link_bytes_per_s=1.0)
    assert inference.edge_cost(shape, slow_link, 1) == inference.edge_cost(shape, A100, 1)
    two = inference.edge_cost(shape, A100, 2)
    # 2 x 80 all-reduces; each moves 2 (tp - 1) / tp x 8192 values of 2 bytes for a token.
    assert two.prefill_reduce_s_per_token == pytest.approx(160 * 8192 * 2 / 220e9)
    assert two.prefill_fixed_s == pytest.approx(160 * 12.2e-6 + 0.80e-3 + 80 * 60e-6)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_servers_keep_whole_blocks_of_16_tokens(context):
    kept = inference.cached_blocks(float(context))
    assert kept == context // 16 * 16
    assert inference.cached_blocks(kept) == kept


def test_phone_times_follow_the_published_rates():
    # Snapdragon 8 Elite, Qwen2.5-1.5B w4: prefill 1342 tokens/s, decode 23.5 tokens/s.
    assert inference.device_prefill_s(1342.0, 0.0, 0.0, 1 / 1342, 0.0) == 1.0
    assert inference.device_decode_s(47.0, 0.0, 23.5, 1e-6) == pytest.approx(2.0)
    # 28 KiB per token of context at 60 GB/s for each of the 47 answer tokens.
    kv_s = 28 * 1024 / 60e9
    slower = inference.device_decode_s(47.0, 4096.0, 23.5, kv_s)
    assert slower == pytest.approx(2.0 + 47 * 4096 * kv_s)


def test_a_phones_prefill_has_fixed_linear_and_attention_terms():
    def seconds(new, cached=0.0):
        return inference.device_prefill_s(new, cached, 0.05, 1e-3, 1e-6)

    assert seconds(1.0) == pytest.approx(0.051, rel=1e-3)
    # The rate without the fixed term is half at 2,000 tokens.
    assert 2000.0 / (seconds(2000.0) - 0.05) == pytest.approx(500.0)
    # In two parts it takes the fixed time twice, and all else alike.
    parts = seconds(700.0) + seconds(1300.0, 700.0)
    assert parts - 0.05 == pytest.approx(seconds(2000.0))


def test_tenants_stretch_gpu_time_and_flush_the_pool():
    assert [inference.shared_slowdown(x) for x in (0.0, 0.5, 0.75)] == [1.0, 2.0, 4.0]
    assert inference.eviction_gap_s(390_000.0, 1300.0) == pytest.approx(300.0)
    assert inference.eviction_gap_s(390_000.0, 0.0) == math.inf

"""A GPU or phone is known by measured points: what they tell is found, bad ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from edgeroute_env import InputError, load_scenario
from edgeroute_env.catalog import GpuSpec, ModelSpec, catalog, from_catalog
from edgeroute_env.measured import DEFAULT_GPU, fit_gpu
from edgeroute_env.physics.inference import (
    ENGINE_STEP_S,
    EdgeCost,
    decode_s_per_token,
    device_prefill_s,
    edge_cost,
    prefill_s,
)
from edgeroute_env.provenance import provenance
from validation.published import Figure, published_groups

POINT = {"model": "qwen2.5-7b", "prompt_tokens": 512, "ttft_s": 0.12}


def refused(changed: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario("paper", changed)
    assert caught.value.field == field
    assert allowed in caught.value.allowed


def cost(gpu: Any, model: str, tensor_parallel: int = 1) -> EdgeCost:
    shape = ModelSpec.model_validate(from_catalog("models")(model)).shape()
    spec = GpuSpec.model_validate(from_catalog("gpus")(gpu))
    return edge_cost(shape, spec.constants(), tensor_parallel)


def own(points: list[dict[str, Any]], **given: Any) -> dict[str, Any]:
    return {"name": "own", "memory_gib": 80, "measured": points, **given}


def points_of(gpu: str, model: str, tensor_parallel: int) -> list[dict[str, Any]]:
    """Return what the law itself says of a GPU."""
    law = cost(gpu, model, tensor_parallel)
    at = {"model": model, "tensor_parallel": tensor_parallel}
    first = [
        {**at, "prompt_tokens": n, "ttft_s": prefill_s(law, n, 0.0)} for n in (100, 2000, 9000)
    ]
    rest = [
        {
            **at,
            "prompt_tokens": 1000,
            "answer_tokens": 200,
            "batch": batch,
            "decode_tokens_per_s": batch / decode_s_per_token(law, batch, batch * 1100.0),
        }
        for batch in (1, 8, 64)
    ]
    return first + rest


@pytest.mark.parametrize("gpu", sorted(catalog("gpus")))
@pytest.mark.parametrize("tensor_parallel", [1, 2])
def test_a_card_is_recovered_from_points_of_our_own_law(gpu: str, tensor_parallel: int) -> None:
    points = points_of(gpu, "qwen2.5-7b", tensor_parallel)
    found = cost(fit_gpu(own(points)).values, "qwen2.5-7b", tensor_parallel)
    true = cost(gpu, "qwen2.5-7b", tensor_parallel)
    for new, cached in ((50.0, 0.0), (700.0, 3000.0), (5000.0, 0.0)):
        assert prefill_s(found, new, cached) == pytest.approx(prefill_s(true, new, cached), 0.01)
    for batch, contexts in ((1.0, 500.0), (4.0, 9000.0), (32.0, 40_000.0)):
        expected = decode_s_per_token(true, batch, contexts)
        assert decode_s_per_token(found, batch, contexts) == pytest.approx(expected, 0.01)


SOURCE = published_groups()[0].figures


@pytest.mark.parametrize(
    ("model", "gpu"), sorted({(row.model, row.gpu) for row in SOURCE}), ids=" on ".join
)
def test_a_few_published_rows_predict_the_others(model: str, gpu: str) -> None:
    """Fitted to the first and last of a model's rows, the law meets those between within 15 %."""
    seen = [row for row in SOURCE if (row.model, row.gpu) == (model, gpu)]
    rows = [row for row in seen if not row.cached_tokens]
    cases = [[row for row in rows if row.quantity == kind] for kind in ("prefill", "decode")]
    points = [published_point(row) for case in cases for row in (case[0], case[-1])]
    law = cost(fit_gpu(own(points)).values, model, rows[0].tensor_parallel)
    for row in cases[0][1:-1]:
        found_ms = 1e3 * prefill_s(law, float(row.new_tokens), 0.0)
        assert found_ms == pytest.approx(row.published, rel=0.15)
    for row in cases[1][1:-1]:
        token_s = decode_s_per_token(law, float(row.batch), row.batch * row.context_tokens)
        assert 1e3 * (token_s - ENGINE_STEP_S) == pytest.approx(row.published, rel=0.15)


def published_point(row: Figure) -> dict[str, Any]:
    at = {"model": row.model, "tensor_parallel": row.tensor_parallel}
    if row.quantity == "prefill":
        return {**at, "prompt_tokens": row.new_tokens, "ttft_s": row.published / 1e3}
    # The source's decode steps lack the serving engine's millisecond.
    tpot_s = row.published / 1e3 + ENGINE_STEP_S
    return {**at, "prompt_tokens": row.context_tokens, "batch": row.batch, "tpot_s": tpot_s}


def test_what_the_points_do_not_tell_stays_at_the_named_default() -> None:
    one = fit_gpu(own([{**POINT, "tpot_s": 0.021}]))
    for name in ("mfu", "mbu", "all_reduce_s", "link_gb_per_s"):
        assert one.values[name] == catalog("gpus")[DEFAULT_GPU][name]
        assert DEFAULT_GPU in one.sources[name]
    for name in ("peak_tflops", "bandwidth_tb_per_s"):
        assert one.values[name] != catalog("gpus")[DEFAULT_GPU][name]
        assert "fitted to 2 measured times" in one.sources[name]
    given = fit_gpu(own([POINT], peak_tflops=121.0))
    assert given.values["peak_tflops"] == 121.0
    assert "peak_tflops" not in given.sources


def test_a_phone_has_the_mean_of_its_measured_speeds() -> None:
    points = [
        {"prompt_tokens": 100, "ttft_s": 0.1, "decode_tokens_per_s": 20},
        {"prompt_tokens": 400, "ttft_s": 0.1, "tpot_s": 0.05},
    ]
    scenario = load_scenario("paper", {"device.speed": {"name": "own", "measured": points}})
    assert scenario.device.speed.prefill_tokens_per_s == pytest.approx(2000.0)
    assert scenario.device.speed.decode_tokens_per_s == pytest.approx(20.0)


def test_a_phone_s_first_tokens_hold_its_fixed_time_and_its_attention() -> None:
    given = {"prefill_fixed_s": 0.05, "prefill_half_rate_tokens": 2000.0}
    points = [
        {"prompt_tokens": n, "ttft_s": 0.05 + n * (1.0 + n / 2000.0) / 1000.0, "tpot_s": 0.05}
        for n in (100, 500, 2000)
    ]
    own = {"name": "own", "measured": points, **given}
    speed = load_scenario("paper", {"device.speed": own}).device.speed
    for point in points:
        law_s = device_prefill_s(
            point["prompt_tokens"], 0.0, speed.prefill_fixed_s,
            1.0 / speed.prefill_tokens_per_s, 2.0 / (2000.0 * speed.prefill_tokens_per_s),
        )  # fmt: skip
        assert law_s == pytest.approx(point["ttft_s"], rel=1e-6)
    slow = {**own, "prefill_fixed_s": 0.2}
    refused({"device.speed": slow}, "device.speed.measured.0.ttft_s", "more than prefill_fixed_s")
    refused({"device.speed": {**own, "prefill_fixed_s": "x"}}, "device.speed.prefill_fixed_s", "")


def test_the_listing_says_what_was_fitted(tmp_path: Any) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "extends: paper\nname: own\ndescription: a card\nedge:\n  model: qwen2.5-7b\n"
        "  gpu: {name: own, memory_gib: 24, measured: [{model: qwen2.5-7b, prompt_tokens: 512,"
        " ttft_s: 0.12, tpot_s: 0.02}]}\n"
        "device:\n  speed: {name: p, measured: [{prompt_tokens: 9, ttft_s: 1, tpot_s: 1}]}\n"
    )
    rows = {row.field: row for row in provenance(path)}
    assert (rows["edge.gpu.peak_tflops"].mark, rows["edge.gpu.mfu"].mark) == ("D", "A")
    assert "fitted to 2 measured times" in rows["edge.gpu.peak_tflops"].source
    assert "a100-80g" in rows["edge.gpu.mfu"].source
    assert "measured" in rows["device.speed.decode_tokens_per_s"].source


@pytest.mark.parametrize(
    ("point", "field", "allowed"),
    [
        ({}, "measured.0", "model: the model"),
        ({"model": "qwen2.5-7b"}, "measured.0.prompt_tokens", "new tokens"),
        ({"model": "qwen2.5-7b", "prompt_tokens": 5}, "measured.0", "ttft_s"),
        ({**POINT, "ttft_s": "fast"}, "measured.0.ttft_s", "a number"),
        ({**POINT, "ttft_s": True}, "measured.0.ttft_s", "a number"),
        ({**POINT, "ttft_s": float("nan")}, "measured.0.ttft_s", "a number"),
        ({**POINT, "ttft": 1}, "measured.0.ttft", "one of the fields"),
        ({**POINT, "model": "gpt-9"}, "measured.0.model", "one of"),
        ({**POINT, "batch": 4}, "measured.0.batch", "1 beside ttft_s"),
        ({**POINT, "tpot_s": 0.1, "decode_tokens_per_s": 10}, "measured.0.tpot_s", "only one"),
        ({**POINT, "ttft_s": 120.0}, "measured.0", "times in s"),
    ],
)
def test_bad_points_are_refused(point: dict[str, Any], field: str, allowed: str) -> None:
    changed = {"edge.gpu": own([point])}
    refused(changed, f"edge.gpu.{field}", allowed)


@pytest.mark.parametrize("points", [[], 3, "fast", None, {"a": 1}])
def test_points_are_a_list(points: Any) -> None:
    refused({"edge.gpu": own(points)}, "edge.gpu.measured", "")


def test_one_error_names_all_missing_fields_with_their_units() -> None:
    with pytest.raises(InputError) as caught:
        load_scenario("paper", {"edge.gpu": {"name": "own", "peak_tflops": 100}})
    message = str(caught.value)
    missing = {name for name in GpuSpec.model_fields} - {"name", "peak_tflops"}
    assert all(f"{name}: " in message for name in missing)
    assert "TB/s" in message
    assert "GiB" in message
    refused(
        {"edge.gpu": {"name": "own", "measured": [POINT]}},
        "edge.gpu.memory_gib",
        "GiB",
    )


@pytest.mark.parametrize(("gpu", "enough"), [("l4", 7), ("l40s", 4), ("h200", 2)])
def test_a_model_too_large_for_its_gpus_says_how_many_would_do(gpu: str, enough: int) -> None:
    changed = {"edge.gpu": gpu, "edge.tensor_parallel": enough - 1}
    with pytest.raises(InputError, match=rf"at least {enough} GPUs: qwen2.5-72b takes 135.4 GiB"):
        load_scenario("paper", changed)
    load_scenario("paper", {**changed, "edge.tensor_parallel": enough})

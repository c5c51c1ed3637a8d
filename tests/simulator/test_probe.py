"""A probe: the phone's own model reads each prompt before it is routed, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from edgeroute_baselines import make_router
from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, InputError, Trace, decode, load_scenario
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.scenario import PROBE_AUC
from edgeroute_env.simulator.state import LATENCY_PARTS
from edgeroute_env.traces.recorded import drawn as source_of
from tests.helpers.drawn import drawn, one_benchmark

DEVICE, EDGE = 0, 1
MakeTrace = Callable[..., Trace]
STEADY = {"device.background_probability": 0.0, "device.scoring_s": 0.0}
PROBE = {"workload.score_source": "probe"}
HELD = int(load_scenario("paper").device.speed.context_tokens or 0)
Turns = list[tuple[Any, dict[str, Any]]]


def served(trace: Trace, actions: Sequence[int], overrides: dict[str, Any]) -> Turns:
    """Return what is seen before each turn, by name, and the turn's figures."""
    env = EdgeRouteEnv("paper", {**STEADY, **overrides})
    seen, turns = env.reset(options={"trace": trace})[0], []
    for action in actions:
        before = decode(seen)
        seen, _, _, _, info = env.step(action)
        turns.append((before, info))
    return turns


def both(trace: Trace, actions: Sequence[int], **more: Any) -> tuple[Turns, Turns]:
    """Return the turns with a classifier that takes no time, and with a probe."""
    return served(trace, actions, more), served(trace, actions, {**PROBE, **more})


def test_a_phones_turn_is_read_once(dialogue: MakeTrace) -> None:
    for (_, plain), (_, probed) in zip(*both(dialogue(3), [DEVICE] * 3), strict=True):
        assert probed["latency_prefill_s"] == probed["latency_switch_s"] == 0.0
        assert probed["latency_scoring_s"] > plain["latency_prefill_s"]
        for figure in ("latency_s", "energy_j"):  # heat after the first token is a little lower
            assert probed[figure] == pytest.approx(plain[figure], rel=1e-3)
        assert probed["recomputed_tokens"] == plain["recomputed_tokens"]
        assert probed["ttft_s"] == pytest.approx(
            probed["latency_scoring_s"] + probed["latency_queue_s"]
        )


def test_an_edge_turn_pays_for_the_probe(rest_trace: MakeTrace) -> None:
    ((_, plain),), ((_, probed),) = both(rest_trace([0.0]), [EDGE])
    phone = load_scenario("paper").device
    extra_s = probed["latency_scoring_s"]
    assert extra_s > 1.0 / phone.speed.decode_tokens_per_s
    assert probed["latency_s"] == pytest.approx(plain["latency_s"] + extra_s, rel=1e-9)
    first = phone.energy.decode_j_per_token + 50 * phone.energy.prefill_j_per_token
    assert probed["energy_j"] - plain["energy_j"] > 0.9 * first
    assert probed["edge_call"] == 1.0


def test_the_parts_sum_and_the_phone_heats(dialogue: MakeTrace) -> None:
    plain, probed = both(dialogue(4, gap_s=30.0), [EDGE] * 4)
    for _, info in probed:
        parts_s = sum(info[f"latency_{part}_s"] for part in LATENCY_PARTS)
        assert parts_s == pytest.approx(info["latency_s"], rel=1e-12)
    assert plain[-1][0]["heat"] == 0.0
    assert probed[-1][0]["heat"] > 0.0


def test_after_an_edge_turn_the_phone_holds_the_prompt(dialogue: MakeTrace) -> None:
    """Only the edge's answer is missing in its cache, and its model must wake up again."""
    plain, probed = both(dialogue(2, prompt_tokens=1000), [EDGE, DEVICE])
    assert plain[1][1]["recomputed_tokens"] == 1100.0
    assert probed[1][1]["recomputed_tokens"] == 100.0
    assert probed[1][1]["switched"] == 1.0
    before = plain[1][1]
    scoring_s = probed[1][1]["latency_scoring_s"]
    assert (
        before["latency_switch_s"]
        < scoring_s
        < before["latency_switch_s"] + before["latency_prefill_s"]
    )


def test_a_probe_waits_for_the_phones_own_work(rest_trace: MakeTrace) -> None:
    turns = served(rest_trace([0.0, 1.0]), [DEVICE, EDGE], PROBE)
    left_s = turns[0][1]["latency_s"] - 1.0
    assert left_s > 0.0
    assert turns[1][1]["latency_queue_s"] == pytest.approx(left_s, rel=1e-6)


def test_what_does_not_fit_the_phone_is_not_probed(rest_trace: MakeTrace) -> None:
    ((seen, info),) = served(rest_trace([0.0], prompt_tokens=HELD), [DEVICE], PROBE)
    assert info["latency_scoring_s"] == 0.0
    assert info["edge_call"] == 1.0
    assert seen["score"] == 1.0


def test_the_estimate_is_what_is_left_after_the_probe(dialogue: MakeTrace) -> None:
    for seen, info in served(dialogue(3), [DEVICE, EDGE, DEVICE], PROBE):
        assert seen["device_wait_s"] == seen["device_prefill_s"] == seen["device_switch_s"] == 0.0
        if info["edge_call"] == 0.0:
            assert seen["device_decode_s"] == pytest.approx(info["latency_decode_s"], 1e-5)
        else:  # the estimate counts the history's prefill to the switch
            found = info["latency_prefill_s"] + info["latency_switch_s"]
            told = seen["edge_prefill_s"] + seen["edge_switch_s"]
            assert told == pytest.approx(found, rel=1e-4)
            assert seen["edge_wait_s"] == pytest.approx(0.0, abs=1e-6)


def test_an_edge_turn_still_costs_itself() -> None:
    cost = {"price": 0.2, "latency_weight": 0.5, "latency_scale_s": 1.0, "energy_weight": 0.5}
    env = EdgeRouteEnv("cr2", {**PROBE, "objective.relative_cost": {**cost, "energy_scale_j": 1.0}})
    env.reset(seed=0)
    for _ in range(20):
        info = env.step(EDGE)[4]
        if info["failed"] == 0.0:
            assert info["relative_cost"] == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("auc", [None, 0.8])
def test_drawn_scores_rank_as_published(auc: float | None) -> None:
    scenario = one_benchmark(
        "mmlu-qwen1.5b-qwen72b", turns=50_000, score_source="probe", score_auc=auc
    )
    rows = drawn(scenario, 1).ravel()
    needed = (rows["quality_edge"] == 1.0) & (rows["quality_device"] == 0.0)
    score = rows["score"].astype(float)
    test = stats.mannwhitneyu(score[needed], score[~needed])
    found = test.statistic / needed.sum() / (~needed).sum()
    assert found == pytest.approx(auc or PROBE_AUC, abs=0.015)


def test_recorded_scores_of_a_classifier_are_refused() -> None:
    with pytest.raises(InputError, match=r"workload\.mix\.0\.scores.*probe"):
        load_scenario("mmlu", PROBE)
    assert load_scenario("mmlu", {**PROBE, "workload.mix.0.scores": "drawn"})


def test_a_router_that_reads_no_score_probes_nothing() -> None:
    scenario = load_scenario("paper", PROBE)
    played = run_episodes(make_router("edge"), scenario, source_of(scenario, "synthetic"), range(2))
    assert (played.turns("scoring_s") == 0.0).all()


@pytest.mark.parametrize("name", ["paper", "busy-cell"])
def test_a_vector_equals_its_scalars(name: str) -> None:
    short = {**PROBE, "workload.turns": 40}
    actions = np.random.default_rng(0).integers(0, 2, (60, 3))
    vector = EdgeRouteVectorEnv(3, name, short)
    seen = [vector.reset(seed=5)[0]] + [vector.step(row)[0] for row in actions]
    for e in range(3):
        env = EdgeRouteEnv(name, short)
        assert np.array_equal(env.reset(seed=5 + e)[0], seen[0][e])
        over = False
        for k, row in enumerate(actions):
            if over:
                observation, over = env.reset()[0], False
            else:
                observation, _, terminated, truncated, _ = env.step(row[e])
                over = terminated or truncated
            assert np.array_equal(observation, seen[k + 1][e])

"""The conformal gate accepts as much as its risk allows, and keeps it on fresh questions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_baselines import make_router
from edgeroute_baselines.cr2_gate import (
    NONE_ACCEPTED,
    RISKS,
    Cr2Gate,
    calibrated,
    loss_if_accepted,
    settings,
)
from edgeroute_baselines.fitting import Fitter
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.seeds import EVALUATION_SEEDS, FIT_SEEDS
from edgeroute_env.traces.sources import Drawn, Pinned

DRAWS, EPISODES = 50, 1  # of calibration: so few turns each that the correction shows


def brute_force(scores: NDArray[Any], losses: NDArray[Any], risk: float) -> float:
    n, best = len(scores), NONE_ACCEPTED
    for threshold in scores:
        if (losses[scores <= threshold].sum() + 1.0) / (n + 1.0) <= risk:
            best = max(best, float(threshold))
    return best


@pytest.mark.parametrize("risk", [0.0, 0.01, 0.05, 0.2, 0.9, 1.0])
def test_the_threshold_is_the_greatest_that_the_risk_allows(risk: float) -> None:
    rng = np.random.default_rng(3)
    for n in (1, 5, 60, 300):
        scores = np.round(rng.random(n), 2)  # with ties
        losses = (rng.random(n) < scores).astype(float) * rng.random(n)
        assert calibrated(scores, losses, risk) == brute_force(scores, losses, risk)


def test_the_extremes_accept_nothing_and_everything() -> None:
    scores, losses = np.array([0.1, 0.9]), np.array([1.0, 1.0])
    assert calibrated(scores, losses, 0.0) == NONE_ACCEPTED
    assert calibrated(scores, losses, 1.0) == 0.9


def test_a_false_acceptance_is_a_turn_on_which_only_the_edge_is_right() -> None:
    turns = np.zeros(4, [("quality_device", "f4"), ("quality_edge", "f4")])
    turns["quality_device"], turns["quality_edge"] = [0, 0, 1, 1], [0, 1, 0, 1]
    assert loss_if_accepted(turns).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("risk", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("preset", ["mmlu", "gsm8k"])
def test_false_acceptances_stay_within_the_risk_on_fresh_questions(
    preset: str, risk: float
) -> None:
    """What is guaranteed is the mean over calibration draws; the draws' own rates scatter."""
    scenario = load_scenario(preset)
    source = Drawn(scenario)
    fresh = Pinned(source, generators(EVALUATION_SEEDS[:150]))
    turns = Pinned(source, generators(FIT_SEEDS[: DRAWS * EPISODES])).rows
    rates = []
    for draw in range(DRAWS):
        mine = turns[draw * EPISODES : (draw + 1) * EPISODES].ravel()
        gate = Cr2Gate(risk, calibrated(mine["score"], loss_if_accepted(mine), risk))
        accepted = fresh.rows["score"] <= np.float32(gate.threshold)
        rates.append((accepted * loss_if_accepted(fresh.rows)).mean())
    assert np.mean(rates) <= risk
    assert np.mean(rates) >= 0.5 * risk  # and it does not get there by accepting nothing


def test_the_gate_run_in_the_simulator_has_the_rate_that_its_traces_imply() -> None:
    scenario = load_scenario("mmlu", {"workload.turns": 50})
    traces = Pinned(Drawn(scenario), generators(FIT_SEEDS[:20]))
    gate = Cr2Gate(
        0.05, calibrated(traces.rows["score"].ravel(), loss_if_accepted(traces.rows.ravel()), 0.05)
    )
    run = run_episodes(gate, scenario, traces, FIT_SEEDS[:20])
    sent = (run.outcomes["edge_call"] + run.outcomes["failed"]).T > 0
    np.testing.assert_array_equal(sent, traces.rows["score"] > np.float32(gate.threshold))
    rate = (~sent * loss_if_accepted(traces.rows)).mean()
    assert 0.04 < rate <= 0.05


def test_the_fit_tries_each_risk_with_its_own_threshold() -> None:
    scenario = load_scenario("mmlu", {"workload.turns": 30})
    fitter = Fitter(scenario, Drawn(scenario), FIT_SEEDS[:20])
    found = fitter.fit("cr2-gate", 0.5)
    rows = Pinned(Drawn(scenario), generators(FIT_SEEDS[:20])).rows.ravel()
    tried = settings(rows)
    assert [setting["risk"] for setting in tried] == list(RISKS)
    assert found.best_return.parameters in tried
    for low, high in itertools.pairwise(tried):
        assert low["threshold"] <= high["threshold"]
    make_router("cr2-gate", found.best_return.parameters)

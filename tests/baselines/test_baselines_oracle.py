"""The myopic oracle earns, turn by turn, at least what either route would; it changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import make_router
from edgeroute_baselines.myopic import MyopicOracle
from edgeroute_env import InputError, load_scenario, scenario_names
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.routing import Insider
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.sources import Drawn

SEEDS = FIT_SEEDS[:6]


def state(batch: Batch) -> list[Any]:
    return [
        copy.deepcopy(getattr(batch, name))
        for name in ("episodes", "devices", "waiting", "live", "observations", "figures")
    ]


@pytest.mark.parametrize("preset", scenario_names())
def test_each_turn_earns_at_least_what_either_route_would(preset: str) -> None:
    scenario = load_scenario(preset, {"workload.turns": 30})
    batch = Batch(scenario, Drawn(scenario), len(SEEDS))
    batch.begin(np.arange(len(SEEDS)), generators(SEEDS))
    oracle = MyopicOracle()
    oracle.reset(len(SEEDS))
    oracle.attach(scenario, batch)
    sides = set()
    while not batch.over.all():
        before, running = state(batch), ~batch.over
        actions = oracle.route(batch.observations)
        for old, new in zip(before, state(batch), strict=True):
            np.testing.assert_array_equal(old, new)
        either = []
        for side in (0, 1):
            trial = copy.deepcopy(batch)
            trial.step(np.full(len(SEEDS), side))
            either.append(trial.outcomes["reward"].copy())
        batch.step(actions)
        earned = batch.outcomes["reward"]
        np.testing.assert_array_equal(earned[running], np.max(either, axis=0)[running])
        tied = running & (either[0] == either[1])
        assert not actions[tied].any()
        sides |= set(actions[running].tolist())
    assert sides == {0, 1} or preset == "thin-link"


def test_a_copied_batch_continues_alike_and_shares_only_what_never_changes() -> None:
    scenario = load_scenario("busy-cell", {"workload.turns": 200})
    batch = Batch(scenario, Drawn(scenario), 3)
    batch.begin(np.arange(3), generators(SEEDS[:3]))
    ones = np.ones(3, np.int64)
    for _ in range(50):
        batch.step(ones)
    twin = batch.taken(np.arange(batch.episodes.size))
    assert twin.traces is batch.traces
    assert not np.shares_memory(twin.devices, batch.devices)
    for _ in range(50):
        batch.step(ones)
        twin.step(ones)
        for mine, other in zip(state(batch), state(twin), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_it_needs_a_batch_and_forgets_it_at_a_reset() -> None:
    oracle = make_router("myopic-oracle")
    assert isinstance(oracle, Insider)
    scenario = load_scenario("paper", {"workload.turns": 4})
    run_episodes(oracle, scenario, Drawn(scenario), SEEDS)
    oracle.reset(1)
    with pytest.raises(InputError, match="myopic-oracle"):
        oracle.route(np.zeros((1, 32), np.float32))


@pytest.mark.parametrize(("gap_s", "pays"), [(15.0, True), (300.0, False)], ids=["crowd", "quiet"])
def test_a_toll_on_its_calls_pays_where_they_slow_others_and_only_there(
    gap_s: float, pays: bool
) -> None:
    """It does not see what a call costs the others, which a toll makes it feel.

    The toll is given back, and answers are paid their expected quality, so that the oracle knows of
    an answer what the score tells, and no more.
    """
    toll, seeds = 0.3, SEEDS[:4]
    changes = {
        "workload.dialogue_gap_mean_s": gap_s,
        "workload.turns": 700,
        "objective.quality": "expected",
    }
    free = load_scenario("busy-cell", changes)
    tolled = load_scenario(free, {"weights.edge_call": free.weights.edge_call + toll})
    earned = []
    for scenario, given_back in ((free, 0.0), (tolled, toll)):
        run = run_episodes(make_router("myopic-oracle"), scenario, Drawn(scenario), seeds)
        earned.append(run.returns() + given_back * run.outcomes["edge_call"].sum(axis=0))
    assert ((earned[1] > earned[0]) == pays).all()

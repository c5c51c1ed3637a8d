"""A scenario's users: always the same, drawn from their laws, one an episode, and felt by it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from edgeroute_env import (
    EdgeRouteEnv,
    EdgeRouteVectorEnv,
    InputError,
    Scenario,
    Trace,
    load_scenario,
)
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.traces.columns import BASE_NAMES
from edgeroute_env.traces.recorded import Split, drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.evaluated import DEVICE, EDGE, always, coins, column, routed

SMALL = {"workload.turns": 24}


@cache
def fleet() -> Scenario:
    return load_scenario("fleet")


def population_of(draws: dict[str, Any], count: int = 2000) -> tuple[Scenario, ...]:
    return load_scenario("paper", {"users": {"count": count, "draws": draws}}).population


def users_of(scenario: Scenario, split: Split, episodes: int = 600) -> set[int]:
    """Return the users whose episodes a split draws."""
    rows = Pinned(drawn(scenario, "synthetic", split), generators(range(episodes))).rows
    return set(rows["user"][:, 0].tolist())


# --- the population


def test_a_scenario_has_always_the_same_users() -> None:
    users = load_scenario("fleet").population
    assert users == load_scenario("fleet").population
    other = load_scenario("fleet", {"workload.turns": 7, "name": "other"}).population
    for part in ("device", "edge", "radio", "weights"):
        assert [getattr(user, part) for user in users] == [getattr(user, part) for user in other]
    assert len(users) == 256
    assert len({user.model_dump_json() for user in users}) == 256
    assert load_scenario("fleet", {"users.count": 3}).population == users[:3]


@pytest.mark.parametrize("name", ["paper", "busy-cell"])
def test_a_scenario_without_users_has_itself_alone(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.population == (scenario,)
    assert users_of(load_scenario(name, {"workload.turns": 4}), "fit", 20) == {0}
    assert users_of(load_scenario(name, {"workload.turns": 4}), "evaluation", 20) == {0}


def test_users_differ_in_what_is_drawn_and_in_nothing_else() -> None:
    draws = fleet().users.draws
    parts = {field.split(".")[0] for field in draws}
    for user in fleet().population:
        assert user.users is None
        for name in Scenario.model_fields:
            same = getattr(user, name) == getattr(fleet(), name)
            assert same or name in parts or name == "users"
        assert user.device.count == fleet().device.count
        assert user.radio.distance_min_m == fleet().radio.distance_min_m
        assert user.weights.quality == fleet().weights.quality


def test_uniform_and_log_uniform_values_follow_their_laws() -> None:
    users = population_of(
        {
            "radio.distance_max_m": {"uniform": [50, 300]},
            "workload.dialogue_gap_mean_s": {"log_uniform": [8, 120]},
        }
    )
    far_m = np.array([user.radio.distance_max_m for user in users])
    gap_s = np.array([user.workload.dialogue_gap_mean_s for user in users])
    assert stats.kstest(far_m, stats.uniform(50, 250).cdf).pvalue > 0.01
    assert stats.kstest(gap_s, stats.loguniform(8, 120).cdf).pvalue > 0.01
    assert abs(np.corrcoef(far_m, gap_s)[0, 1]) < 0.07  # drawn independently


def test_choices_are_taken_at_their_shares() -> None:
    users = population_of(
        {
            "radio.penetration_mean_db": {"choice": [0, 9, 15], "shares": [3, 1, 6]},
            "budgets.edge_calls": {"choice": [10, None]},
        }
    )
    loss_db = [user.radio.penetration_mean_db for user in users]
    counts = [loss_db.count(value) for value in (0, 9, 15)]
    assert stats.chisquare(counts, [600, 200, 1200]).pvalue > 0.01
    calls = [user.budgets.edge_calls for user in users]
    assert stats.binomtest(calls.count(None), len(users)).pvalue > 0.01
    assert set(calls) == {10, None}


def test_fleet_users_stay_within_their_laws() -> None:
    for user in fleet().population:
        assert 8.0 <= user.workload.dialogue_gap_mean_s <= 120.0
        assert 0.05 <= user.workload.mix[0].share <= 1.0
        assert 0.05 <= user.workload.mix[1].share <= 1.0
        assert user.workload.mix[2].share == fleet().workload.mix[2].share
        assert 0.3 <= user.edge.background.utilisation <= 0.9
        assert 50.0 <= user.radio.distance_max_m <= 300.0
        assert user.radio.penetration_mean_db in (0.0, 15.0)
        assert 0.02 <= user.weights.latency_per_s <= 0.2
        assert 0.003 <= user.weights.edge_call <= 0.1


def test_a_choice_of_mappings_replaces_the_fields_it_names() -> None:
    found = [
        (user.device.speed.decode_tokens_per_s, user.device.energy.decode_j_per_token)
        for user in fleet().population
    ]
    classes = {(40.4, 0.15): 0.4, (50.2, 0.15): 0.4, (64.0, 0.12): 0.2}
    assert set(found) == set(classes)
    counts = [found.count(each) for each in classes]
    assert stats.chisquare(counts, [256 * share for share in classes.values()]).pvalue > 0.01
    for user in fleet().population:  # what a class does not name stays
        assert user.device.heat == fleet().device.heat
        assert user.device.energy.tail_s == fleet().device.energy.tail_s


# --- whose episode it is


def test_each_episode_belongs_to_one_user() -> None:
    env = EdgeRouteEnv(fleet())
    whose = []
    for seed in range(40):
        env.reset(seed=seed)
        user = env.trace["user"]
        assert (user == user[0]).all()
        whose.append(int(user[0]))
    assert len(set(whose)) > 30
    assert min(whose) >= 0
    assert max(whose) < 256


def test_fit_and_evaluation_draw_disjoint_halves_of_the_users() -> None:
    few = load_scenario("fleet", {"users.count": 9, "workload.turns": 2})
    fit, evaluation = users_of(few, "fit"), users_of(few, "evaluation")
    assert not fit & evaluation
    assert fit | evaluation == users_of(few, "all") == set(range(9))
    assert abs(len(fit) - len(evaluation)) <= 1


def test_a_users_own_prices_and_phone_act_on_its_episodes() -> None:
    env = EdgeRouteEnv(fleet(), {"workload.turns": 24})
    speeds = set()
    for seed in range(30):
        seen, infos = routed(env, always(DEVICE), seed=seed)
        user = fleet().population[env.trace["user"][0]]
        speed, prompt = user.device.speed, seen[0]["prompt_tokens"]
        attended = 1.0 + prompt / speed.prefill_half_rate_tokens
        prefill_s = speed.prefill_fixed_s + prompt / speed.prefill_tokens_per_s * attended
        assert seen[0]["device_prefill_s"] == pytest.approx(prefill_s, rel=1e-5)
        assert column(seen, "weight_latency_per_s") == pytest.approx(user.weights.latency_per_s)
        assert column(seen, "weight_edge_call") == pytest.approx(user.weights.edge_call)
        second = [info["reward_latency"] / info["latency_s"] for info in infos]
        assert second == pytest.approx([-user.weights.latency_per_s] * len(infos), rel=1e-9)
        energy = user.device.energy
        times_s = [infos[0][f"latency_{part}_s"] for part in ("prefill", "decode")]
        watts = (
            energy.prefill_j_per_token * speed.prefill_tokens_per_s,
            energy.decode_j_per_token * speed.decode_tokens_per_s,
        )
        assert infos[0]["energy_j"] == pytest.approx(np.dot(times_s, watts), rel=1e-6)
        _, infos = routed(env, always(EDGE), seed=seed)
        calls = {info["reward_edge_call"] for info in infos if info["edge_call"]}
        assert calls <= {-user.weights.edge_call}
        speeds.add(user.device.speed.name)
    assert len(speeds) == 3


def test_a_users_own_place_demand_and_edge_shape_its_traces() -> None:
    scenario = load_scenario("fleet", {"workload.turns": 256})
    rows = Pinned(drawn(scenario, "synthetic"), generators(range(300))).rows
    users = [scenario.population[u] for u in rows["user"][:, 0]]
    opens = (rows["turn"][:, 1:] == 1) & rows["last_turn"][:, :-1]
    gaps = np.where(opens, np.diff(rows["arrival_s"]), 0.0)
    gap_s = gaps.sum(axis=1) / opens.sum(axis=1)
    stated_s = np.array([user.workload.dialogue_gap_mean_s for user in users])
    assert np.median(gap_s / stated_s) == pytest.approx(1.0, abs=0.03)
    assert np.corrcoef(np.log(gap_s), np.log(stated_s))[0, 1] > 0.98
    load_level = np.median(rows["edge_load"], axis=1)
    assert np.corrcoef(load_level, [u.edge.background.utilisation for u in users])[0, 1] > 0.9
    indoors = np.array([user.radio.penetration_mean_db == 15.0 for user in users])
    snr_db = rows["snr_db"].mean(axis=1)
    assert snr_db[~indoors].mean() - snr_db[indoors].mean() > 8.0
    first = (rows["benchmark"] == 0).mean(axis=1)
    assert np.corrcoef(first, [u.workload.mix[0].share for u in users])[0, 1] > 0.5


def test_demand_starts_from_one_prior_and_converges_to_the_users_rate() -> None:
    env = EdgeRouteEnv("quota")
    prior_s = env.scenario.workload.dialogue_gap_mean_s
    off, rates = [], []
    for seed in range(30):
        seen, _ = routed(env, always(DEVICE), seed=seed)
        demand, at_s = column(seen, "demand_per_h"), env.trace["arrival_s"]
        asked = np.arange(1, len(seen) + 1)
        assert demand == pytest.approx(3600.0 * asked / (at_s + prior_s), rel=1e-5)
        user = env.scenario.population[env.trace["user"][0]]
        rates.append(3600.0 / user.workload.dialogue_gap_mean_s)
        off.append(np.log(demand[[0, 15, -1]] / rates[-1]))
    errors = np.abs(off)
    assert np.median(errors[:, -1]) < 0.08
    assert errors[:, -1].max() < 0.25
    assert np.median(errors[:, 0]) > 2.0 * np.median(errors[:, 1]) > 2.0 * np.median(errors[:, -1])
    assert max(rates) > 8.0 * min(rates)


# --- bits


def test_a_trace_keeps_its_user_through_a_file_and_replays_identically(tmp_path: Any) -> None:
    env, actions = EdgeRouteEnv(fleet(), SMALL), coins(24)
    for number, suffix in enumerate(("parquet", "csv")):
        first = routed(env, actions, seed=50 + number)
        path = env.trace.save(tmp_path / f"trace.{suffix}")
        kept = Trace.load(path)
        assert kept["user"][0] == env.trace["user"][0] > 0
        assert all(np.array_equal(kept[name], env.trace[name]) for name in BASE_NAMES)
        assert repr(routed(env, actions, options={"trace": kept})) == repr(first)
        assert repr(routed(EdgeRouteEnv(fleet(), SMALL, traces=path), actions)) == repr(first)
        nobody = Trace({**kept.columns, "user": np.zeros(24)})
        assert repr(routed(env, actions, options={"trace": nobody})) != repr(first)


def test_a_trace_of_a_user_whom_the_scenario_lacks_is_refused() -> None:
    env = EdgeRouteEnv(fleet(), SMALL)
    env.reset(seed=0)
    stranger = Trace({**env.trace.columns, "user": np.full(24, 256)})
    with pytest.raises(InputError, match=r"user, row 0: got 256; allowed: 0 to 255"):
        env.reset(options={"trace": stranger})
    with pytest.raises(InputError, match=r"user, row 0: got .*; allowed: 0 to 0"):
        EdgeRouteEnv("paper", traces=env.trace)


def test_a_fleets_vector_equals_its_scalars_when_users_change() -> None:
    n, turns = 5, 24
    vector = EdgeRouteVectorEnv(n, fleet(), SMALL, autoreset_mode="SameStep")
    actions = coins(3 * turns * n, seed=9).reshape(-1, n)
    shown, paid = [vector.reset(seed=70)[0]], []
    for row in actions:
        observation, reward, *_ = vector.step(row)
        shown.append(observation)
        paid.append(reward)
    env, whose = EdgeRouteEnv(fleet(), SMALL), set()
    for e in range(n):
        assert env.reset(seed=70 + e)[0].tobytes() == shown[0][e].tobytes()
        for k, row in enumerate(actions):
            whose.add(int(env.trace["user"][0]))
            observation, reward, _, over, _ = env.step(int(row[e]))
            if over:
                observation, _ = env.reset()
            assert (observation.tobytes(), reward) == (shown[k + 1][e].tobytes(), paid[k][e])
    assert len(whose) > 10

"""Phones of different users in one cell: each has its own costs, and leaves when it is spent."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_env import (
    EdgeRouteEnv,
    EdgeRouteVectorEnv,
    InputError,
    Scenario,
    Trace,
    load_scenario,
)
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.rendering.history import History
from edgeroute_env.rendering.snapshot import snapshot
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.evaluated import DEVICE, EDGE, always, coins, column, routed

PHONES, TURNS = 6, 90
DRAWS: dict[str, Any] = {
    "device": {
        "choice": [
            {"speed": "iphone-16-pro/qwen2.5-1.5b"},
            {"speed": "snapdragon-8-elite-gen5/llama-3.2-1b"},
        ]
    },
    "radio.penetration_mean_db": {"choice": [0, 15]},
    "weights.latency_per_s": {"log_uniform": [0.02, 0.2]},
}
SPENDERS = {"budgets.battery_j": {"choice": [None, 60]}}  # some five answers


def mixed(draws: dict[str, Any] | None = None, **overrides: Any) -> Scenario:
    users = {"count": 40, "own": "phone", "draws": DRAWS if draws is None else draws}
    some = {"device.count": PHONES, "workload.turns": TURNS, "users": users}
    return load_scenario("paper", {**some, **overrides})


def of_its_users(scenario: Scenario, trace: Trace) -> list[Scenario]:
    return [scenario.population[user] for user in trace["user"]]


def test_each_phone_has_a_user_of_its_own_and_keeps_it() -> None:
    env = EdgeRouteEnv(mixed())
    together = 0
    for seed in range(10):
        env.reset(seed=seed)
        whose = defaultdict(set)
        for phone, user in zip(env.trace["device"], env.trace["user"], strict=True):
            whose[phone].add(int(user))
        assert all(len(users) == 1 for users in whose.values())
        together += len(set.union(*whose.values()))
    assert together > 10 * (PHONES - 2)


def test_fit_and_evaluation_meet_other_users() -> None:
    scenario = mixed()
    met = []
    for split in ("fit", "evaluation"):
        rows = Pinned(drawn(scenario, "synthetic", split), generators(range(60))).rows
        met.append(set(rows["user"].ravel().tolist()))
    assert not met[0] & met[1]
    assert met[0] | met[1] == set(range(40))


def test_a_phones_own_prices_speed_and_place_act_on_its_turns() -> None:
    env = EdgeRouteEnv(mixed())
    snr_db: dict[float, list[float]] = {0.0: [], 15.0: []}
    for seed in range(8):
        seen, infos = routed(env, always(EDGE), seed=seed)
        users = of_its_users(env.scenario, env.trace)
        price = np.array([user.weights.latency_per_s for user in users])
        assert len(set(price)) > 1
        assert column(seen, "weight_latency_per_s") == pytest.approx(price, rel=1e-6)
        assert column(infos, "reward_latency") == pytest.approx(
            -price * column(infos, "latency_s"), rel=1e-12
        )
        speed = np.array([user.device.speed.decode_tokens_per_s for user in users])
        decode_s = column(seen, "device_decode_s")
        tokens = env.trace["predicted_tokens_device"]
        assert (decode_s > 0.99 * tokens / speed).all()
        assert (decode_s < 1.5 * tokens / speed).all()
        for user, value in zip(users, env.trace["snr_db"], strict=True):
            snr_db[user.radio.penetration_mean_db].append(float(value))
    assert np.mean(snr_db[0.0]) - np.mean(snr_db[15.0]) > 6.0


def test_a_phone_whose_battery_is_spent_leaves_and_the_others_go_on() -> None:
    scenario = mixed(SPENDERS)
    env, left = EdgeRouteEnv(scenario), 0
    for seed in range(6):
        env.reset(seed=seed)
        trace, spent_j = env.trace, defaultdict(float)
        expected, asked = [], []
        for k, user in enumerate(of_its_users(scenario, trace)):
            if spent_j[trace["device"][k]] >= (user.budgets.battery_j or np.inf):
                continue
            expected.append(trace["arrival_s"][k])
            *_, terminated, truncated, info = env.step(DEVICE)
            asked.append(info["benchmark"] == trace["benchmark"][k])
            spent_j[trace["device"][k]] += info["energy_j"]
            assert not terminated  # some phones have no limit
            if truncated:
                break
        assert truncated
        assert all(asked)
        left += len(trace) - len(expected)
        rest = trace["device"][k + 1 :]
        owners = of_its_users(scenario, trace)[k + 1 :]
        assert all(
            spent_j[d] >= (o.budgets.battery_j or np.inf) for d, o in zip(rest, owners, strict=True)
        )
    assert left > 100


def test_the_episode_ends_when_every_phone_has_left() -> None:
    scenario = mixed({"budgets.battery_j": {"uniform": [20, 60]}})
    _, infos = routed(EdgeRouteEnv(scenario), always(DEVICE), seed=0)
    assert len(infos) < TURNS
    assert [info["terminated"] for info in infos] == [False] * (len(infos) - 1) + [True]
    assert not any(info["truncated"] for info in infos)


def test_a_budget_for_all_phones_is_each_phones_own() -> None:
    scenario = load_scenario("paper", {"device.count": 3, "budgets.battery_j": 60})
    env = EdgeRouteEnv(scenario)
    _, infos = routed(env, always(DEVICE), seed=0)
    assert infos[-1]["terminated"]
    assert column(infos, "energy_j").sum() > 3 * 60


def test_a_cell_of_users_who_are_all_alike_is_the_plain_cell_to_the_bit() -> None:
    plain = load_scenario("busy-cell", {"workload.turns": 300})
    alike = {"count": 7, "own": "phone", "draws": {"weights.edge_call": {"choice": [0.02]}}}
    expected, got = (
        routed(EdgeRouteEnv(scenario), always(EDGE), seed=4)
        for scenario in (plain, load_scenario(plain, {"users": alike}))
    )
    assert got == expected


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_bits_of_a_vector_and_of_a_replayed_file_are_the_same(
    tmp_path: Path, kind: str
) -> None:
    scenario = mixed({**DRAWS, **SPENDERS})
    n = 4
    vector = EdgeRouteVectorEnv(n, scenario, autoreset_mode="Disabled")
    shown, over = vector.reset(seed=20)[0], np.zeros(n, bool)
    rows, actions = [shown], coins(TURNS, seed=3)
    for action in actions:
        if over.any():
            break
        shown, *_, terminated, truncated, _ = vector.step(np.full(n, action))
        rows.append(shown)
        over = terminated | truncated
    for e in range(n):
        env = EdgeRouteEnv(scenario)
        observation, _ = env.reset(seed=20 + e)
        path = env.trace.save(tmp_path / f"trace-{e}.{kind}")
        assert (Trace.load(path)["user"] == env.trace["user"]).all()
        again = EdgeRouteEnv(scenario, traces=path)
        assert again.reset()[0].tobytes() == observation.tobytes()
        for row, action in zip(rows[1:], actions, strict=False):
            observation = env.step(action)[0]
            assert observation.tobytes() == row[e].tobytes()
            assert again.step(action)[0].tobytes() == observation.tobytes()


def test_pictures_name_the_phones_whose_turns_came() -> None:
    scenario = mixed(SPENDERS)
    batch, past, moves = Batch(scenario, drawn(scenario, "synthetic"), 1), History(), []
    batch.begin(np.arange(1), generators([0]))
    while not batch.over[0]:
        episode = batch.episodes[0]
        moves.append(int(batch.traces[episode["trace"], episode["cursor"]]["device"]))
        batch.step(np.array([DEVICE]))
        past.add(batch, 0)
    shot = snapshot(scenario, batch, 0, past)
    assert [turn.phone for turn in shot.turns] == moves
    assert shot.phone.number == moves[-1]
    assert len(moves) < TURNS


def test_a_scenario_of_episodes_keeps_its_hash() -> None:
    fleet = load_scenario("fleet")
    assert scenario_hash(load_scenario("fleet", {"users.own": "episode"})) == scenario_hash(fleet)
    assert scenario_hash(fleet) == "bcbce8fe0d548026"
    cell = {"device.count": 4, "users.draws": DRAWS}
    hashes = {
        scenario_hash(load_scenario("fleet", cell | {"users.own": who}))
        for who in ("episode", "phone")
    }
    assert len(hashes) == 2


@pytest.mark.parametrize("field", ["edge.background.utilisation", "workload.dialogue_gap_mean_s"])
def test_what_a_cell_shares_is_not_drawn_for_each_phone(field: str) -> None:
    with pytest.raises(InputError, match=rf"users.draws: got '{field}'.*weights.*mix.N.share"):
        mixed({field: {"uniform": [0.3, 0.6]}})
    with pytest.raises(InputError, match=r"users.own: got 'car'.*episode.*phone"):
        load_scenario("fleet", {"users.own": "car"})


def test_a_phone_that_changes_its_user_is_refused() -> None:
    env = EdgeRouteEnv(mixed())
    env.reset(seed=0)
    user = env.trace["user"].copy()
    user[np.flatnonzero(env.trace["device"] == env.trace["device"][0])[1]] += 1
    with pytest.raises(InputError, match=r"user, row \d+: got \d+; allowed: \d+, the phone's user"):
        Trace({**env.trace.columns, "user": user})


def test_a_trace_of_users_whom_the_scenario_does_not_have_is_refused(tmp_path: Path) -> None:
    env = EdgeRouteEnv(mixed())
    env.reset(seed=0)
    path = env.trace.save(tmp_path / "trace.csv")
    fewer = load_scenario(mixed(), {"users.count": int(env.trace["user"].max())})
    with pytest.raises(InputError, match=r"trace: user, row \d+: got \d+; allowed: 0 to \d+"):
        EdgeRouteEnv(fewer, traces=path)
    one_user = load_scenario("paper", {"device.count": PHONES})
    with pytest.raises(InputError, match=r"trace: user, row \d+: got \d+; allowed: 0 to 0"):
        EdgeRouteEnv(one_user, traces=path)
    fewer_phones = mixed(**{"device.count": PHONES - 1})
    with pytest.raises(InputError, match=r"trace: device, row \d+: got 5; allowed: 0 to 4"):
        EdgeRouteEnv(fewer_phones, traces=path)

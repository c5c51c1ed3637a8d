"""Each preset has the coupling between turns that it is there for, and no constant action wins it.

What holds for all presets alike (seeds, replays, identifiers, listings) is tested elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_baselines import make_router
from edgeroute_baselines.fitted import parameters, stored_fits
from edgeroute_env import (
    EdgeRouteEnv,
    EdgeRouteVectorEnv,
    InputError,
    load_scenario,
    scenario_names,
)
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.physics.inference import prefill_compute_s
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.evaluated import (
    DEVICE,
    EDGE,
    always,
    coins,
    column,
    evaluated,
    routed,
    validation_traces,
)
from validation.snr import generated_runs

pytestmark = pytest.mark.thorough

each_preset = pytest.mark.parametrize("name", scenario_names())
HOUR_S = 3600.0


def traces_of(name: str, episodes: int = 60, **changes: Any) -> NDArray[Any]:
    """Return the turns of a preset's traces, shape (episodes, turns)."""
    rows: NDArray[Any] = validation_traces(load_scenario(name, changes), episodes).rows
    return rows


def told(info: dict[str, Any], e: int | None = None, path: str = "") -> dict[str, float]:
    """Return the figures of an info by path, those of environment `e` where it is a vector's."""
    found: dict[str, float] = {}
    for key, value in info.items():
        if isinstance(value, dict):
            found |= told(value, e, f"{path}{key}.")
        elif not key.startswith("_"):
            found[path + key] = value if e is None else float(value[e])
    return found


# --- all presets


@each_preset
def test_a_vector_tells_every_figure_of_its_scalars_through_autoreset(name: str) -> None:
    n, few, seed = 3, {"workload.turns": 24}, 60
    vector = EdgeRouteVectorEnv(n, name, few, autoreset_mode="SameStep")
    scalars = [EdgeRouteEnv(name, few) for _ in range(n)]
    shown = vector.reset(seed=seed)[0]
    for e, env in enumerate(scalars):
        assert shown[e].tobytes() == env.reset(seed=seed + e)[0].tobytes()
    ends = 0
    for row in coins(60 * n).reshape(60, n):
        shown, reward, terminated, truncated, info = vector.step(row)
        for e, env in enumerate(scalars):
            observation, pay, over, cut, figures = env.step(int(row[e]))
            assert (reward[e], terminated[e], truncated[e]) == (pay, over, cut)
            last = info["final_info"] if over or cut else info
            assert told(last, e) == told(figures)
            if over or cut:
                observation, ends = env.reset()[0], ends + 1
            assert shown[e].tobytes() == observation.tobytes()
    assert ends == 2 * n


@each_preset
def test_the_best_fitted_router_beats_both_constants(name: str) -> None:
    scenario = load_scenario(name)
    fit = stored_fits(scenario, "synthetic")
    assert fit is not None, "no valid fit is stored: run `make fit`"
    fitted = {each: fit["routers"][each]["best_return"]["mean_return"] for each in fit["routers"]}
    best = max(fitted, key=fitted.__getitem__)  # by the fit's seeds, so that the interval is fair
    traces = validation_traces(scenario, 400 if scenario.workload.turns <= 128 else 100)
    tuned = evaluated(make_router(best, parameters(fit, best)), scenario, traces).returns()
    for constant in ("device", "edge"):
        plain = evaluated(make_router(constant), scenario, traces).returns()
        assert interval(tuned - plain)["low"] > 0.0, constant


# --- what the paper is about


def test_paper_s_phone_is_fast_on_simple_questions_and_its_edge_is_good() -> None:
    scenario = load_scenario("paper")
    traces = validation_traces(scenario, 40)
    phone, edge = (evaluated(make_router(name), scenario, traces) for name in ("device", "edge"))
    assert phone.routed.all()
    assert edge.routed.all()
    score = traces.rows["score"].T
    simple = score <= np.quantile(score, 1 / 3)
    median_s = [np.median(each.outcomes["latency_s"][simple]) for each in (phone, edge)]
    assert median_s[1] > 1.3 * median_s[0]
    assert edge.turns("quality").mean() > phone.turns("quality").mean() + 0.10


def test_paper_s_tuned_rule_shares_the_questions() -> None:
    scenario = load_scenario("paper")
    traces = validation_traces(scenario, 40)
    seeds = FIT_SEEDS[:40]
    pinned = Pinned(drawn(scenario, "synthetic", "fit"), generators(seeds))
    weight = scenario.weights.latency_per_s
    rules = [
        make_router("bao-multi-queue", {"alpha_per_s": alpha * weight, "theta": float(theta)})
        for alpha in (0.0, 0.5, 1.0, 1.5)
        for theta in np.linspace(-0.3, 0.5, 9)
    ]
    tuned = max(
        rules, key=lambda rule: run_episodes(rule, scenario, pinned, seeds).returns().mean()
    )
    run = evaluated(tuned, scenario, traces)
    assert 0.30 < run.turns("edge_call").mean() < 0.75
    for constant in ("device", "edge"):
        plain = evaluated(make_router(constant), scenario, traces).returns()
        assert interval(run.returns() - plain)["low"] > 0.0, constant


# --- budgets


def test_quota_refuses_calls_beyond_an_hours_and_the_phone_answers() -> None:
    env = EdgeRouteEnv("quota")
    allowed = env.scenario.budgets.edge_calls
    refused = []
    for seed in range(12):
        seen, infos = routed(env, always(EDGE), seed=seed)
        hour = np.floor(env.trace["arrival_s"] / HOUR_S)
        calls: dict[float, float] = {}
        for k, info in enumerate(infos):
            spent = calls.get(hour[k], 0.0)
            assert seen[k]["quota_left"] == pytest.approx(1.0 - spent / allowed, abs=1e-6)
            if not info["failed"]:
                assert info["refused"] == (spent == allowed) == 1.0 - info["edge_call"]
                side = "device" if info["refused"] else "edge"
                assert info["quality"] == env.trace[f"quality_{side}"][k]
            calls[hour[k]] = spent + info["edge_call"]
        assert max(calls.values()) <= allowed
        refused.append(column(infos, "refused").mean())
    assert max(refused) > 0.5  # the keenest users, half of whose questions come too late
    assert min(refused) == 0.0  # those who never notice


def test_battery_ends_the_day_of_who_spends_early() -> None:
    env = EdgeRouteEnv("battery")
    for seed in range(20):
        seen, infos = routed(env, always(DEVICE), seed=seed)
        assert infos[-1]["terminated"]
        assert len(infos) < 128
        assert column(infos, "energy_j").sum() >= 1500.0
        left = column(seen, "battery_left")  # the same while an answer is under way
        assert (np.diff(left) <= 0.0).all()
        assert left[-1] < 0.1
        _, infos = routed(env, always(EDGE), seed=seed)
        assert infos[-1]["truncated"]
        assert len(infos) == 128
        assert column(infos, "energy_j").sum() < 1500.0


# --- the shared edge


def test_busy_cell_makes_more_phones_wait_longer() -> None:
    waits = []
    for phones in (20, 80):
        fields = {"device.count": phones, "workload.turns": 18 * phones}
        scenario = load_scenario("busy-cell", fields)
        run = evaluated(make_router("edge"), scenario, validation_traces(scenario, 12))
        waits.append(run.turns("queue_s").mean())
    assert waits[0] < 0.05
    assert waits[1] > 5.0


def test_busy_cell_makes_each_wait_for_what_the_others_send() -> None:
    env = EdgeRouteEnv("busy-cell")
    env.reset(seed=3)
    trace, own = env.trace, env.trace["device"] == 0
    crowded = routed(env, always(EDGE), options={"trace": trace})[1]
    alone = routed(env, np.where(own, EDGE, DEVICE), options={"trace": trace})[1]
    decodes = [column(infos, "latency_decode_s")[own].mean() for infos in (crowded, alone)]
    assert decodes[0] > 3.0 * decodes[1]


def test_busy_cell_is_not_made_by_the_engine_s_limit() -> None:
    returns, own = [], load_scenario("busy-cell").edge.max_sequences
    for limit in (own, 2 * own):
        scenario = load_scenario("busy-cell", {"edge.max_sequences": limit})
        run = evaluated(make_router("edge"), scenario, validation_traces(scenario, 12, "synthetic"))
        returns.append(run.outcomes["reward"].sum(axis=0).mean())
    assert returns[1] == pytest.approx(returns[0], rel=0.05)


@pytest.mark.parametrize("kind", ["synthetic", "recorded"])
def test_busy_cell_is_overloaded_at_times(kind: TraceKind) -> None:
    scenario = load_scenario("busy-cell")
    try:
        traces = validation_traces(scenario, 12, kind)
    except InputError as error:
        pytest.skip(str(error))
    cost, rows = scenario.edge.cost(), traces.rows
    prompt, answer = (rows[name].astype(float) for name in ("prompt_tokens", "answer_tokens_edge"))
    work_s = np.vectorize(lambda n: prefill_compute_s(cost, n, 0.0))(prompt) + answer * (
        cost.decode_s_per_sequence + cost.decode_s_per_context_token * (prompt + answer / 2)
    )
    window_s, loads = 30.0, []
    for arrival_s, each_s in zip(rows["arrival_s"], work_s, strict=True):
        window = (arrival_s / window_s).astype(int)
        loads.append(np.bincount(window, each_s)[:-1] / window_s)
    load = np.concatenate(loads)
    assert 0.6 < load.mean() < 1.0
    assert 0.1 < (load > 1.0).mean() < 0.5


def test_stale_shows_a_load_up_to_half_a_minute_old() -> None:
    rows = traces_of("stale")
    age_s = rows["report_age_s"]
    off = np.abs(rows["reported_load"] - rows["edge_load"])
    assert 20.0 < age_s.max() <= 30.0
    assert off[age_s > 20.0].mean() > 2.0 * off[age_s < 3.0].mean()
    assert off[age_s > 20.0].mean() > 0.1
    env = EdgeRouteEnv("stale")
    seen, _ = routed(env, always(EDGE), seed=1)
    assert column(seen, "report_age_s") == pytest.approx(env.trace["report_age_s"], rel=1e-5)


# --- what is paid


def test_deadline_pays_quality_only_in_time() -> None:
    env = EdgeRouteEnv("deadline")
    late = 0
    for seed in range(5):
        for info in routed(env, coins(seed=seed), seed=seed)[1]:
            in_time = info["latency_s"] <= 6.0
            assert info["reward_quality"] == (info["quality"] if in_time else 0.0)
            assert info["reward_latency"] == 0.0
            late += info["quality"] > 0.0 and not in_time
    assert 50 < late < 500


def test_dialogue_min_pays_the_worst_turn_when_a_dialogue_ends() -> None:
    env = EdgeRouteEnv("dialogue-min")
    improved = 0
    for seed in range(5):
        _, infos = routed(env, coins(seed=seed), seed=seed)
        last, worst = env.trace["last_turn"], 1.0
        for k, info in enumerate(infos):
            worst = min(worst, info["quality"])
            paid = 3.0 * worst if last[k] else 0.0
            assert info["reward_quality"] == pytest.approx(paid, rel=1e-12)
            improved += last[k] and info["quality"] > worst
            worst = 1.0 if last[k] else worst
    assert improved > 50  # the last turn is no stand-in for the worst


# --- the phone


def test_hot_phone_heats_and_slows_without_pauses() -> None:
    long = {"workload.dialogue_gap_mean_s": 3000, "workload.follow_up_median_s": 3000}
    env, pausing = EdgeRouteEnv("hot-phone"), EdgeRouteEnv("hot-phone", long)
    for seed in range(5):
        hot_seen, hot = routed(env, always(DEVICE), seed=seed)
        cool_seen, cool = routed(pausing, always(DEVICE), seed=seed)
        slower = column(hot, "latency_decode_s") / column(cool, "latency_decode_s")
        assert (slower > 1.0 - 1e-6).all()  # the same answers, turn by turn
        assert slower[20:].mean() > 1.3
        assert column(hot_seen, "heat")[20:].mean() > 0.5
        assert column(cool_seen, "heat").mean() < 0.1
        rested = routed(env, always(EDGE), seed=seed)[0]
        assert (column(rested, "heat") == 0.0).all()


def test_indoor_questions_in_quick_succession_queue_on_the_hub() -> None:
    env = EdgeRouteEnv("indoor", {"device.scoring_s": 0.0})
    queued = 0
    for seed in range(8):
        _, infos = routed(env, always(DEVICE), seed=seed)
        arrival_s, latency_s = env.trace["arrival_s"], column(infos, "latency_s")
        before_s = np.maximum(0.0, (arrival_s + latency_s)[:-1] - arrival_s[1:])
        assert column(infos, "latency_queue_s")[1:] == pytest.approx(before_s, abs=1e-6)
        queued += (before_s > 1.0).sum()
        seen, _ = routed(env, always(EDGE), seed=seed)
        fresh = env.trace["turn"] == 1  # a follow-up waits for its answer wherever it goes
        assert (column(seen, "device_wait_s")[fresh] == 0.0).all()
    assert queued > 100


def test_long_context_opens_documents_that_only_staying_keeps_cached() -> None:
    env = EdgeRouteEnv("long-context")
    moved: list[float] = []
    for seed in range(5):
        _, infos = routed(env, np.arange(128) % 2, seed=seed)
        opening = env.trace["prompt_tokens"][env.trace["turn"] == 1]
        assert opening.min() >= 700.0
        assert opening.max() <= 3600.0
        assert np.median(env.trace["prompt_tokens"][env.trace["turn"] > 1]) < 100.0
        moved += [i["recomputed_tokens"] for i in infos if i["switched"]]
        infos = routed(env, always(DEVICE), seed=seed)[1]
        outgrown = column(infos, "edge_call") == 1.0  # the phone holds 4,096 tokens
        assert outgrown.mean() < 0.1
        stayed = column(infos, "recomputed_tokens")
        assert ((stayed > 0.0) == env.trace["device_evicted"])[~outgrown].all()
        assert 0.0 < env.trace["device_evicted"].mean() < 0.2
    assert np.median(moved) > 1500.0


def test_mtbench101_switches_recompute_hundreds_of_tokens_at_most() -> None:
    infos = routed(EdgeRouteEnv("mtbench101"), coins(), seed=0)[1]
    moved = [info["recomputed_tokens"] for info in infos if info["switched"]]
    assert len(moved) > 20
    assert 20.0 < np.median(moved) < 500.0
    for name in ("mmlu", "gsm8k"):  # questions without a history
        infos = routed(EdgeRouteEnv(name), coins(), seed=0)[1]
        assert column(infos, "recomputed_tokens").max() == column(infos, "switched").max() == 0.0


# --- the radio


def test_vehicular_links_swing_within_seconds() -> None:
    drop_db = {}
    for name in ("paper", "vehicular"):
        snr_db = np.array(generated_runs(name, range(40)).series)
        drop_db[name] = snr_db[:, :-5] - snr_db[:, 5:]
    assert drop_db["vehicular"].std() > 1.5 * drop_db["paper"].std()
    deep = {name: (drops > 20.0).mean() for name, drops in drop_db.items()}
    assert deep["vehicular"] > max(0.015, 4.0 * deep["paper"])


def test_thin_link_uploads_of_photos_take_seconds() -> None:
    env = EdgeRouteEnv("thin-link")
    for seed in range(5):
        _, infos = routed(env, always(EDGE), seed=seed)
        photo, up = env.trace["attachment_bytes"] > 0.0, env.trace["outage_s"] == 0.0
        sent_s = column(infos, "latency_radio_s")
        assert 0.15 < photo.mean() < 0.5
        assert sent_s[photo & up].min() > 350e3 * 8 / 0.375e6  # its bits at the highest rate
        assert np.median(sent_s[~photo & up]) < 1.0
        assert (column(routed(env, always(DEVICE), seed=seed)[1], "latency_radio_s") == 0.0).all()

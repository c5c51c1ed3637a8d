"""Planners: the bound is one, and a rollout knows no more than a router could."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import linear, make_router, router_names
from edgeroute_baselines.clairvoyant import ClairvoyantRouter
from edgeroute_baselines.follow import followed
from edgeroute_baselines.futures import Futures
from edgeroute_baselines.linear import LinearRouter
from edgeroute_baselines.registry import spec
from edgeroute_env import InputError, load_scenario
from edgeroute_env.evaluation.compare import Contender, Yardsticks, compare
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.parallel import outcome
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.columns import ROW
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.settings import ordinary

pytestmark = pytest.mark.thorough

SEEDS = EVALUATION_SEEDS[:6]
# Budgets, caches, late answers, a dialogue's worst, heat, an episode that ends early.
VARIED = ("paper", "quota", "battery", "long-context", "deadline", "dialogue-min", "hot-phone")
LONG = ("quota", "long-context", "hot-phone", "deadline", "dialogue-min")
SHORT = {
    "quota": {"budgets.edge_calls": 4, "budgets.window_s": 600.0},
    "battery": {"budgets.battery_j": 150.0},
}


def pinned(scenario: Any, seeds: Any = SEEDS) -> Pinned:
    return Pinned(drawn(scenario, "synthetic", "evaluation"), generators(seeds))


@pytest.mark.parametrize(
    "preset",
    [pytest.param(p, marks=[pytest.mark.slow] if p in LONG else []) for p in VARIED],
)
def test_on_a_short_horizon_the_bound_is_the_best_of_all_sequences(preset: str) -> None:
    turns = 9 if preset != "paper" else 12
    scenario = load_scenario(preset, {"workload.turns": turns, **SHORT.get(preset, {})})
    scenario = scenario.model_copy(
        update={"device": scenario.device.model_copy(update={"scoring_s": 0.0})}
    )
    seeds = SEEDS[:2]
    traces = pinned(scenario, seeds)
    planner = ClairvoyantRouter()
    found = run_episodes(planner, scenario, traces, seeds)
    assert planner.exact
    sequences = np.array(list(itertools.product((0, 1), repeat=turns)))
    for e in range(len(seeds)):  # all sequences side by side on one trace
        one = Pinned(traces, generators(seeds))
        one.rows, one.lengths = (
            np.repeat(one.rows[e : e + 1], len(sequences), axis=0),
            np.repeat(one.lengths[e : e + 1], len(sequences)),
        )
        batch = Batch(scenario, one, len(sequences))
        batch.begin(np.arange(len(sequences)), generators([0] * len(sequences)))
        total = np.zeros(len(sequences))
        for t in range(turns):
            running = ~batch.over
            batch.step(sequences[:, t])
            total[running] += batch.outcomes["reward"][running]
        assert found.returns()[e] == pytest.approx(total.max(), abs=1e-9)


@pytest.mark.parametrize("preset", [*VARIED, "busy-cell", "fleet", "thin-link", "cr2"])
def test_the_bound_is_never_worse_than_any_router_on_any_trace(preset: str) -> None:
    scenario = load_scenario(preset, {"workload.turns": 40})
    traces = pinned(scenario)
    runs = [
        run_episodes(make_router(name, ordinary(name)), scenario, traces, SEEDS)
        for name in router_names()
        if name != "clairvoyant"
    ]
    planner = ClairvoyantRouter(incumbents=[run.actions for run in runs])
    bound = run_episodes(planner, scenario, traces, SEEDS).returns()
    assert not planner.exact
    for run in runs:
        assert (bound >= run.returns() - 1e-9).all(), run.router
    steps = list(planner.found.values())
    assert steps == sorted(steps)
    assert bound.mean() == pytest.approx(steps[-1])


def test_a_comparison_gives_the_bound_what_the_others_did() -> None:
    scenario = load_scenario("paper", {"workload.turns": 30})
    contenders = [
        Contender(make_router(name, ordinary(name)), spec(name).role) for name in router_names()
    ]
    source = drawn(scenario, "synthetic", "evaluation")
    by = Yardsticks("clairvoyant", "edge", "bao-multi-queue", "bao-multi")
    result = outcome(compare(scenario, source, SEEDS, contenders, {}, {}, by))
    assert list(result["routers"]) == router_names()
    row = result["routers"]["clairvoyant"]
    assert row["exact"] is False
    assert list(row["found"]) == ["routers", "beam 4", "beam 8", "beam 16", "flips"]
    for name, other in result["routers"].items():
        assert other["difference"]["return"]["high"] <= 1e-9, name


@pytest.mark.parametrize("preset", ["paper", "quota"])
def test_a_wider_beam_finds_no_less(preset: str) -> None:
    scenario = load_scenario(preset, {"workload.turns": 60, **SHORT.get(preset, {})})
    traces = pinned(scenario)
    planners = [ClairvoyantRouter(width) for width in (4, 8, 16, 64)]
    for planner in planners:
        run_episodes(planner, scenario, traces, SEEDS)
    widest = planners[-1].found
    for planner in planners:  # the narrower search is the beginning of the wider
        for name, value in planner.found.items():
            if name != "flips":
                assert value == widest[name]
    steps = list(widest.values())
    assert steps == sorted(steps)
    with pytest.raises(InputError, match="width: got 1"):
        ClairvoyantRouter(1)


@pytest.mark.parametrize(
    ("preset", "hidden"),
    [
        *((preset, []) for preset in ("paper", "busy-cell", "fleet", "dialogue-min", "battery")),
        ("long-context", ["edge-load", "cache", "snr"]),
    ],
)
def test_a_rollout_reads_neither_the_future_nor_what_is_hidden(
    preset: str, hidden: list[str]
) -> None:
    """Its decision stays the same when all that it must not know is another's."""
    changes = {"workload.turns": 60, "observation.hidden": hidden}
    scenario = load_scenario(preset, changes)
    traces, at, which = pinned(scenario), 20, np.arange(len(SEEDS))
    rule = make_router("bao-multi-queue", ordinary("bao-multi-queue"))

    def decision(scrambled: bool) -> Any:
        batch = Batch(scenario, traces, len(SEEDS))
        batch.begin(which, generators(SEEDS))
        batch.traces = batch.traces.copy()
        router = make_router("rollout", ordinary("rollout"))
        router.reset(len(SEEDS))
        router.attach(scenario, batch)
        for _ in range(at):
            actions = rule.route(batch.observations)
            router.remember(which, actions)
            batch.step(actions)
        if scrambled:
            _scramble(batch, at, router.futures.known, "cache" in hidden)
        return router.edge_gain(which, batch.observations)

    gain = decision(False)
    assert np.ptp(gain) > 0.0
    np.testing.assert_array_equal(gain, decision(True))


def _scramble(batch: Batch, at: int, known: tuple[str, ...], hides_cache: bool) -> None:
    """Change all that the router of turn `at` cannot know, of the trace and the simulator."""
    rows = batch.traces
    for name in ROW.names or ():
        if name not in ("arrival_s", "user"):
            rows[name][:, at + 1 :] = rows[name][:, at + 1 :][:, ::-1]
        if name not in known:
            rows[name][:, at] = rows[name][::-1, at + 1]
    rows["arrival_s"][:, at + 1 :] += 1000.0
    each = np.arange(len(rows))
    own = (each, rows["device"][:, at])
    mine = batch.devices[own]
    batch.devices[:] = batch.devices[::-1, ::-1]  # other phones
    mine["worst_quality"] = 0.123  # nobody has judged a dialogue's answers before it ends
    mine["next_edge_wait_s"], mine["next_edge_told_at_s"] = 77.0, rows["arrival_s"][:, at] + 1.0
    if hides_cache:
        mine["cached_device_tokens"], mine["cached_edge_tokens"] = 0.0, 1.0
    batch.devices[own] = mine
    batch.live[:, 0] *= 1.01  # how long the answers under way will be
    batch.waiting[:] = 1e6
    batch.episodes["next_at_s"] = 3.0


def test_a_rollout_decides_alike_in_every_run() -> None:
    scenario = load_scenario("battery", {"workload.turns": 40})
    traces = pinned(scenario)
    first, second = (
        run_episodes(make_router("rollout", ordinary("rollout")), scenario, traces, SEEDS)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.actions, second.actions)


@pytest.mark.parametrize("preset", ["quota", "busy-cell"])
def test_the_imagined_rule_is_the_rule(preset: str) -> None:
    scenario = load_scenario(preset, {"workload.turns": 50})
    traces = pinned(scenario)
    rule = LinearRouter(linear.from_bao(**ordinary("bao-multi-queue")))
    batch = Batch(scenario, traces, len(SEEDS))
    batch.begin(np.arange(len(SEEDS)), generators(SEEDS))
    copies = batch.taken(np.arange(len(SEEDS)))
    actions = rule.route(batch.observations)
    earned = followed(copies, actions, rule.record)
    expected = run_episodes(rule, scenario, traces, SEEDS).returns()
    np.testing.assert_allclose(earned, expected, rtol=1e-9)


def test_the_hidden_columns_of_a_future_follow_the_score() -> None:
    """The large model is needed as often as the score says, outages come at their share."""
    scenario = load_scenario("deadline", {"workload.turns": 40, "radio.outage_share": 0.1})
    futures = Futures(scenario, 64, 5)
    traces = pinned(scenario)
    present = traces.rows[:, 0].copy()
    present["score"] = np.linspace(0.1, 0.9, len(SEEDS))
    present["benchmark"], present["turn"] = 1, 1
    present["snr_db"] = np.where(np.arange(len(SEEDS)) % 2 == 0, -15.0, 20.0)
    seen = {name: present[name].astype(float) for name in ("score",)}
    seen |= {"dialogue_score": seen["score"], "demand_per_h": np.full(len(SEEDS), 100.0)}
    rows, _ = futures.draw(present, seen)
    now = rows[..., 0]
    needed = (now["quality_edge"] > now["quality_device"]).mean(axis=1)
    np.testing.assert_allclose(needed, present["score"], atol=1.01 / 64)
    out = now["outage_s"] > 0.0
    for low in (present["snr_db"] < 0.0, present["snr_db"] > 0.0):
        assert out[low].mean() == pytest.approx(0.1, abs=0.05)


def test_the_other_phones_of_a_mixed_cell_keep_users_of_their_own_in_a_future() -> None:
    draws = {"weights.latency_per_s": {"uniform": [0.02, 0.2]}}
    users = {"count": 40, "own": "phone", "draws": draws}
    scenario = load_scenario("paper", {"device.count": 6, "workload.turns": 40, "users": users})
    present = pinned(scenario).rows[:, 0].copy()
    seen = {name: present["score"].astype(float) for name in ("score", "dialogue_score")}
    rows, _ = Futures(scenario, 32, 5).draw(present, seen)
    own = rows["device"] == present["device"][:, None, None]
    assert own.any(axis=2).all()
    assert (
        rows["user"][own] == np.broadcast_to(present["user"][:, None, None], own.shape)[own]
    ).all()
    for future in rows.reshape(-1, rows.shape[2]):
        whose = {(int(row["device"]), int(row["user"])) for row in future}
        assert len(whose) == len({phone for phone, _ in whose})
    assert set(rows["user"][~own].tolist()) == set(range(0, 40, 2))  # the users kept for fitting


def test_a_rollout_leaves_the_rule_where_a_budget_makes_it_pay() -> None:
    scenario = load_scenario("quota", {"workload.turns": 120, "budgets.edge_calls": 12})
    seeds = EVALUATION_SEEDS[:16]
    traces = pinned(scenario, seeds)
    parameters = {"alpha_per_s": 0.02, "theta": 0.0}
    rule, planner = (
        run_episodes(make_router(name, parameters), scenario, traces, seeds)
        for name in ("bao-multi-queue", "rollout")
    )
    gain = planner.returns() - rule.returns()
    assert gain.mean() > 2.0 * gain.std() / 4.0


def test_planners_refuse_to_run_without_a_batch() -> None:
    for name in ("rollout", "clairvoyant"):
        router = make_router(name, ordinary(name))
        router.reset(1)
        with pytest.raises(InputError, match=f"router: got '?{name}"):
            router.route(np.zeros((1, 32), np.float32))

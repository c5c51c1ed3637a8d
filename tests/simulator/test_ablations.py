"""A hidden quantity tells a router nothing and changes no outcome; it is missed where it matters.

The losses are those of the analytic rule, fitted anew to what it still sees. `make test-slow` fits
with full effort.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import fitting, make_router, registry
from edgeroute_env import EdgeRouteEnv, InputError, Trace, load_scenario
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.physics.queueing import mean_wait_s
from edgeroute_env.physics.radio import path_loss_db
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.traces.recorded import drawn
from tests.helpers.command_line import Command
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

pytestmark = pytest.mark.thorough

HIDEABLE = ("edge-load", "cache", "snr")
each_hidden = pytest.mark.parametrize("hidden", HIDEABLE)
BLIND_PRESETS = ("paper", "stale", "long-context", "thin-link")
RULE = "bao-multi-queue"
# A coarse grid that holds the best settings of all presets below.
ALPHAS_PER_S = (0.01, 0.04, 0.1, 0.25)
THETAS = (0.0, 0.1, 0.15, 0.2, 0.3, 0.5)
# What the last turn leaves behind depends on how long it took, which its user has seen.
LEFT_BEHIND = ("heat", "last_edge_age_s")
MakeTrace = Callable[..., Trace]


def blind(name: str, *hidden: str, **changes: Any) -> EdgeRouteEnv:
    return EdgeRouteEnv(name, {"observation.hidden": list(hidden), **changes})


# --- what is seen


@each_hidden
@pytest.mark.parametrize("name", BLIND_PRESETS)
def test_outcomes_of_the_same_actions_are_the_same_bit_for_bit(name: str, hidden: str) -> None:
    env, unseeing, differing = blind(name), blind(name, hidden), 0
    for seed in range(3):
        seen, infos = routed(env, coins(seed=seed), seed=seed)
        unseen, same = routed(unseeing, coins(seed=seed), seed=seed)
        assert repr(infos) == repr(same)
        differing += sum(a != b for a, b in zip(seen, unseen, strict=True))
    assert differing > 0


def with_hidden_columns(make: MakeTrace, hidden: str, seed: int) -> Trace:
    """Return a trace far from any queue; between seeds, only what `hidden` hides differs."""
    rng, turns = np.random.default_rng(seed), 24
    draws: dict[str, Any] = {
        "edge-load": {
            "edge_load": rng.random(turns) * 0.9,
            "edge_wait_s": rng.exponential(3.0, turns),
            "reported_load": rng.random(turns) * 0.9,
            "report_age_s": rng.random(turns) * 30.0,
        },
        "cache": {
            "device_evicted": rng.random(turns) < 0.5,
            "edge_evicted": rng.random(turns) < 0.5,
        },
        "snr": {"snr_db": rng.uniform(-5.0, 25.0, turns)},
    }
    return make(turns, prompt_tokens=300, **draws[hidden])


@each_hidden
def test_observations_carry_nothing_of_what_is_hidden(dialogue: MakeTrace, hidden: str) -> None:
    def shown(env: EdgeRouteEnv, trace: Trace) -> list[str]:
        seen, _ = routed(env, coins(), options={"trace": trace})
        left = LEFT_BEHIND if hidden != "edge-load" else ()
        return [repr({k: v for k, v in turn.items() if k not in left}) for turn in seen]

    traces = [with_hidden_columns(dialogue, hidden, seed) for seed in range(4)]
    unseen = [shown(blind("paper", hidden), trace) for trace in traces]
    assert all(each == unseen[0] for each in unseen)
    seen = [shown(blind("paper"), trace) for trace in traces]
    assert all(each != seen[0] for each in seen[1:])


def test_a_hidden_load_is_the_tenants_median_and_none_of_our_own() -> None:
    small_box = {"edge.max_sequences": 4, "device.count": 24}
    env = blind("paper", "edge-load", **small_box)
    seen, _ = routed(env, always(EDGE), seed=2)
    assert column(seen, "edge_load") == pytest.approx(0.65)
    assert (column(seen, "report_age_s") == 0.0).all()
    assert (column(seen, "last_edge_wait_s") == 0.0).all()
    assert column(seen, "last_edge_age_s") == pytest.approx(36_000.0)  # never told
    fresh = column(seen, "turn") == 1  # a follow-up may wait for its own answer besides
    wait_s = mean_wait_s(4, 0.65, 8.0)
    assert column(seen, "edge_wait_s")[fresh] == pytest.approx(wait_s, rel=1e-5)
    # Whether our own requests fill the box shows in no estimate, but to who sees its load.
    for who, same in ((env, True), (blind("paper", **small_box), False)):
        full, idle = (routed(who, always(side), seed=2)[0] for side in (EDGE, DEVICE))
        for name in ("edge_load", "edge_wait_s", "edge_decode_s"):
            shown = (column(full, name)[fresh] == column(idle, name)[fresh]).all()
            assert shown == same, name


def test_a_hidden_cache_is_whole_on_both_sides() -> None:
    seen, infos = routed(blind("long-context", "cache"), coins(), seed=2)
    assert (column(seen, "device_cached") == 1.0).all()
    assert (column(seen, "edge_cached") == 1.0).all()
    assert column(infos, "recomputed_tokens").max() > 2000.0
    known = ((0.0, 0.15), (0.0, 0.05))  # the switch itself, seconds
    for side, switch_s in zip(("device", "edge"), known, strict=True):
        shown = np.round(np.unique(column(seen, f"{side}_switch_s")), 4)
        assert set(shown) == set(switch_s)


def test_a_hidden_snr_is_that_of_the_cells_median_distance() -> None:
    env = blind("paper", "snr")
    link = env.scenario.radio
    median_m = ((10.0**2 + 150.0**2) / 2.0) ** 0.5
    loss_db = path_loss_db(1, False, median_m, 3.5, 10.0, 1.5)
    noise_dbm = -174.0 + 10.0 * np.log10(20e6) + 5.0
    snr_db = 23.0 + 8.0 - noise_dbm - loss_db
    seen, _ = routed(env, always(EDGE), seed=2)
    assert column(seen, "snr_db") == pytest.approx(snr_db, abs=1e-3)
    tokens = column(seen, "prompt_tokens") + column(seen, "context_tokens")
    slope, start_s = np.polyfit(tokens, column(seen, "edge_radio_s"), 1)
    assert 0.0 < slope < 1e-4  # air time by size alone, no longer by place
    assert start_s > link.rtt_floor_s
    assert np.ptp(column(routed(blind("paper"), coins(), seed=2)[0], "snr_db")) > 15.0


def test_all_three_may_be_hidden_at_once() -> None:
    seen, _ = routed(blind("paper", *HIDEABLE), coins(), seed=4)
    for name in ("edge_load", "report_age_s", "device_cached", "edge_cached", "snr_db"):
        assert np.ptp(column(seen, name)) == 0.0


@pytest.mark.parametrize("name", ["colour", "edge_load", "", "SNR", 5])
def test_only_known_quantities_can_be_hidden(name: Any, edgeroute: Command) -> None:
    with pytest.raises(InputError) as caught:
        blind("paper", "snr", name)
    for part in ("observation.hidden.1", repr(name), "'edge-load'", "'cache'", "'snr'"):
        assert part in str(caught.value)
    ended = edgeroute("run", "-s", "tiny.yaml", "--set", f"observation.hidden=[{name!r}]")
    assert ended.code == 2
    assert "observation.hidden.0" in ended.err


# --- what it is worth


def returns_and_loss(
    name: str, hidden: str, changes: dict[str, Any], fit: int, episodes: int
) -> tuple[float, dict[str, float]]:
    """Return the tuned rule's mean return, and what hiding costs it on the same episodes."""
    returns = []
    for hides in ((), (hidden,)):
        scenario = load_scenario(name, {**changes, "observation.hidden": hides})
        source = drawn(scenario, "synthetic", "fit")
        tuned = fitting.Fitter(scenario, source, FIT_SEEDS[:fit]).fit(RULE, 0.5).best_return
        router = make_router(RULE, tuned.parameters)
        traces = validation_traces(scenario, episodes)
        returns.append(evaluated(router, scenario, traces).returns())
    return float(returns[0].mean()), interval(returns[0] - returns[1])


MISSED = [("busy-cell", "edge-load"), ("long-context", "cache")]
MISSED += [("thin-link", "snr")]
QUIET = {"workload.dialogue_gap_mean_s": 80}  # 0.3 of the box instead of 0.8
NOT_MISSED: list[tuple[str, str, dict[str, Any]]] = [
    ("busy-cell", "edge-load", QUIET),
    ("mtbench101", "cache", {}),
    ("paper", "snr", {}),
    ("vehicular", "snr", {}),  # a low SNR is slower, not out
]
EFFORTS = ["small", pytest.param("full", marks=pytest.mark.slow(reason="make test-slow"))]


@pytest.fixture(params=EFFORTS)
def measured(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str, dict[str, Any]], tuple[float, dict[str, float]]]:
    """Measure what hiding costs; with small effort, on a coarse grid and fewer training seeds."""
    small = request.param == "small"
    if small:
        kind = registry.spec(RULE)
        grid = {"alpha_per_s": ALPHAS_PER_S, "theta": THETAS}
        monkeypatch.setitem(registry.ROUTERS, RULE, dataclasses.replace(kind, grid=grid))
        monkeypatch.setattr(fitting, "REFINEMENT", ())

    def measure(name: str, hidden: str, changes: dict[str, Any]) -> Any:
        long = name == "busy-cell"  # ten times the turns of the others
        fit, episodes = (100, 800) if small else (200, 800)
        if long:
            fit, episodes = (12, 60) if small else (40, 200)
        return returns_and_loss(name, hidden, changes, fit, episodes)

    return measure


@pytest.mark.parametrize(("name", "hidden"), MISSED)
def test_hiding_costs_the_tuned_rule_where_the_quantity_matters(
    name: str, hidden: str, measured: Any
) -> None:
    _, loss = measured(name, hidden, {})
    assert loss["low"] > 0.0


@pytest.mark.parametrize(("name", "hidden", "changes"), NOT_MISSED, ids=str)
def test_hiding_costs_the_tuned_rule_nothing_elsewhere(
    name: str, hidden: str, changes: dict[str, Any], measured: Any
) -> None:
    mean, loss = measured(name, hidden, changes)
    assert loss["low"] <= 0.0 <= loss["high"] or abs(loss["mean"]) < 1e-3 * mean

"""Rules that extend the analytic one: what each adds, and that without it they are that rule."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_baselines import BaoRouter, make_router, registry
from edgeroute_baselines.congestion import CongestionPriceRouter, externality_s
from edgeroute_baselines.fitted import parameters, stored_fits
from edgeroute_baselines.lyapunov import LyapunovRouter
from edgeroute_baselines.pacing import PacingRouter
from edgeroute_baselines.sticky import StickyRouter
from edgeroute_env import decode, load_scenario
from edgeroute_env.evaluation.episodes import Episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.routing import Router
from edgeroute_env.traces.sources import Pinned
from tests.helpers.evaluated import evaluated, validation_traces

EXTENSIONS = [
    name
    for name, found in registry.ROUTERS.items()
    if found.search is not None and name not in ("linear",)
]
BAO = BaoRouter("bao-multi-queue", 0.06, 0.2)


@functools.cache
def traces(preset: str) -> Pinned:
    return validation_traces(load_scenario(preset), 6)


def run(router: Router, preset: str) -> Episodes:
    return evaluated(router, load_scenario(preset), traces(preset))


@dataclasses.dataclass
class Both:
    """Follows one router and checks that another one would do the same."""

    leader: Router
    other: Router
    name: str = "both"

    def reset(self, n: int) -> None:
        self.differing = self.seen = 0

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        actions = self.leader.route(observations)
        self.differing += int((actions != self.other.route(observations)).sum())
        self.seen += len(actions)
        return actions


@pytest.mark.parametrize("name", EXTENSIONS)
@pytest.mark.parametrize("preset", ["paper", "mtbench101", "stale", "long-context"])
def test_a_search_starts_at_the_analytic_rule_exactly(name: str, preset: str) -> None:
    search = registry.spec(name).search
    assert search is not None
    both = Both(BAO, make_router(name, search.start(alpha_per_s=0.06, theta=0.2)))
    run(both, preset)
    assert both.seen > 500
    assert both.differing == 0


@pytest.mark.parametrize("preset", ["paper", "stale", "thin-link"])
def test_without_budgets_prices_of_budgets_change_nothing(preset: str) -> None:
    for dear in (PacingRouter(0.06, 0.2, 5.0, 1.0, 5.0), LyapunovRouter(0.06, 0.2, 5.0, 0.5, 5.0)):
        both = Both(BAO, dear)
        run(both, preset)
        assert both.differing == 0


@pytest.mark.parametrize(
    "router", [PacingRouter(0.03, -1.0, 0.2, 40.0, 0.0), LyapunovRouter(0.03, -1.0, 0.5, 0.1, 0.0)]
)
def test_no_call_is_made_beyond_the_quota(router: Router) -> None:
    eager = run(router, "quota")
    assert eager.turns("edge_call").sum() > 0
    assert eager.turns("refused").sum() == 0.0
    windows = np.ceil(traces("quota").rows["arrival_s"][:, -1] / 3600.0)
    spent = np.where(eager.routed, eager.outcomes["edge_call"], 0.0).sum(axis=0)
    assert (spent <= 40.0 * windows).all()
    assert run(BaoRouter("bao-multi-queue", 0.03, -1.0), "quota").turns("refused").sum() > 0.0


def test_prices_rise_with_what_is_spent_ahead_of_the_clock() -> None:
    for ahead in (LyapunovRouter(0.0, 0.0, 1.0, 0.0, 0.0), PacingRouter(0.0, 0.0, 1.0, 100.0, 0.0)):
        shares = [
            run(dataclasses.replace(ahead, call_price=price), "quota").turns("edge_call").mean()
            for price in (0.0, 0.1, 10.0)
        ]
        assert shares[0] > shares[2]


def test_a_battery_ahead_of_the_clock_makes_the_phones_own_work_dear() -> None:
    for rule in (LyapunovRouter(0.06, 0.2, 0.0, 0.0, 0.0), PacingRouter(0.06, 0.2, 0.0, 60.0, 0.0)):
        shares = [
            run(dataclasses.replace(rule, work_price_per_s=price), "battery").by_episode(
                "edge_call"
            )
            for price in (0.0, 2.0)
        ]
        assert shares[1].mean() > shares[0].mean()


def test_an_infinite_margin_never_leaves_the_cache() -> None:
    never = StickyRouter(0.06, 0.2, float("inf"))
    scenario = load_scenario("mtbench101", {"device.cache_survival_s": 1e9})
    of = validation_traces(scenario, 6)
    of.rows["edge_evicted"] = of.rows["device_evicted"] = False
    of.rows["outage_s"] = 0.0
    for margin, switches in ((float("inf"), False), (0.0, True)):
        found = evaluated(dataclasses.replace(never, margin=margin), scenario, of)
        assert (found.turns("switched").sum() > 0) == switches
        assert 0.0 < found.turns("edge_call").mean() < 1.0


def test_a_dearer_switch_is_a_rarer_one() -> None:
    counts = [
        run(StickyRouter(0.06, 0.2, margin), "mtbench101").turns("switched").sum()
        for margin in (0.0, 0.1, 0.3)
    ]
    assert counts[0] > counts[1] > counts[2]


def test_the_toll_is_the_service_time_at_rest_over_idle_capacity() -> None:
    parts = ("edge_switch_s", "edge_prefill_s", "edge_decode_s")
    names = decode(np.zeros(32, np.float32))
    for load, ratio in ((0.0, 0.0), (0.5, 1.0), (0.9, 9.0), (1.0, 19.0)):
        seen = {name: np.zeros(1) for name in names}
        seen.update({part: np.ones(1) * (i + 1) for i, part in enumerate(parts)})
        seen["edge_load"] = np.array([load])
        assert externality_s(seen)[0] == pytest.approx(6.0 * ratio)


def test_a_toll_sends_less_to_a_loaded_edge() -> None:
    shares = [
        run(CongestionPriceRouter(0.06, 0.2, price), "stale").turns("edge_call").mean()
        for price in (0.0, 0.002, 0.1)
    ]
    assert shares[0] > shares[1] > shares[2]


def test_following_the_quota_beats_the_best_fixed_prices() -> None:
    """On validation seeds, at settings fitted on training seeds; all gains paired."""
    scenario = load_scenario("quota")
    entry = stored_fits(scenario, "synthetic")
    assert entry is not None
    of = validation_traces(scenario, 60)
    fixed = make_router("bao-multi-queue", parameters(entry, "bao-multi-queue"))
    returns = evaluated(fixed, scenario, of).returns()
    followers = (
        PacingRouter(0.038, 0.1118, 0.1284, 26.7, 0.0),
        LyapunovRouter(0.037, 0.0098, 0.8234, 0.2204, 0.0),
    )
    for router in followers:
        gain = interval(evaluated(router, scenario, of).returns() - returns)
        assert gain["low"] > 0.0

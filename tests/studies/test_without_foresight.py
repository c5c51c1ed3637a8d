"""The ceiling of routers without foresight: what it knows, and that no such router exceeds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import make_router
from edgeroute_baselines.futures import HIDEABLE, KNOWN
from edgeroute_baselines.linear import LinearRouter, from_bao
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.scenario import Scenario
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces import draw
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from studies.without_foresight import DRAWN_ANEW, FUTURES, SEEN, TURN, Continuations, ceiling

pytestmark = pytest.mark.thorough

SEEDS = EVALUATION_SEEDS[:120]
OF_THE_TURN = ("rtt_s", "outage_s", "edge_load", "edge_wait_s", "device_background")
RULE = LinearRouter(from_bao(alpha_per_s=0.05, theta=0.2))
# Quick questions to a link that stops often: what is worth knowing is when it does.
STOPS: Mapping[str, Any] = {
    "workload.turns": 8,
    "objective.quality": "expected",
    "radio.outage_share": 0.3,
    "radio.outage_mean_s": 20.0,
}


def ways_of(scenario: Scenario, level: str) -> Continuations:
    source = drawn(scenario, "synthetic", "evaluation")
    shape = draw.block_shape(source.turns, source.phones)
    blocks = [generator.random(shape) for generator in generators(SEEDS)]
    rng = np.random.default_rng(1)
    return Continuations(source, blocks, lambda rows: None, DRAWN_ANEW[level], rng)


@pytest.mark.parametrize("level", DRAWN_ANEW)
@pytest.mark.parametrize(("preset", "phones"), [("stale", 1), ("busy-cell", 3), ("mtbench101", 1)])
def test_continuations_share_what_is_known_and_nothing_else(
    preset: str, phones: int, level: str
) -> None:
    changes = {"workload.turns": 12, "radio.outage_share": 0.5, "device.count": phones}
    scenario = load_scenario(preset, changes)
    own = Pinned(drawn(scenario, "synthetic", "evaluation"), generators(SEEDS)).rows
    ways = ways_of(scenario, level)
    rows = ways.rows(turn=5, ahead=4).reshape(len(SEEDS), FUTURES, 5)
    shown = KNOWN + tuple(name for names in HIDEABLE.values() for name in names)
    for name in shown if level == SEEN else own.dtype.names or ():
        assert (rows[name][:, :, 0] == own[name][:, 5, None]).all(), name
    for name in OF_THE_TURN:
        varies = np.ptp(rows[name][:, :, 0], axis=1) > 0.0
        assert varies.any() == (level == SEEN and np.ptp(own[name]) > 0.0), name
    for name in ("arrival_s", "score", "snr_db", "rtt_s"):
        assert (np.ptp(rows[name][:, :, 1:], axis=1) > 0.0).any(axis=0).all(), name
    assert ways.rows(turn=10, ahead=4).shape == (len(SEEDS) * FUTURES, 2)


def test_no_router_without_foresight_exceeds_the_ceiling_and_one_with_it_does() -> None:
    scenario = load_scenario("paper", STOPS)
    pinned = Pinned(drawn(scenario, "synthetic", "evaluation"), generators(SEEDS))
    ceilings = {}
    for level in DRAWN_ANEW:
        batch = Batch(scenario, pinned, len(SEEDS))
        batch.begin(np.arange(len(SEEDS)), generators(SEEDS))
        ceilings[level] = ceiling(scenario, batch, RULE, ways_of(scenario, level))
        assert (ceilings[level] >= 0.0).all()  # the rule itself

    def beyond(router: Any, level: str) -> tuple[float, float]:
        """Return by how much a router exceeds a ceiling, and the standard error of that."""
        own, rule = (run_episodes(r, scenario, pinned, SEEDS).returns() for r in (router, RULE))
        over = own - rule - ceilings[level]
        return float(over.mean()), float(over.std() / np.sqrt(len(over)))

    others = [LinearRouter(from_bao(alpha, 0.2)) for alpha in (0.0, 0.1)]
    for router in (*others, make_router("edge"), make_router("device")):
        over, error = beyond(router, SEEN)
        assert over <= 2.0 * error, router.name
    # Who sees the stop of the turn at hand earns more than what is expected of it allows.
    oracle = make_router("myopic-oracle")
    over, error = beyond(oracle, SEEN)
    assert over > 5.0 * error
    over, error = beyond(oracle, TURN)
    assert over <= 2.0 * error

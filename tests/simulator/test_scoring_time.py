"""The time that the semantic score takes is part of what a routed turn takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeroute_baselines import make_router
from edgeroute_env import InputError, load_scenario, scenario_names
from edgeroute_env.envs.edge_route import EdgeRouteEnv
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.traces.recorded import drawn
from tests.helpers.evaluated import total

SCORING_S = 0.25


def run(action: str, trace: Any, scoring_s: float, **overrides: Any) -> list[dict[str, Any]]:
    env = EdgeRouteEnv(overrides={"device.scoring_s": scoring_s, **overrides})
    env.reset(options={"trace": trace})
    return [env.step({"device": 0, "edge": 1}[action])[4] for _ in range(len(trace))]


@pytest.mark.parametrize("side", ["device", "edge"])
def test_scoring_delays_the_first_token_and_the_answer(side: str, rest_trace: Any) -> None:
    trace = rest_trace([0.0, 1000.0])
    for plain, scored in zip(run(side, trace, 0.0), run(side, trace, SCORING_S), strict=True):
        for figure in ("latency_s", "ttft_s"):
            assert scored[figure] == pytest.approx(plain[figure] + SCORING_S, rel=1e-12)
        assert scored["latency_scoring_s"] == SCORING_S
        assert total(scored, "latency_*_s") == pytest.approx(scored["latency_s"])


def test_a_turn_is_scored_while_it_waits_for_the_phone(rest_trace: Any) -> None:
    trace = rest_trace([0.0, 1.0])
    plain, scored = (run("device", trace, scoring_s)[1] for scoring_s in (0.0, SCORING_S))
    assert plain["latency_queue_s"] > SCORING_S
    # Only the first turn's scoring is seen by the second: its own passes in the queue.
    assert scored["latency_s"] == pytest.approx(plain["latency_s"] + SCORING_S, rel=1e-12)


def test_a_router_that_reads_no_score_does_not_wait_for_it() -> None:
    scenario = load_scenario("paper", {"device.scoring_s": SCORING_S})
    source, seeds = drawn(scenario, "synthetic"), range(3)
    plain = run_episodes(make_router("edge"), scenario, source, seeds)
    everything = make_router("score-threshold", {"theta": -1.0})
    scored = run_episodes(everything, scenario, source, seeds)
    assert (scored.turns("scoring_s") == SCORING_S).all()
    assert (plain.turns("scoring_s") == 0.0).all()
    assert (scored.turns("edge_call") == plain.turns("edge_call")).all()


def test_presets_say_what_scoring_takes() -> None:
    found = {name: load_scenario(name).device.scoring_s for name in scenario_names()}
    assert found.pop("cr2") == 0.0  # its published model counts none
    assert set(found.values()) == {0.012}
    with pytest.raises(InputError, match=r"device\.scoring_s"):
        load_scenario("paper", {"device.scoring_s": -0.1})
    assert np.isfinite(list(found.values())).all()

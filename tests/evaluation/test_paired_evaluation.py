"""Routers are compared turn by turn on identical traces, and the figures say what happened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_baselines import make_router
from edgeroute_baselines.linear import SCALES, from_bao
from edgeroute_baselines.registry import spec
from edgeroute_env import EdgeRouteEnv, Scenario, decode, load_scenario
from edgeroute_env.evaluation.compare import Contender, Yardsticks, compare
from edgeroute_env.evaluation.episodes import Episodes, run_episodes
from edgeroute_env.evaluation.metrics import difference, figures, interval, saving
from edgeroute_env.parallel import outcome
from edgeroute_env.routing import Role, Router
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.simulator.state import LATENCY_PARTS, OUTCOME
from edgeroute_env.traces.sources import Drawn

SETTINGS: dict[str, dict[str, float]] = {
    "device": {},
    "edge": {},
    "random": {},
    "score-threshold": {"theta": 0.3},
    "bao-single": {"alpha_per_s": 0.05, "theta": 0.2},
    "bao-multi": {"alpha_per_s": 0.05, "theta": 0.2},
    "bao-multi-queue": {"alpha_per_s": 0.05, "theta": 0.2},
    "linear": {**SCALES, **from_bao(0.05, 0.2), "dialogue_risk": 0.2, "edge_load": -0.1},
}
SEEDS = EVALUATION_SEEDS[:12]
# What no routing decision can change, as far as it can be seen.
EXOGENOUS = (
    "score dialogue_score snr_db report_age_s turn prompt_tokens attachment_bytes "
    "battery_time_left demand_per_h weight_latency_per_s weight_energy_per_j weight_edge_call"
).split()
LOSSY = {"radio__outage_share": 0.3, "radio__outage_mean_s": 20.0}
# Joules of the edge count beside the phone's.
RELATIVE = {
    "edge__power_w": 200.0,
    "objective__kind": "relative-cost",
    "objective__relative_cost": {
        **{"price": 0.4, "latency_weight": 0.5, "energy_weight": 0.5},
        **{"latency_scale_s": 1.0, "energy_scale_j": 200.0},
    },
}


def scenario(**overrides: Any) -> Scenario:
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return load_scenario("paper", {"workload.turns": 40, "radio.speed_m_per_s": 5.0, **dotted})


def router(name: str) -> Router:
    return make_router(name, SETTINGS[name])


def played(name: str, of: Scenario, seeds: Any = SEEDS) -> Episodes:
    return run_episodes(router(name), of, Drawn(of), seeds)


def contender(name: str) -> Contender:
    return Contender(router(name), spec(name).role, SETTINGS[name])


def measured_by(reference: str = "edge") -> Yardsticks:
    return Yardsticks(reference, "edge", "bao-multi-queue", "bao-multi")


class Onlooker:
    """Routes as another router does and keeps what it was shown."""

    def __init__(self, inner: Router, name: str = "") -> None:
        self.inner, self.name = inner, name or inner.name
        self.seen: list[dict[str, NDArray[np.float64]]] = []

    def reset(self, n: int) -> None:
        self.inner.reset(n)

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        self.seen.append(decode(observations))
        return self.inner.route(observations)


def test_every_router_meets_the_same_traces() -> None:
    lossy = scenario(**LOSSY)
    onlookers = {name: Onlooker(router(name)) for name in SETTINGS}
    contenders = [Contender(o, spec(name).role) for name, o in onlookers.items()]
    outcome(compare(lossy, Drawn(lossy), SEEDS, contenders, {}, {}, measured_by()))
    shown = onlookers["device"].seen
    assert len(shown) == lossy.workload.turns
    for name, onlooker in onlookers.items():
        for turn, (own, other) in enumerate(zip(onlooker.seen, shown, strict=True)):
            for feature in EXOGENOUS:
                place = f"{name}: {feature}, turn {turn}"
                np.testing.assert_array_equal(own[feature], other[feature], err_msg=place)


def test_an_answer_is_as_good_as_the_route_it_came_by() -> None:
    of = scenario(**LOSSY)
    device, edge = played("device", of), played("edge", of)
    assert edge.outcomes["failed"].any()
    for name in SETTINGS:
        run = played(name, of).outcomes
        np.testing.assert_array_equal(run["benchmark"], device.outcomes["benchmark"])
        by_edge, failed = run["edge_call"] == 1, run["failed"] == 1
        by_device = ~by_edge & ~failed
        for chosen, pure in ((by_edge, edge), (by_device, device), (failed, edge)):
            np.testing.assert_array_equal(run["quality"][chosen], pure.outcomes["quality"][chosen])


def test_the_order_of_routers_changes_nothing_and_the_reference_differs_by_zero() -> None:
    of = scenario(workload__turns=15)

    def compared(names: list[str]) -> dict[str, Any]:
        rows = [contender(name) for name in names]
        savers = {name: contender(name) for name in names if SETTINGS[name]}
        by = measured_by("bao-multi")
        return outcome(compare(of, Drawn(of), SEEDS, rows, savers, {}, by))

    forth, back = compared(list(SETTINGS)), compared(list(SETTINGS)[::-1])
    assert forth == back
    assert list(forth["routers"]) == list(SETTINGS)
    assert forth["reference"] == "bao-multi"
    own = forth["routers"]["bao-multi"]["difference"]
    assert set(own) <= set(forth["routers"]["bao-multi"]["figures"])
    assert all(value == {"mean": 0.0, "low": 0.0, "high": 0.0} for value in own.values())
    for row in forth["routers"].values():
        for name, value in row["difference"].items():
            reference = forth["routers"]["bao-multi"]["figures"][name]
            assert value["mean"] == pytest.approx(row["figures"][name] - reference, abs=1e-9)
            assert value["low"] <= value["mean"] <= value["high"]
    assert any(row["difference"]["return"]["mean"] != 0.0 for row in forth["routers"].values())


@pytest.mark.parametrize("price", [0.0, 1.0])  # of a call: the edge is the better, the phone
def test_levels_say_what_deciding_is_worth(price: float) -> None:
    of = scenario(workload__turns=15, weights__edge_call=price)
    learner = Onlooker(router("linear"), "learner")
    rows = [contender(name) for name in SETTINGS]
    rows += [Contender(make_router("clairvoyant"), Role.BOUND), Contender(learner, Role.LEARNED)]
    found = outcome(compare(of, Drawn(of), SEEDS, rows, {}, {}, measured_by("random")))
    worth, constant = found["levels"], "device" if price else "edge"
    returns = {name: played(name, of).returns() for name in SETTINGS}
    means = {name: values.mean() for name, values in returns.items()}
    assert (worth["constant"], worth["analytic"]) == (constant, "bao-multi-queue")
    assert means[constant] == max(means["device"], means["edge"])
    assert means[worth["strongest"]] == max(means.values())
    for each in ("constant", "analytic", "strongest"):
        beaten = worth[each]
        assert worth["returns"][beaten] == means[beaten]
        for name, row in found["routers"].items():
            if name in returns:
                assert row[f"over_{each}"] == interval(returns[name] - returns[beaten])


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - {"random"}))  # one coin serves the batch
def test_an_episode_alone_equals_the_one_in_a_batch(name: str) -> None:
    of = scenario(workload__turns=30, device__count=2, budgets__battery_j=150.0)
    batch = played(name, of)
    assert batch.routed.shape[1] == len(SEEDS)
    for e, seed in enumerate(SEEDS):
        alone = played(name, of, [seed])
        length = len(alone.routed)
        np.testing.assert_array_equal(batch.routed[:length, e], alone.routed[:, 0])
        assert not batch.routed[length:, e].any()
        routed = alone.routed[:, 0]
        of_batch = batch.outcomes[:length, e][routed]
        assert of_batch.tobytes() == alone.outcomes[:, 0][routed].tobytes()


def test_a_run_repeats_bit_for_bit_and_other_seeds_differ() -> None:
    of = scenario(workload__turns=10)
    for name in SETTINGS:
        first, again = played(name, of), played(name, of)
        assert first.outcomes.tobytes() == again.outcomes.tobytes()
        assert (
            first.outcomes.tobytes() != played(name, of, EVALUATION_SEEDS[12:24]).outcomes.tobytes()
        )
    with pytest.raises(ValueError, match="same seeds"):
        difference(played("edge", of), played("device", of, EVALUATION_SEEDS[12:24]))


def scalar_turns(chooser: Router, env: EdgeRouteEnv, seed: int) -> list[dict[str, Any]]:
    """Play one episode in the scalar environment and return each turn's reward and info."""
    observation, ended, turns = env.reset(seed=seed)[0], False, []
    chooser.reset(1)
    while not ended:
        action = int(chooser.route(observation[None])[0])
        observation, reward, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
        turns.append({"reward": reward, **info})
    return turns


@pytest.mark.parametrize("battery_j", [None, 150.0])
@pytest.mark.parametrize("name", ["edge", "score-threshold", "bao-multi-queue", "linear"])
def test_figures_equal_a_recomputation_from_scalar_episodes(
    name: str, battery_j: float | None
) -> None:
    # edge-only is spared the scorer, a scalar episode is not
    unscored = {"device__scoring_s": 0.0} if name == "edge" else {}
    of = scenario(budgets__battery_j=battery_j, **LOSSY, **RELATIVE, **unscored)
    env = EdgeRouteEnv(of)
    episodes = [scalar_turns(router(name), env, seed) for seed in SEEDS]
    lengths = {len(turns) for turns in episodes}
    assert (len(lengths) > 1) == (battery_j is not None)

    def mean(field: str) -> float:
        by_episode = [math.fsum(turn[field] for turn in turns) / len(turns) for turns in episodes]
        return math.fsum(by_episode) / len(episodes)

    expected = {
        "quality": mean("quality"),
        "latency_mean_s": mean("latency_s"),
        "ttft_mean_s": mean("ttft_s"),
        "edge_share": mean("edge_call"),
        "energy_j": mean("energy_j"),
        "switches": mean("switched"),
        "recomputed_tokens": mean("recomputed_tokens"),
        "failed": mean("failed"),
        "refused": mean("refused"),
        "relative_cost": mean("relative_cost"),
        "edge_energy_j": mean("edge_energy_j"),
        "radio_ttft_s": mean("radio_ttft_s"),
        "radio_share": mean("latency_radio_s") / mean("latency_s"),
        "radio_share_ttft": mean("radio_ttft_s") / mean("ttft_s"),
        **{f"{part}_s": mean(f"latency_{part}_s") for part in LATENCY_PARTS},
        "return": math.fsum(turn["reward"] for turns in episodes for turn in turns) / len(episodes),
    }
    for kind in ("latency", "ttft"):
        values = sorted(turn[f"{kind}_s"] for turns in episodes for turn in turns)
        for q in (50, 95, 99):
            place = q / 100 * (len(values) - 1)
            low, part = values[int(place)], place - int(place)
            high = values[min(int(place) + 1, len(values) - 1)]
            expected[f"{kind}_p{q}_s"] = low + part * (high - low)
    found = figures(played(name, of))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    parts = sum(found[f"{part}_s"] for part in LATENCY_PARTS)
    assert parts == pytest.approx(found["latency_mean_s"], rel=1e-9)
    assert min(found["relative_cost"], found["edge_energy_j"], found["radio_share_ttft"]) > 0.0


def made_up(
    routed: list[list[bool]] | None = None, turns: int = 4, episodes: int = 2, **fields: Any
) -> Episodes:
    """Return outcomes made by hand; where no turn was routed there is nonsense."""
    outcomes = np.zeros((turns, episodes), OUTCOME)
    mask = np.ones((turns, episodes), np.bool_) if routed is None else np.array(routed)
    for name in outcomes.dtype.names or ():
        outcomes[name] = np.where(mask, fields.get(name, 0.0), 1e9)
    actions = np.zeros(mask.shape, np.int64)
    return Episodes("made up", tuple(range(episodes)), actions, outcomes, mask)


def test_means_are_over_routed_turns_and_weigh_episodes_equally() -> None:
    # The second episode ends after its first turn.
    routed = [[True, True], [True, False], [True, False], [True, False]]
    latency_s = np.array([[1.0, 9.0], [2.0, 0.0], [3.0, 0.0], [6.0, 0.0]])
    run = made_up(routed, latency_s=latency_s, reward=latency_s, quality=0.5)
    found = figures(run)
    assert found["latency_mean_s"] == (3.0 + 9.0) / 2
    assert found["return"] == (12.0 + 9.0) / 2
    assert found["quality"] == 0.5
    assert found["latency_p50_s"] == 3.0  # of 1, 2, 3, 6 and 9
    assert run.turns("latency_s").size == 5


def test_savings_are_shares_of_the_reference_and_quality_is_in_points() -> None:
    edge = made_up(latency_s=4.0, edge_call=1.0, quality=np.array([0.9, 0.7]))
    saver = made_up(
        latency_s=np.array([3.0, 3.0]), edge_call=np.array([1.0, 0.5]), quality=0.75
    )  # 1 s of 4 s, a quarter of the calls, .75 for .8
    found = saving(saver, edge)
    assert found["latency_saved"] == {"mean": 0.25, "low": 0.25, "high": 0.25}
    assert found["edge_calls_saved"]["mean"] == pytest.approx(0.25)
    assert found["edge_calls_saved"]["low"] == pytest.approx(0.0)
    assert found["edge_calls_saved"]["high"] == pytest.approx(0.5)
    assert found["quality_points"]["mean"] == pytest.approx(-5.0)
    assert found["quality_points"]["low"] == pytest.approx(-15.0)
    assert found["quality_points"]["high"] == pytest.approx(5.0)
    wasteful = made_up(latency_s=6.0, edge_call=1.0, quality=1.0)
    worse = saving(wasteful, edge)
    assert worse["latency_saved"]["mean"] == pytest.approx(-0.5)
    assert worse["edge_calls_saved"]["mean"] == 0.0
    assert worse["quality_points"]["mean"] == pytest.approx(20.0)


def test_intervals_cover_a_known_mean_at_the_stated_rate() -> None:
    chance, n, draws = np.random.default_rng(11), 80, 400
    covered, widths = 0, []
    for _ in range(draws):
        values = chance.exponential(2.0, n) - chance.exponential(1.0, n)  # mean 1, skewed
        found = interval(values)
        covered += found["low"] <= 1.0 <= found["high"]
        assert found["mean"] == pytest.approx(values.mean())
        widths.append((found["high"] - found["low"]) / (2 * 1.96 * values.std() / math.sqrt(n)))
    # A 90 % interval would have 0.84 of this width, a 99 % one 1.31.
    assert np.mean(widths) == pytest.approx(1.0, abs=0.03)
    assert 0.91 <= covered / draws <= 0.98


def test_intervals_repeat_and_depend_on_their_seed_alone() -> None:
    values = np.random.default_rng(5).normal(size=50)
    assert interval(values) == interval(values.copy())
    assert interval(np.full(7, 0.25)) == {"mean": 0.25, "low": 0.25, "high": 0.25}

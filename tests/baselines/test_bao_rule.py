"""The analytic rule is Bao's: strict, unclipped, in seconds, on exactly the documented parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_baselines import BaoRouter, RandomRouter, make_router, router_names
from edgeroute_env import FEATURES, EdgeRouteEnv, EdgeRouteVectorEnv, InputError, decode
from edgeroute_env.routing import Insider
from tests.helpers.settings import ordinary

NAMES = [feature.name for feature in FEATURES]
SCALE = {feature.name: feature.scale for feature in FEATURES}
SINGLE = {"edge_radio_s", "edge_prefill_s", "edge_decode_s", "device_prefill_s", "device_decode_s"}
MULTI = SINGLE | {"edge_switch_s", "device_switch_s"}
PARTS = {
    "bao-single": SINGLE,
    "bao-multi": MULTI,
    "bao-multi-queue": MULTI | {"edge_wait_s", "device_wait_s"},
}


def observed(**physical: float) -> NDArray[np.float32]:
    values = {name: 0.0 for name in NAMES} | physical
    return np.array([[values[name] / SCALE[name] for name in NAMES]], np.float32)


def fused(name: str, alpha_per_s: float = 0.125, **physical: float) -> float:
    return float(BaoRouter(name, alpha_per_s, 0.0).fused(observed(**physical))[0])


def action(router: Any, observations: NDArray[np.float32]) -> int:
    actions = router.route(observations)
    assert actions.shape == (1,)
    assert actions.dtype == np.int64
    return int(actions[0])


@pytest.fixture(scope="module")
def played() -> NDArray[np.float32]:
    """Observations of real episodes: 64 turns of 32 of them under random actions."""
    env = EdgeRouteVectorEnv(32, overrides={"device.count": 2, "budgets.edge_calls": 20})
    chance = np.random.default_rng(3)
    seen = [env.reset(seed=0)[0]]
    for _ in range(63):
        seen.append(env.step(chance.integers(0, 2, 32))[0])
    return np.concatenate(seen)


@pytest.mark.parametrize("name", PARTS)
def test_a_tie_stays_on_the_device_and_one_bit_more_goes_to_the_edge(name: str) -> None:
    # All figures are sums of powers of two, so nothing is rounded: 5 s against 2.5 s.
    tie = observed(score=0.5, edge_decode_s=5.0, device_decode_s=2.5)
    router = BaoRouter(name, 0.125, 0.1875)
    assert router.fused(tie)[0] == 0.1875
    assert action(router, tie) == 0
    assert action(BaoRouter(name, 0.125, np.nextafter(0.1875, 0.0)), tie) == 1
    above = tie.copy()
    above[0, NAMES.index("score")] = np.nextafter(np.float32(0.5), np.float32(1.0))
    assert action(router, above) == 1


@pytest.mark.parametrize("theta", [0.0, 0.25, 1.0])
def test_the_score_threshold_is_strict_too(theta: float) -> None:
    router = make_router("score-threshold", {"theta": theta})
    assert action(router, observed(score=theta)) == 0
    below = np.nextafter(np.float32(theta), np.float32(-1.0))
    assert action(make_router("score-threshold", {"theta": float(below)}), observed(score=theta))


def test_the_score_threshold_ignores_all_but_the_score(played: NDArray[np.float32]) -> None:
    router = make_router("score-threshold", {"theta": 0.3})
    other = played[::-1].copy()
    other[:, NAMES.index("score")] = played[:, NAMES.index("score")]
    actions = router.route(played)
    assert 0 < actions.mean() < 1
    np.testing.assert_array_equal(router.route(other), actions)
    np.testing.assert_array_equal(actions, decode(played)["score"] > 0.3)


@pytest.mark.parametrize("name", PARTS)
def test_fused_is_not_clipped_and_decides_beyond_0_and_1(name: str) -> None:
    slow_edge = observed(score=0.25, edge_decode_s=40.0)
    slow_device = observed(score=0.75, device_decode_s=40.0)
    low, high = (float(BaoRouter(name, 0.25, 0.0).fused(o)[0]) for o in (slow_edge, slow_device))
    assert low == 0.25 - 0.25 * 40.0
    assert high == 0.75 + 0.25 * 40.0
    # A clipped value would be 0 or 1 on both sides of these thresholds.
    assert action(BaoRouter(name, 0.25, low - 1.0), slow_edge) == 1
    assert action(BaoRouter(name, 0.25, low + 1.0), slow_edge) == 0
    assert action(BaoRouter(name, 0.25, high - 1.0), slow_device) == 1
    assert action(BaoRouter(name, 0.25, high + 1.0), slow_device) == 0


def test_alpha_prices_one_second_of_difference() -> None:
    # 3.5 s at the edge against 1.5 s on the phone, parts spread over all causes.
    times = {
        "edge_radio_s": 0.5,
        "edge_prefill_s": 1.0,
        "edge_decode_s": 2.0,
        "device_prefill_s": 0.5,
        "device_decode_s": 1.0,
    }
    assert fused("bao-single", 0.3, score=0.9, **times) == pytest.approx(0.9 - 0.3 * 2.0, abs=1e-6)
    switching = {"edge_switch_s": 4.0, "device_switch_s": 1.0}
    for name in ("bao-multi", "bao-multi-queue"):
        expected = 0.9 - 0.3 * (2.0 + 3.0)
        assert fused(name, 0.3, score=0.9, **times, **switching) == pytest.approx(
            expected, abs=1e-6
        )
    waits = {"edge_wait_s": 6.0, "device_wait_s": 10.0}
    assert fused("bao-multi-queue", 0.3, score=0.9, **times, **switching, **waits) == pytest.approx(
        0.9 - 0.3 * (2.0 + 3.0 - 4.0), abs=1e-6
    )


@pytest.mark.parametrize("name", PARTS)
def test_fused_of_real_observations_is_the_hand_computed_one(
    name: str, played: NDArray[np.float32]
) -> None:
    seen = decode(played)
    times = {"edge": np.zeros(len(played)), "device": np.zeros(len(played))}
    for part in PARTS[name]:
        times[part.partition("_")[0]] += seen[part]
    expected = seen["score"] - 0.06 * (times["edge"] - times["device"])
    router = BaoRouter(name, 0.06, 0.35)
    np.testing.assert_allclose(router.fused(played), expected, rtol=0, atol=1e-12)
    clear = np.abs(expected - 0.35) > 1e-9
    np.testing.assert_array_equal(router.route(played)[clear], (expected > 0.35)[clear])
    assert 0 < router.route(played).mean() < 1


@pytest.mark.parametrize("feature", NAMES)
@pytest.mark.parametrize("name", PARTS)
def test_each_rung_reads_exactly_its_documented_parts(name: str, feature: str) -> None:
    base = {other: 0.5 for other in NAMES}
    change = fused(name, **{**base, feature: 1.0}) - fused(name, **base)
    sign = -1 if feature.startswith("edge_") else 1
    expected = {"score": 0.5}.get(feature, sign * 0.125 * 0.5 if feature in PARTS[name] else 0.0)
    assert change == pytest.approx(expected, abs=1e-6)
    assert (change == 0.0) == (expected == 0.0)


@pytest.mark.parametrize("name", PARTS)
def test_without_prices_the_score_alone_decides(name: str, played: NDArray[np.float32]) -> None:
    router = BaoRouter(name, 0.0, 0.0)
    np.testing.assert_array_equal(router.fused(played), decode(played)["score"])
    slow_edge = {"edge_decode_s": 1000.0, "edge_wait_s": 1000.0, "edge_switch_s": 1000.0}
    assert action(router, observed(score=1e-6, **slow_edge)) == 1
    assert action(router, observed(score=0.0, device_decode_s=1000.0)) == 0


@pytest.mark.parametrize(
    "name",
    [n for n in router_names() if not isinstance(make_router(n, ordinary(n)), Insider)],
)
def test_a_batch_is_decided_as_each_alone(name: str, played: NDArray[np.float32]) -> None:
    router = make_router(name, ordinary(name))
    some = played[:200]
    router.reset(len(some))
    together = router.route(some)
    router.reset(1)
    alone = np.concatenate([router.route(one[None]) for one in some])
    assert together.dtype == np.int64
    np.testing.assert_array_equal(together, alone)
    assert (0 < together.mean() < 1) == (
        name not in ("device", "edge", "linucb")
    )  # as yet ignorant


def test_an_unknown_rung_is_refused() -> None:
    with pytest.raises(InputError, match=r"bao-triple.*bao-single.*bao-multi.*bao-multi-queue"):
        BaoRouter("bao-triple", 0.1, 0.3)


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [
        ("bao", {"theta": 0.3}, "bao-single"),
        ("bao-multi", {"theta": 0.3}, "exactly alpha_per_s, theta"),
        ("score-threshold", {}, "exactly theta"),
        ("score-threshold", {"theta": 0.3, "alpha_per_s": 0.1}, "exactly theta"),
        ("edge", {"theta": 0.3}, "exactly none"),
    ],
)
def test_unknown_routers_and_parameters_are_refused(
    name: str, given: dict[str, float], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        make_router(name, given)


@pytest.mark.parametrize(("name", "side"), [("device", 0), ("edge", 1)])
def test_constant_routers_send_everything_to_one_side(
    name: str, side: int, played: NDArray[np.float32]
) -> None:
    router = make_router(name)
    router.reset(len(played))
    assert set(router.route(played).tolist()) == {side}
    env = EdgeRouteEnv(overrides={"workload.turns": 20})
    observation, ended = env.reset(seed=1)[0], False
    while not ended:
        observation, _, terminated, ended, info = env.step(action(router, observation[None]))
        assert not terminated
        assert info["edge_call"] == side or info["failed"]


def test_the_random_router_repeats_its_coins_after_a_reset() -> None:
    router = make_router("random")
    seen = observed().repeat(500, axis=0)

    def coins() -> NDArray[np.int64]:
        router.reset(len(seen))
        return np.array([router.route(seen) for _ in range(3)])

    first = coins()
    np.testing.assert_array_equal(coins(), first)
    assert not np.array_equal(first[0], first[1])  # new coins each turn
    np.testing.assert_array_equal(make_router("random").route(seen), first[0])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_random_router_has_its_share_whatever_it_sees(
    share: float, played: NDArray[np.float32]
) -> None:
    router = RandomRouter(edge_share=share)
    actions = np.concatenate([router.route(played) for _ in range(10)])
    deviation = np.sqrt(share * (1.0 - share) / actions.size)
    assert abs(actions.mean() - share) <= 5.0 * deviation
    router.reset(0)
    np.testing.assert_array_equal(router.route(np.zeros_like(played)), actions[: len(played)])

"""The SB3 VecEnv is the vector environment bit for bit; paired rewards sum to the gap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.error import AlreadyPendingCallError

from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv, with_margin
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env import EdgeRouteVectorEnv, InputError, load_scenario
from edgeroute_env.simulator.features import COUNT
from tests.helpers.learning import BAO_RULE, LINEAR_RULE, TURNS, short
from tests.helpers.threads import halted

DRAINING = {"budgets.battery_j": 900.0, "workload.turns": 40}
LEAVING = {
    "device.count": 3,
    "workload.turns": 40,
    "users": {
        **{"count": 12, "own": "phone"},
        "draws": {"budgets.battery_j": {"choice": [None, 40, 80]}},
    },
}


def coins(turns: int, n: int) -> Any:
    return np.random.default_rng(3).integers(0, 2, (turns, n))


@pytest.mark.parametrize("overrides", [{}, DRAINING, {"device.count": 3}], ids=str)
@pytest.mark.parametrize("n", [1, 5])
def test_the_vec_env_is_the_vector_environment(overrides: dict[str, Any], n: int) -> None:
    scenario = short(**overrides)
    theirs = EdgeRouteVectorEnv(n, scenario, autoreset_mode="SameStep")
    ours = EdgeRouteSB3VecEnv(n, scenario)
    ours.seed(11)
    assert np.array_equal(ours.reset(), theirs.reset(seed=11)[0])
    ends = 0
    for actions in coins(3 * TURNS + 60, n):
        seen, rewards, dones, infos = ours.step(actions)
        want, reward, terminated, truncated, info = theirs.step(actions)
        assert np.array_equal(seen, want)
        assert np.array_equal(rewards, reward.astype(np.float32))
        assert np.array_equal(dones, terminated | truncated)
        for e in range(n):
            if not dones[e]:
                assert infos[e] == {}
                continue
            ends += 1
            assert np.array_equal(infos[e]["terminal_observation"], info["final_obs"][e])
            assert infos[e]["TimeLimit.truncated"] == truncated[e]
    assert ends >= 2 * n


def test_an_episode_tells_its_return_and_length() -> None:
    env = EdgeRouteSB3VecEnv(3, short(), rule=BAO_RULE, paired=True)
    plain = EdgeRouteSB3VecEnv(3, short())
    for each in (env, plain):
        each.seed(0)
        each.reset()
    total = np.zeros(3)
    for actions in coins(TURNS, 3):
        infos = env.step(actions)[3]
        total += plain.step(actions)[1]
    assert [info["episode"]["l"] for info in infos] == [TURNS] * 3
    np.testing.assert_allclose([info["episode"]["r"] for info in infos], total, rtol=1e-5)


@pytest.mark.parametrize("overrides", [{}, DRAINING, LEAVING], ids=["whole", "draining", "leaving"])
@pytest.mark.parametrize("rule", [BAO_RULE, LINEAR_RULE], ids=lambda rule: rule.name)
def test_paired_rewards_sum_to_the_gap_between_the_returns(
    overrides: dict[str, Any], rule: LinearRouter
) -> None:
    n, scenario = 6, short(**overrides)
    paired = EdgeRouteSB3VecEnv(n, scenario, rule=rule, paired=True)
    plain = EdgeRouteSB3VecEnv(n, scenario)
    for each in (paired, plain):
        each.seed(2)
        each.reset()
    rows = EdgeRouteSB3VecEnv(n, scenario, rule=rule)
    rows.seed(2)
    seen = rows.reset()
    theirs, running = np.zeros(n), np.ones(n, bool)
    while running.any():
        seen, rewards, dones, _ = rows.step((seen[:, COUNT] > 0).astype(np.int64))
        theirs += np.where(running, rewards, 0.0)
        running &= ~dones
    gaps, own, running = np.zeros(n), np.zeros(n), np.ones(n, bool)
    for actions in coins(200, n):
        gap, dones = paired.step(actions)[1:3]
        gaps += np.where(running, gap, 0.0)
        own += np.where(running, plain.step(actions)[1], 0.0)
        running &= ~dones
        if not running.any():
            break
    np.testing.assert_allclose(gaps, own - theirs, atol=1e-4)
    assert not running.any()


def test_following_the_rule_earns_nothing_beside_it() -> None:
    env = EdgeRouteSB3VecEnv(4, short(), rule=LINEAR_RULE, paired=True)
    env.seed(5)
    seen = env.reset()
    for _ in range(3 * TURNS):
        seen, rewards, _, _ = env.step((seen[:, COUNT] > 0).astype(np.int64))
        assert not rewards.any()


@pytest.mark.parametrize("overrides", [DRAINING, LEAVING], ids=["draining", "leaving"])
@pytest.mark.parametrize("paired", [False, True])
def test_a_restored_environment_continues_identically(
    paired: bool, overrides: dict[str, Any]
) -> None:
    scenario = short(**overrides)
    one, other = (EdgeRouteSB3VecEnv(4, scenario, rule=BAO_RULE, paired=paired) for _ in range(2))
    one.seed(1)
    one.reset()
    actions = coins(90, 4)
    for row in actions[:30]:
        one.step(row)
    other.restore(one.state())
    for row in actions[30:]:
        mine, theirs = one.step(row), other.step(row)
        assert all(np.array_equal(a, b) for a, b in zip(mine[:3], theirs[:3], strict=True))


def test_means_are_of_the_turns_since_the_last_call() -> None:
    env = EdgeRouteSB3VecEnv(4, short())
    env.seed(0)
    env.reset()
    for _ in range(5):
        env.step(np.ones(4, np.int64))
    means = env.take_means()
    assert means["edge_call"] > 0.9
    assert means["reward"] == pytest.approx(
        sum(value for name, value in means.items() if name.startswith("reward_"))
    )
    assert not any(env.take_means().values())


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="num_envs: got 0"):
        EdgeRouteSB3VecEnv(0)
    with pytest.raises(InputError, match="paired: got True; allowed: False where no rule"):
        EdgeRouteSB3VecEnv(1, paired=True)


def test_a_margin_keeps_its_sign() -> None:
    env = EdgeRouteVectorEnv(200, load_scenario("paper"))
    seen, _ = env.reset(seed=0)
    column = with_margin(seen, LINEAR_RULE)[:, -1]
    assert np.array_equal(column > 0, LINEAR_RULE.margins(seen) > 0)


def test_a_second_thread_inside_a_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    env, alone = EdgeRouteSB3VecEnv(4, short()), EdgeRouteSB3VecEnv(4, short())
    for each in (env, alone):
        each.seed(0)
        each.reset()
    actions, state = np.ones(4, np.int64), env.state()
    with halted(lambda: env.step(actions), monkeypatch) as first:
        for call in (
            env.reset,
            env.step_wait,
            lambda: env.step(1 - actions),
            lambda: env.step_async(1 - actions),
            lambda: env.restore(state),
        ):
            with pytest.raises(AlreadyPendingCallError, match="another thread"):
                call()
    seen = first.result()[0]
    assert np.array_equal(seen, alone.step(actions)[0])
    assert np.array_equal(env.step(actions)[0], alone.step(actions)[0])

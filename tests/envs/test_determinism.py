"""Same seed, same bits; copies continue identically; a given trace is replayed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, Trace, scenario_names
from edgeroute_env.envs.setup import trace_source
from edgeroute_env.traces.columns import BASE_NAMES
from edgeroute_env.traces.sources import Given

EPISODE = 128
SMALL = {"workload.turns": 20}


def pickled(env: Any) -> Any:
    return pickle.loads(pickle.dumps(env))


COPIES = [copy.deepcopy, pickled]
MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]


def actions_of(*shape: int) -> NDArray[np.int64]:
    return np.random.default_rng(5).integers(0, 2, shape)


def episode(env: gym.Env, actions: Any, seed: int | None = None, **reset: Any) -> bytes:
    """Return all that one episode showed, its infos included."""
    observation, _ = env.reset(seed=seed, **reset)
    shown = [observation.tobytes()]
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(int(action))
        shown += [observation.tobytes(), repr((reward, terminated, truncated, info)).encode()]
        if terminated or truncated:
            break
    return b"".join(shown)


def continued(env: gym.Env, actions: Any) -> bytes:
    """Return all that further steps show, through the resets at the ends of episodes."""
    shown = []
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(int(action))
        shown += [observation.tobytes(), repr((reward, terminated, truncated, info)).encode()]
        if terminated or truncated:
            shown.append(env.reset()[0].tobytes())
    return b"".join(shown)


def vector_continued(env: EdgeRouteVectorEnv, actions: Any) -> bytes:
    shown = []
    for row in actions:
        observation, reward, terminated, truncated, info = env.step(row)
        shown += [array.tobytes() for array in (observation, reward, terminated, truncated)]
        stepped = info["_latency_s"]
        shown += [info["latency_s"][stepped].tobytes(), info["energy_j"][stepped].tobytes()]
    return b"".join(shown)


@pytest.mark.parametrize("name", scenario_names())
def test_same_seed_same_bits_and_another_seed_others(name: str) -> None:
    actions = actions_of(EPISODE)
    env, twin = gym.make(f"EdgeRoute-{name}-v0"), gym.make(f"EdgeRoute-{name}-v0")
    first = episode(env, actions, seed=3)
    assert first == episode(twin, actions, seed=3)
    assert first == episode(env, actions, seed=3)
    assert first != episode(env, actions, seed=4)


def test_seeds_differ_in_every_drawn_column_and_traces_do_not_follow_actions() -> None:
    attachment = {"probability": 0.5, "size_bytes": 9}
    often_out = {"radio.outage_share": 0.2}
    env = EdgeRouteEnv(overrides={"workload.attachment": attachment, **often_out})
    traces = []
    for seed, action in ((3, 0), (4, 0), (3, 1)):
        episode(env, [action] * EPISODE, seed=seed)
        traces.append(env.trace)
    one_phone = {"user", "device", "predicted_tokens_device", "predicted_tokens_edge"}
    rare = {"device_evicted", "edge_evicted", "downlink_mbit_per_s"}  # the last one is recorded
    for name in set(BASE_NAMES) - one_phone - rare:
        assert traces[0][name].tobytes() != traces[1][name].tobytes(), name
    for name in BASE_NAMES:
        assert traces[0][name].tobytes() == traces[2][name].tobytes(), name


def test_reset_without_a_seed_continues_the_stream() -> None:
    actions = actions_of(EPISODE)
    env, twin = EdgeRouteEnv(), EdgeRouteEnv()
    episodes = [episode(env, actions, seed=11)] + [episode(env, actions) for _ in range(4)]
    again = [episode(twin, actions, seed=11)] + [episode(twin, actions) for _ in range(4)]
    assert episodes == again
    assert len(set(episodes)) == 5
    assert episodes[0] == episode(env, actions, seed=11)
    assert episodes[1] == episode(env, actions)


def test_unseeded_environments_differ() -> None:
    actions = actions_of(EPISODE)
    assert episode(EdgeRouteEnv(), actions) != episode(EdgeRouteEnv(), actions)
    first, second = EdgeRouteVectorEnv(2), EdgeRouteVectorEnv(2)
    shown = np.concatenate([first.reset()[0], second.reset()[0]])
    assert len({row.tobytes() for row in shown}) == 4


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("steps", [0, 1, 57, 127])
def test_a_copied_scalar_continues_identically(copied: Callable[[Any], Any], steps: int) -> None:
    for env in (gym.make("EdgeRoute-v0"), EdgeRouteEnv(overrides={"device.count": 3})):
        env.reset(seed=8)
        for action in actions_of(steps):
            env.step(int(action))
        twin = copied(env)
        further = actions_of(3 * EPISODE)
        expected = continued(env, further)
        assert continued(twin, further) == expected
        assert episode(twin, further) == episode(env, further)


@pytest.mark.parametrize("copied", COPIES)
def test_stepping_a_copy_leaves_the_original_alone(copied: Callable[[Any], Any]) -> None:
    env, alone = EdgeRouteEnv(), EdgeRouteEnv()
    for each in (env, alone):
        each.reset(seed=8)
        each.step(0)
    continued(copied(env), [1] * 300)
    further = actions_of(300)
    assert continued(env, further) == continued(alone, further)


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("mode", MODES)
def test_a_copied_vector_continues_identically(
    copied: Callable[[Any], Any], mode: AutoresetMode
) -> None:
    env = EdgeRouteVectorEnv(5, overrides={"budgets.battery_j": 900}, autoreset_mode=mode)
    env.reset(seed=8)
    vector_continued(env, actions_of(60, 5))
    twin = copied(env)
    further = actions_of(400, 5)
    expected = vector_continued(env, further)
    assert vector_continued(twin, further) == expected
    assert twin.reset()[0].tobytes() == env.reset()[0].tobytes()


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_made_before_the_first_reset_or_in_a_replay_works(
    copied: Callable[[Any], Any],
) -> None:
    actions = actions_of(20)
    env = EdgeRouteEnv(overrides=SMALL)
    assert episode(copied(env), actions, seed=1) == episode(env, actions, seed=1)
    trace = env.trace
    env.reset(options={"trace": trace})
    env.step(0)
    twin = copied(env)
    assert continued(twin, actions_of(60)) == continued(env, actions_of(60))
    replaying = EdgeRouteVectorEnv(3, traces=[trace, trace], overrides=SMALL)
    replaying.reset(seed=2)
    twins = copied(replaying)
    further = actions_of(60, 3)
    assert vector_continued(twins, further) == vector_continued(replaying, further)


def test_a_given_trace_is_replayed_for_one_episode() -> None:
    actions = actions_of(20)
    env, plain = EdgeRouteEnv(overrides=SMALL), EdgeRouteEnv(overrides=SMALL)
    first = episode(env, actions, seed=21)
    trace = env.trace
    other = EdgeRouteEnv(overrides=SMALL)
    assert episode(other, actions, seed=99, options={"trace": trace}) == first
    assert all(np.array_equal(other.trace[name], trace[name]) for name in BASE_NAMES)
    assert episode(other, actions) != first
    # A replay draws nothing: the stream goes on as if it had not been.
    assert episode(plain, actions, seed=21) == first
    episode(env, actions, options={"trace": trace})
    assert episode(env, actions) == episode(plain, actions)


def test_given_traces_are_replayed_and_all_are_used(tmp_path: Any) -> None:
    actions = actions_of(20)
    drawn = EdgeRouteEnv(overrides=SMALL)
    shown, traces = [], []
    for seed in range(3):
        shown.append(episode(drawn, actions, seed=seed))
        traces.append(drawn.trace)
    single = EdgeRouteEnv(traces=traces[1], overrides=SMALL)
    assert episode(single, actions, seed=5) == episode(single, actions) == shown[1]
    path = traces[2].save(tmp_path / "trace.parquet")
    from_file = EdgeRouteEnv(traces=path, overrides=SMALL)
    assert episode(from_file, actions) == shown[2]
    several = EdgeRouteEnv(traces=traces, overrides=SMALL)
    picked = [episode(several, actions, seed=s) for s in range(30)]
    assert set(picked) == set(shown)


def test_given_traces_may_differ_in_length(rest_trace: Callable[..., Trace]) -> None:
    traces = [rest_trace(np.arange(n) * 50.0) for n in (1, 4, 9)]
    env = EdgeRouteEnv(traces=traces)
    env.reset(seed=0)
    lengths = set()
    for _ in range(30):
        steps = 1
        while not env.step(0)[3]:
            steps += 1
        assert steps == len(env.trace)
        lengths.add(steps)
        env.reset()
    assert lengths == {1, 4, 9}


def test_a_partial_reset_leaves_the_others_alone() -> None:
    n = 4
    env = EdgeRouteVectorEnv(n, autoreset_mode=AutoresetMode.DISABLED)
    alone = EdgeRouteVectorEnv(n, autoreset_mode=AutoresetMode.DISABLED)
    for each in (env, alone):
        each.reset(seed=30)
        vector_continued(each, actions_of(40, n))
    mask = np.array([False, True, False, True])
    before = alone.step(np.zeros(n, np.int64))[0]
    env.step(np.zeros(n, np.int64))
    observation, info = env.reset(options={"reset_mask": mask})
    assert (info["_quality"] == mask).all()
    assert observation[~mask].tobytes() == before[~mask].tobytes()
    assert (observation[mask] != before[mask]).any(axis=1).all()
    for row in actions_of(50, n):
        ours, theirs = env.step(row), alone.step(row)
        for mine, yours in zip(ours[:4], theirs[:4], strict=True):
            assert mine[~mask].tobytes() == yours[~mask].tobytes()
            assert ours[4]["latency_s"][~mask].tolist() == theirs[4]["latency_s"][~mask].tolist()


def test_a_partial_reset_seeds_only_the_chosen() -> None:
    n = 3
    env = EdgeRouteVectorEnv(n, autoreset_mode=AutoresetMode.DISABLED)
    plain = EdgeRouteVectorEnv(n, autoreset_mode=AutoresetMode.DISABLED)
    first, _ = env.reset(seed=50)
    plain.reset(seed=50)
    mask = np.array([True, False, False])
    again, _ = env.reset(seed=50, options={"reset_mask": mask})
    assert again.tobytes() == first.tobytes()
    assert env.reset()[0][1:].tobytes() == plain.reset()[0][1:].tobytes()


def test_a_sequence_seeds_each_and_none_continues_a_stream() -> None:
    env, plain = EdgeRouteVectorEnv(3), EdgeRouteVectorEnv(3)
    env.reset(seed=[7, 7, 9])
    first = env.reset(seed=[7, 7, 9])[0]
    assert first[0].tobytes() == first[1].tobytes() != first[2].tobytes()
    plain.reset(seed=70)
    env.reset(seed=70)
    expected, _ = plain.reset()
    mixed, _ = env.reset(seed=[7, None, None])
    assert mixed[0].tobytes() == first[0].tobytes()
    assert mixed[1:].tobytes() == expected[1:].tobytes()


@pytest.mark.parametrize("name", scenario_names())
def test_replays_are_exact_in_every_preset(name: str) -> None:
    env = gym.make(f"EdgeRoute-{name}-v0")
    actions = actions_of(EPISODE)
    first = episode(env, actions, seed=77)
    trace = env.unwrapped.trace
    assert episode(env, actions, options={"trace": trace}) == first


def test_actions_and_traces_may_lie_in_memory_in_any_way() -> None:
    class Strided(Given):
        def store(self, episodes: int) -> NDArray[Any]:
            return np.repeat(self.rows, 2, axis=1)[:, ::2]

    drawn = EdgeRouteEnv(overrides=SMALL)
    drawn.reset(seed=1)
    given = trace_source(drawn.scenario, drawn.trace)
    assert isinstance(given, Given)
    strided = Strided(given.rows, given.lengths)
    actions = actions_of(30, 4)
    shown = set()
    for traces, rows in (
        (given, actions),
        (strided, actions),
        (given, actions.astype(np.int8)),
        (given, actions.astype(bool)),
        (given, np.repeat(actions, 2, axis=1)[:, ::2]),
    ):
        env = EdgeRouteVectorEnv(4, overrides=SMALL, traces=traces)
        env.reset(seed=1)
        shown.add(vector_continued(env, rows))
    assert len(shown) == 1

"""Seeds, options, lengths and numbers of environments: obeyed, or refused by name."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv, InputError, load_scenario

SMALL = {"workload.turns": 6}
BAD_SEEDS = [(1,), (1, 2), "7", -1, 1.0, 7.5, True, 2**128, 10**400, np.array(3), [[1]], b"1", {}]


@pytest.mark.parametrize("seed", BAD_SEEDS, ids=lambda seed: repr(seed)[:20])
def test_a_bad_seed_is_refused_and_changes_nothing(seed: Any) -> None:
    env, twin = EdgeRouteEnv(overrides=SMALL), EdgeRouteEnv(overrides=SMALL)
    for each in (env, twin):
        each.reset(seed=3)
    with pytest.raises(InputError, match=r"^seed: got .*allowed: a whole number from 0"):
        env.reset(seed=seed)
    assert env.step(1)[0].tobytes() == twin.step(1)[0].tobytes()
    assert env.reset()[0].tobytes() == twin.reset()[0].tobytes()
    vector = EdgeRouteVectorEnv(3, overrides=SMALL)
    with pytest.raises(InputError, match=r"^seed"):
        vector.reset(seed=seed)
    with pytest.raises(InputError, match=r"^seed\[1\]: got "):
        vector.reset(seed=[0, seed, 0])


def test_every_seed_that_gymnasium_draws_is_taken_again() -> None:
    env = EdgeRouteEnv(overrides=SMALL)
    first, _ = env.reset()
    again, _ = EdgeRouteEnv(overrides=SMALL).reset(seed=env.np_random_seed)
    assert first.tobytes() == again.tobytes()
    numbers = [EdgeRouteEnv(overrides=SMALL).reset(seed=s)[0].tobytes() for s in (5, np.int64(5))]
    assert numbers[0] == numbers[1]


def test_a_vectors_seeds_and_streams_are_those_of_gymnasiums_own() -> None:
    ours = gym.make_vec("EdgeRoute-v0", 3, overrides=SMALL)
    theirs = gym.make_vec("EdgeRoute-v0", 3, vectorization_mode="sync", overrides=SMALL)
    for seed in (7, [1, 1, 4]):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        assert ours.np_random_seed == theirs.np_random_seed
        states = [[g.bit_generator.state for g in env.np_random] for env in (ours, theirs)]
        assert states[0] == states[1]
    ours.reset()
    assert ours.np_random_seed == (1, 1, 4)
    mask = np.array([False, True, False])
    ours.reset(seed=20, options={"reset_mask": mask})
    assert ours.np_random_seed == (1, 21, 4)
    fresh = EdgeRouteVectorEnv(2, overrides=SMALL)
    seeds = fresh.np_random_seed
    observation, _ = fresh.reset()
    again, _ = EdgeRouteVectorEnv(2, overrides=SMALL).reset(seed=list(seeds))
    assert observation.tobytes() == again.tobytes()


@pytest.mark.parametrize("options", [{"traces": None}, {"reset_mask": [True]}, {1: 2}, [], "trace"])
def test_a_scalar_reset_knows_only_the_option_trace(options: Any) -> None:
    env, twin = EdgeRouteEnv(overrides=SMALL), EdgeRouteEnv(overrides=SMALL)
    for each in (env, twin):
        each.reset(seed=3)
    with pytest.raises(InputError, match=r"^options: got .*'trace'"):
        env.reset(seed=9, options=options)
    assert env.reset()[0].tobytes() == twin.reset()[0].tobytes()


@pytest.mark.parametrize("options", [{"trace": None}, {"mask": [True]}, {"reset_masks": 1}, 5])
def test_a_vector_reset_knows_only_the_option_reset_mask(options: Any) -> None:
    with pytest.raises(InputError, match=r"^options: got .*'reset_mask'"):
        EdgeRouteVectorEnv(2, overrides=SMALL).reset(seed=9, options=options)


def test_before_the_first_reset_there_is_no_trace() -> None:
    env = EdgeRouteEnv(overrides=SMALL)
    with pytest.raises(ResetNeeded, match=r"reset\(\)"):
        _ = env.trace
    env.reset(seed=1)
    assert len(env.trace) == 6


@pytest.mark.parametrize("steps", [0, -1, "5", 5.0, True, [5]])
def test_a_bad_limit_on_a_vectors_steps_is_refused(steps: Any) -> None:
    with pytest.raises(InputError, match=r"max_episode_steps: got .*a whole number from 1"):
        gym.make_vec("EdgeRoute-v0", 2, max_episode_steps=steps)
    assert gym.make_vec("EdgeRoute-v0", 2, max_episode_steps=None).num_envs == 2


def test_a_limit_on_steps_works_for_scalars_and_vectors_of_them() -> None:
    env = gym.make("EdgeRoute-v0", max_episode_steps=5)
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(5)] == [False] * 4 + [True]
    for mode in (None, "sync"):
        vector = gym.make_vec("EdgeRoute-v0", 2, vectorization_mode=mode, max_episode_steps=5)
        vector.reset(seed=0)
        ends = [vector.step(np.zeros(2, int))[3].all() for _ in range(5)]
        assert ends == [False] * 4 + [True]


def test_the_specs_limit_is_the_turns_of_the_longest_trace(rest_trace: Any) -> None:
    def limit(env: gym.Env[Any, Any]) -> int | None:
        assert env.spec is not None
        return env.spec.max_episode_steps

    for name in ("paper", "mtbench101"):
        turns = load_scenario(name).workload.turns
        assert limit(gym.make(f"EdgeRoute-{name}-v0")) == turns
    short = gym.make("EdgeRoute-v0", overrides=SMALL)
    assert limit(short) == 6
    traces = [rest_trace([0.0] * turns) for turns in (2, 9)]
    assert limit(gym.make("EdgeRoute-v0", traces=traces)) == 9
    assert limit(gym.make("EdgeRoute-v0", max_episode_steps=4)) == 4
    assert EdgeRouteEnv(overrides=SMALL).spec is None
    assert gym.spec("EdgeRoute-v0").max_episode_steps is None
    # an environment made from the specification is the same one
    again = gym.make(short.spec)
    for env in (short, again):
        env.reset(seed=3)
        assert [env.step(1)[2:4] for _ in range(6)] == [(False, False)] * 5 + [(False, True)]
    vector = gym.make_vec(short.spec, 2)
    vector.reset(seed=3)
    assert [vector.step(np.ones(2, int))[3].all() for _ in range(6)] == [False] * 5 + [True]


def test_wrappers_that_need_the_limit_find_it() -> None:
    env = gym.wrappers.TimeAwareObservation(
        gym.make("EdgeRoute-v0", overrides=SMALL), normalize_time=True, flatten=False
    )
    first, _ = env.reset(seed=0)
    shares = [env.step(0)[0]["time"] for _ in range(6)]
    assert [float(share[0]) for share in (first["time"], shares[-1])] == [0.0, 1.0]


@pytest.mark.parametrize("number", [10**7, 2**62, 10**30])
def test_more_environments_than_memory_holds_are_refused_before_they_are_made(number: int) -> None:
    with pytest.raises(InputError, match=r"num_envs: got .*at most \d+: each takes \d+ bytes"):
        EdgeRouteVectorEnv(number, overrides={"workload.turns": 10_000})


@pytest.mark.parametrize("mode", [np.zeros(3), ["NextStep"], 1, None, "nextstep", {}])
def test_a_bad_autoreset_mode_is_refused(mode: Any) -> None:
    with pytest.raises(InputError, match=r"autoreset_mode: got .*'NextStep'.*'Disabled'"):
        EdgeRouteVectorEnv(2, autoreset_mode=mode)


@pytest.mark.parametrize("mode", [np.zeros(3), ["ansi"], 1, "film"])
def test_a_bad_render_mode_is_refused(mode: Any) -> None:
    with pytest.raises(InputError, match=r"render_mode: got "):
        EdgeRouteEnv(render_mode=mode)
    with pytest.raises(InputError, match=r"render_mode: got "):
        EdgeRouteVectorEnv(2, render_mode=mode)

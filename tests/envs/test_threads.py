"""Two threads in one environment: the second is told, and nothing else happens."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from gymnasium.error import AlreadyPendingCallError

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv
from tests.helpers.threads import halted

pytestmark = pytest.mark.thorough

MAKERS: list[Callable[[], Any]] = [EdgeRouteEnv, lambda: EdgeRouteVectorEnv(16)]


def action_of(env: Any) -> Any:
    return np.ones(env.num_envs, np.int64) if hasattr(env, "num_envs") else 1


@pytest.mark.parametrize("make", MAKERS)
def test_a_second_thread_inside_a_step_is_told(
    make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    env, alone = make(), make()
    for each in (env, alone):
        each.reset(seed=0)
    action = action_of(env)
    with halted(lambda: env.step(action), monkeypatch) as first:
        for call in (lambda: env.step(action), env.reset):
            with pytest.raises(AlreadyPendingCallError, match="another thread"):
                call()
    observation = first.result()[0]
    assert observation.tobytes() == alone.step(action)[0].tobytes()
    assert env.step(action)[0].tobytes() == alone.step(action)[0].tobytes()


@pytest.mark.parametrize("make", MAKERS)
def test_many_threads_end_in_nothing_else(make: Callable[[], Any]) -> None:
    env = make()
    env.reset(seed=0)
    action, seen = action_of(env), Counter[str]()

    def work() -> None:
        for _ in range(500):
            try:
                ended = env.step(action)
                if not hasattr(env, "num_envs") and (ended[2] or ended[3]):
                    env.reset()
                seen["stepped"] += 1
            except AlreadyPendingCallError:
                seen["told"] += 1

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for _ in range(3)]:
            done.result()
    assert set(seen) <= {"stepped", "told"}
    assert seen["stepped"] > 0


@pytest.mark.parametrize("make", MAKERS)
def test_an_error_lets_the_next_call_in_and_a_copy_is_free(make: Callable[[], Any]) -> None:
    env = make()
    for _ in range(2):
        with pytest.raises(Exception, match=r"reset\(\)"):
            env.step(action_of(env))
    env.reset(seed=0)
    with env._busy:
        copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    shown = {each.step(action_of(each))[0].tobytes() for each in (env, *copies)}
    assert len(shown) == 1

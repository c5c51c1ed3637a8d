"""Weights, states and answers that are none of ours are refused, wherever they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy as safetensors
from gymnasium.error import InvalidAction

from edgeroute_agents.policy import FILE, PRETRAINED, load_policy
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_env import InputError
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.traces.sources import Drawn
from tests.helpers.learning import BAO_RULE, short


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda array: array * np.float32(np.nan), "not finite"),
        (lambda array: array.astype(np.int32), "int32"),
        (lambda array: array > 0, "bool"),
        (lambda array: array.astype(np.float64), "float64"),
        (lambda array: array[:1], "shapes"),
        (lambda array: array.ravel()[:1], "shapes"),
    ],
)
def test_weights_that_are_no_network_of_ours_are_refused(
    change: Callable[[Any], Any], told: str, tmp_path: Path
) -> None:
    from edgeroute_agents import policy as module

    content = (PRETRAINED / "ppo-paper" / FILE).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["policy"])
    del header["sha256"]
    arrays = {**safetensors.load(content)}
    arrays["0.weight"] = np.ascontiguousarray(change(arrays["0.weight"]))
    stated = json.dumps({**header, "sha256": module._checksum(arrays, header)})
    path = tmp_path / FILE
    path.write_bytes(safetensors.save(arrays, {"policy": stated}))
    with pytest.raises(InputError, match=told):
        load_policy(path)


def test_a_state_that_no_episode_can_reach_is_refused() -> None:
    env = EdgeRouteSB3VecEnv(2, short(), rule=BAO_RULE, paired=True)
    env.seed(0)
    env.reset()
    state = env.state()
    for damaged in (3, 6, 7):  # the episodes; the slots and the observations
        memory = [array.clone() for array in state["memory"]]
        memory[damaged][:] = 255
        with pytest.raises(InputError, match="mine: "):
            env.restore({**state, "memory": memory}, "mine")
    with pytest.raises(InputError, match="other sizes"):
        env.restore({**state, "memory": state["memory"][:-1]}, "mine")


@pytest.mark.parametrize("answer", [0.7, 2, -1, np.nan, "edge"])
def test_what_is_no_action_is_refused_wherever_it_comes_from(answer: Any) -> None:
    class Odd:
        name = "odd"

        def reset(self, n: int) -> None:
            pass

        def route(self, observations: Any) -> Any:
            return np.full(len(observations), answer)

    with pytest.raises(InvalidAction, match="actions"):
        run_episodes(Odd(), short(), Drawn(short()), range(2))
    env = EdgeRouteSB3VecEnv(2, short())
    env.seed(0)
    env.reset()
    with pytest.raises(InvalidAction, match="actions"):
        env.step(np.full(2, answer))


def test_the_vec_env_refuses_options_and_shares_no_infos() -> None:
    env = EdgeRouteSB3VecEnv(2, short())
    with pytest.raises(InputError, match="options"):
        env.set_options({"trace": 1})
    env.seed(0)
    env.reset()
    infos = env.step(np.zeros(2, np.int64))[3]
    infos[0]["mine"] = 1
    assert "mine" not in infos[1]

"""What the tests of learned routing share: a small scenario, two rules, tiny settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeroute_agents.networks import build, policy_of
from edgeroute_agents.policy import Policy
from edgeroute_agents.settings import DqnSettings, PpoSettings, load_settings
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_baselines.linear import SCALES, LinearRouter, from_bao
from edgeroute_env import EdgeRouteVectorEnv, Scenario, load_scenario

torch.set_num_threads(1)  # more would only wait for each other

TURNS = 24
BAO_RULE = LinearRouter(from_bao(alpha_per_s=0.05, theta=0.2), "bao-multi-queue")
_RANDOM = np.random.default_rng(7)
LINEAR_RULE = LinearRouter(
    {name: float(scale * _RANDOM.normal()) for name, scale in SCALES.items()}
    | {"theta": 0.2, "on_time_s": 4.0},
)
RULES = (BAO_RULE, LINEAR_RULE)


def short(**overrides: Any) -> Scenario:
    """Return the default preset with short episodes."""
    return load_scenario("paper", {"name": "short", "workload.turns": TURNS, **overrides})


def tiny_settings(algorithm: str, **more: Any) -> PpoSettings | DqnSettings:
    """Return settings that train in a second."""
    sizes: dict[str, Any] = {
        "num_envs": 4,
        "frames": 1024,
        "validate_every": 256,
        "distilled_turns": 0,
        "quality": "sampled",  # else a network of expected qualities is fitted first
    }
    sizes |= {"validation_episodes": 4, "widths": [8]}
    ppo: dict[str, float] = {"n_steps": 64, "batch_size": 64}
    dqn: dict[str, float] = {"buffer_size": 400, "learning_starts": 64, "batch_size": 16}
    dqn |= {"exploration_initial_eps": 0.9, "exploration_final_eps": 0.5}
    own = {"ppo": ppo, "dqn": dqn}[algorithm]
    return load_settings(algorithm, {**sizes, **own, **more})


def observations(count: int, scenario: str = "paper", seed: int = 0) -> NDArray[np.float32]:
    """Return what random routing sees, shape (count, 32)."""
    env = EdgeRouteVectorEnv(500, scenario)
    coins = np.random.default_rng(seed)
    seen = [env.reset(seed=seed)[0]]
    while 500 * len(seen) < count:
        seen.append(env.step(coins.integers(0, 2, 500))[0])
    return np.concatenate(seen)[:count]


MANY = 10_000


def made(algorithm: str, rule: LinearRouter, learned: bool = False) -> tuple[Any, Policy]:
    """Return a model and its policy; `learned` stands in for training by random weights."""
    scenario = short()
    env = EdgeRouteSB3VecEnv(4, scenario, rule=rule)
    model = build(tiny_settings(algorithm), env, seed=0)
    if learned:
        torch.manual_seed(1)
        with torch.no_grad():
            for weights in model.policy.parameters():
                weights += (0.3 if algorithm == "ppo" else 0.1) * torch.randn_like(weights)
    return model, policy_of(model, rule, scenario, {})

"""Frames per CPU-second of training on one core, and the environments' share of it.

    python benchmarks/training_speed.py

64 environments of `paper`, fresh traces at every reset. `plain` trains on the environment's own
rewards, `paired` also runs the rule on the same traces; DQN has SB3's default training frequency.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from agents.models import build
from agents.rules import LINEAR, Rule
from agents.settings import load_settings
from agents.training import fitted
from agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_env import load_scenario

ENVS, ROUNDS = 64, 3
FRAMES = {"ppo": 16_384 * 8, "dqn": 64 * 4_096}


class Timed(EdgeRouteSB3VecEnv):
    """Counts the CPU time of its steps."""

    spent_s = 0.0

    def step_wait(self) -> Any:
        """Step and count."""
        start = time.process_time()
        result = super().step_wait()
        self.spent_s += time.process_time() - start
        return result


def measured(algorithm: str, paired: bool) -> tuple[float, float]:
    """Return frames per CPU-second and the environments' share of the CPU time."""
    scenario = load_scenario("paper")
    rule = Rule(LINEAR, fitted(scenario, "synthetic", LINEAR))
    settings = load_settings(algorithm, {"num_envs": ENVS, "paired": paired})
    env = Timed(ENVS, scenario, rule=rule, paired=paired)
    env.seed(0)
    model = build(settings, env, seed=0)
    model.learn(FRAMES[algorithm] // 4, log_interval=None)
    env.spent_s, start = 0.0, time.process_time()
    model.learn(FRAMES[algorithm], log_interval=None, reset_num_timesteps=False)
    whole_s = time.process_time() - start
    return FRAMES[algorithm] / whole_s, env.spent_s / whole_s


def main() -> None:
    torch.set_num_threads(1)
    print(f"training on one core, {ENVS} environments: median of {ROUNDS} rounds")
    for algorithm in FRAMES:
        for paired in (False, True):
            rounds = [measured(algorithm, paired) for _ in range(ROUNDS)]
            speed = statistics.median(speed for speed, _ in rounds)
            share = statistics.median(share for _, share in rounds)
            kind = "paired" if paired else "plain"
            print(f"  {algorithm} {kind:<6} {speed:8,.0f} frames/s, environments {share:5.1%}")


if __name__ == "__main__":
    main()

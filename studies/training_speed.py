"""Frames per CPU-second of training on one core, and the environments' share of it.

    python studies/training_speed.py

64 environments of `paper`, fresh traces at every reset, quality paid as the settings say. `plain`
trains on the environment's own rewards, `paired` also runs the rule on the same traces; DQN has
SB3's default training frequency. Of the environments' share, the simulator's is that of the
compiled turns and of drawing traces, their expected qualities included.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from edgeroute_agents import EdgeRouteSB3VecEnv, load_settings
from edgeroute_agents.networks import build
from edgeroute_agents.train import LINEAR, paying
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env import load_scenario

ENVS, ROUNDS = 64, 3
FRAMES = {"ppo": 16_384 * 8, "dqn": 64 * 4_096}


class Timed(EdgeRouteSB3VecEnv):
    """Counts the CPU time of its steps."""

    spent_s = simulated_s = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Count the simulator apart."""
        super().__init__(*args, **kwargs)
        for name in ("step", "begin"):
            setattr(self.batch, name, self._counted(getattr(self.batch, name)))

    def _counted(self, call: Callable[..., None]) -> Callable[..., None]:
        def counted(*args: Any) -> None:
            start = time.process_time()
            call(*args)
            self.simulated_s += time.process_time() - start

        return counted

    def step_wait(self) -> Any:
        """Step and count."""
        start = time.process_time()
        result = super().step_wait()
        self.spent_s += time.process_time() - start
        return result


def measured(algorithm: str, paired: bool) -> tuple[float, float, float]:
    """Return frames per CPU-second, the environments' and the simulator's share of it."""
    scenario = load_scenario("paper")
    rule = LinearRouter(fitted_parameters(scenario, "synthetic", LINEAR))
    settings = load_settings(algorithm, {"num_envs": ENVS, "paired": paired})
    paid, source = paying(scenario, "synthetic", settings.quality)
    env = Timed(ENVS, paid, traces=source, rule=rule, paired=paired)
    env.seed(0)
    model = build(settings, env, seed=0)
    model.learn(FRAMES[algorithm] // 4, log_interval=None)
    env.spent_s = env.simulated_s = 0.0
    start = time.process_time()
    model.learn(FRAMES[algorithm], log_interval=None, reset_num_timesteps=False)
    whole_s = time.process_time() - start
    return FRAMES[algorithm] / whole_s, env.spent_s / whole_s, env.simulated_s / whole_s


def main() -> None:
    torch.set_num_threads(1)
    print(f"training on one core, {ENVS} environments: median of {ROUNDS} rounds")
    for algorithm in FRAMES:
        for paired in (False, True):
            rounds = [measured(algorithm, paired) for _ in range(ROUNDS)]
            speed, share, simulator = (statistics.median(v) for v in zip(*rounds, strict=True))
            kind = "paired" if paired else "plain"
            print(
                f"  {algorithm} {kind:<6} {speed:8,.0f} frames/s, "
                f"environments {share:5.1%}, of which the simulator {simulator:5.1%}"
            )


if __name__ == "__main__":
    main()

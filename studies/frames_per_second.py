"""Pictures per second at 640x400, beside CartPole-v1's own `rgb_array` in the same run.

    python studies/frames_per_second.py

Every turn is stepped and drawn, without a display. `process_time` counts this process alone, so
the figures are those of one idle core; the median over rounds.
"""

import statistics
import time
import warnings
from typing import Any

import gymnasium as gym

import edgeroute_env  # noqa: F401  (registers the ids)

ROUNDS, FRAMES = 5, 300
SCENARIOS = ("paper", "busy-cell", "fleet", "battery")


def frames_per_s(env: gym.Env[Any, Any]) -> float:
    """Return pictures per CPU-second of an environment that is stepped and drawn."""
    env.reset(seed=0)
    start = time.process_time()
    for i in range(FRAMES):
        _, _, terminated, truncated, _ = env.step(i & 1)
        env.render()
        if terminated or truncated:
            env.reset()
    return FRAMES / (time.process_time() - start)


def main() -> None:
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    ids = ["CartPole-v1", *(f"EdgeRoute-{name}-v0" for name in SCENARIOS)]
    envs = {name: gym.make(name, render_mode="rgb_array") for name in ids}
    measured: dict[str, list[float]] = {name: [] for name in ids}
    for env in envs.values():  # compile and load fonts
        frames_per_s(env)
    for _ in range(ROUNDS):
        for name, env in envs.items():
            measured[name].append(frames_per_s(env))
    print(f"pictures per CPU-second, median of {ROUNDS} rounds (min to max)")
    for name, values in measured.items():
        size = "600x400" if name.startswith("CartPole") else "640x400"
        spread = f"({min(values):.0f} to {max(values):.0f})"
        print(f"  {name:<24} {size}  {statistics.median(values):6.0f}  {spread}")


if __name__ == "__main__":
    main()

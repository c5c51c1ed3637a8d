"""Steps per CPU-second beside Gymnasium's CartPole-v1, interleaved in one process.

    python studies/speed.py

Every figure is the median over rounds of a ratio to CartPole measured in the same round, so
that a busy machine slows both. `process_time` counts this process alone.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from edgeroute_env import EdgeRouteEnv, EdgeRouteVectorEnv
from edgeroute_env.traces.columns import ROW

ROUNDS = 9
ENVS = 1024
POOL = 64  # traces already drawn, shared by all environments


def scalar_steps(env: gym.Env[Any, Any], steps: int) -> float:
    """Return steps per CPU-second of a scalar environment, its resets included."""
    env.reset(seed=0)
    start = time.process_time()
    for i in range(steps):
        _, _, terminated, truncated, _ = env.step(i & 1)
        if terminated or truncated:
            env.reset()
    return steps / (time.process_time() - start)


def vector_steps(env: EdgeRouteVectorEnv, steps: int) -> float:
    """Return environment steps per CPU-second of a vector, its resets included."""
    actions = np.random.default_rng(0).integers(0, 2, (steps, env.num_envs))
    env.reset(seed=0)
    start = time.process_time()
    for row in actions:
        env.step(row)
    return steps * env.num_envs / (time.process_time() - start)


def second_process_s() -> float:
    """Return the wall time of import, make, reset and step in a new process, caches warm."""
    code = (
        "import gymnasium as gym, edgeroute_env; "
        "env = gym.make('EdgeRoute-v0'); env.reset(seed=0); env.step(1)"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
    return time.perf_counter() - start


def main() -> None:
    cartpole, edge = gym.make("CartPole-v1"), gym.make("EdgeRoute-v0")
    fresh, crowd = EdgeRouteVectorEnv(ENVS), EdgeRouteVectorEnv(ENVS, "busy-cell")
    drawn, traces = EdgeRouteEnv(), []
    for seed in range(POOL):
        drawn.reset(seed=seed)
        traces.append(drawn.trace)
    given = EdgeRouteVectorEnv(ENVS, traces=traces)
    turns, crowd_turns = fresh.scenario.workload.turns, crowd.scenario.workload.turns
    runs: dict[str, Callable[[], float]] = {
        "gym.make": lambda: scalar_steps(edge, 20_000),
        f"vector n={ENVS}, traces given": lambda: vector_steps(given, 4 * turns),
        f"vector n={ENVS}, fresh traces": lambda: vector_steps(fresh, 2 * (turns + 1)),
        f"busy-cell n={ENVS}, fresh": lambda: vector_steps(crowd, crowd_turns + 1),
    }
    for run in runs.values():  # compile and warm up
        run()
    ratios: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            before = scalar_steps(cartpole, 20_000)
            measured = run()
            after = scalar_steps(cartpole, 20_000)
            ratios[name].append(2 * measured / (before + after))
    print(f"times CartPole-v1 per CPU-second, median of {ROUNDS} rounds (min to max)")
    for name, values in ratios.items():
        middle = statistics.median(values)
        print(f"  {name:<28} {middle:6.1f}  ({min(values):.1f} to {max(values):.1f})")
    arrays = [value for value in vars(fresh._batch).values() if isinstance(value, np.ndarray)]
    per_env = sum(array.nbytes for array in arrays if array.base is None) / ENVS
    print(f"  memory per environment       {per_env / 1024:6.1f} KiB (a turn is {ROW.itemsize} B)")
    second_process_s()
    print(f"  import to first step         {second_process_s():6.2f} s in a second process")


if __name__ == "__main__":
    main()

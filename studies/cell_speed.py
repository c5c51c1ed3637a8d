"""Turns per CPU-second of a cell as seventy agents, beside the same cell as one environment.

    python studies/cell_speed.py

All take the same actions on the same traces, in turn, in one process. `process_time` counts this
process alone.
"""

import statistics
import time
from functools import partial
from typing import Any

from edgeroute_env import EdgeRouteEnv, cell_env

ROUNDS = 40  # an episode of each a round


def alone(env: EdgeRouteEnv, seed: int) -> float:
    """Return the turns per CPU-second of an episode, without its reset."""
    env.reset(seed=seed)
    start, ended, turns = time.process_time(), False, 0
    while not ended:
        _, _, terminated, truncated, _ = env.step(turns & 1)
        ended, turns = terminated or truncated, turns + 1
    return turns / (time.process_time() - start)


def agents(cell: Any, seed: int) -> float:
    """Return the same of a cell, in PettingZoo's usual loop; what it tells at the end counts."""
    cell.reset(seed=seed)
    start, turns = time.process_time(), 0
    for _ in cell.agent_iter():
        _, _, terminated, truncated, _ = cell.last()
        over = terminated or truncated
        cell.step(None if over else turns & 1)
        turns += not over
    return turns / (time.process_time() - start)


def main() -> None:
    runs = {
        "one environment": partial(alone, EdgeRouteEnv("busy-cell")),
        "agents, own rewards": partial(agents, cell_env("busy-cell")),
        "agents, shared rewards": partial(agents, cell_env("busy-cell", rewards="shared")),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for seed in range(-1, ROUNDS):
        for name, run in runs.items():
            measured = run(max(seed, 0))
            if seed >= 0:  # the first round compiles and warms up
                rates[name].append(measured)
    print(f"thousand turns per CPU-second, median of {ROUNDS} episodes (quartiles)")
    for name, values in rates.items():
        low, middle, high = (value / 1000 for value in statistics.quantiles(values, n=4))
        print(f"  {name:<24} {middle:5.0f}  ({low:.0f} to {high:.0f})")


if __name__ == "__main__":
    main()

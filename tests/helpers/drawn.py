"""Turns drawn from a single benchmark, which the tests of their statistics share."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium.utils import seeding

from edgeroute_env import Scenario, load_scenario
from edgeroute_env.benchmarks import Benchmark
from edgeroute_env.config_files import config_names
from edgeroute_env.simulator.state import EPISODE
from edgeroute_env.traces.sources import Drawn

BENCHMARKS = config_names("benchmarks")
ROUTES = ("device", "edge")


def drawn(scenario: Scenario, episodes: int) -> Any:
    """Return the rows of traces drawn from fixed seeds, shape (episodes, turns)."""
    source = Drawn(scenario)
    store = source.store(episodes)
    generators = [seeding.np_random(seed)[0] for seed in range(episodes)]
    source.assign(np.arange(episodes), generators, store, np.zeros(episodes, EPISODE))
    return store


def one_benchmark(benchmark: Any, **workload: Any) -> Scenario:
    overrides = {f"workload.{name}": value for name, value in workload.items()}
    mix = [{"benchmark": benchmark, "share": 1.0}]
    return load_scenario("paper", {"workload.mix": mix, **overrides})


@lru_cache(maxsize=3)  # 26 MB each
def of(benchmark: str, score_auc: float | None = 0.7) -> tuple[Any, Benchmark]:
    """Return 200,000 turns of a benchmark in two long traces, and its law."""
    scenario = one_benchmark(benchmark, turns=100_000, score_auc=score_auc)
    return drawn(scenario, 2).ravel(), scenario.workload.mix[0].benchmark

"""What the tests of whole episodes share: traces of validation seeds, and runs over them."""

from __future__ import annotations

import fnmatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env import EdgeRouteEnv, Scenario, decode
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.routing import Router
from edgeroute_env.seeds import VALIDATION_SEEDS
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import Pinned

DEVICE, EDGE = 0, 1


def validation_traces(scenario: Scenario, episodes: int, kind: TraceKind = "synthetic") -> Pinned:
    """Return the traces of the first validation seeds, drawn from the half kept for fitting.

    Presets are judged on these, so that no choice of ours has looked at an evaluation seed.
    """
    return Pinned(drawn(scenario, kind, "fit"), generators(VALIDATION_SEEDS[:episodes]))


def evaluated(router: Router, scenario: Scenario, traces: Pinned) -> Episodes:
    """Run a router over `validation_traces`."""
    return run_episodes(router, scenario, traces, VALIDATION_SEEDS[: len(traces.rows)])


def routed(
    env: EdgeRouteEnv, actions: Any, **reset: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what a router saw before each of an episode's turns and what each turn reported."""
    seen = [decode(env.reset(**reset)[0])]
    infos = []
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(int(action))
        seen.append(decode(observation))
        ends = {"terminated": terminated, "truncated": truncated}
        infos.append({**info, "reward": reward, **ends})
        if terminated or truncated:
            break
    return seen[: len(infos)], infos


def column(records: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    """Return one figure of `routed`, turn by turn."""
    return np.array([record[name] for record in records], np.float64)


def total(info: dict[str, Any], pattern: str) -> Any:
    """Return the sum of an info's figures whose names a pattern such as `reward_*` matches."""
    names = fnmatch.filter(info, pattern)
    assert names
    return sum(info[name] for name in names)


def always(action: int) -> Any:
    """Return the actions of an episode that goes to one side alone."""
    return np.full(100_000, action)


def coins(turns: int = 2000, seed: int = 5) -> NDArray[np.int64]:
    """Return random actions."""
    return np.random.default_rng(seed).integers(0, 2, turns)

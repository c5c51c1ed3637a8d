"""The turns behind stored results: each router run again on the same traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.envs.observation import decode
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.evaluation.results import Results
from edgeroute_env.routing import Bound, Router
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

SEEN = ("snr_db", "edge_load", "score")
TURNS = 25_600  # enough for a distribution: long episodes are shown by fewer of them
FEWEST = 20


@dataclass(frozen=True)
class Shown:
    """One router's turns: what it did, and what it was shown before, (turns, n) by name."""

    run: Episodes
    seen: Mapping[str, NDArray[np.float64]]


class _Watched:
    """A router whose observations are kept; it hands on whatever its type takes."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.shown: list[NDArray[np.float32]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        self.shown.append(observations.copy())
        return self._router.route(observations)


def turns_of(results: Results, routers: Mapping[str, Router]) -> dict[str, Shown]:
    """Run routers, made of stored parameters, again on the first of a comparison's traces.

    Raises:
        InputError: the scenario's recordings are not in the data folder.
    """
    scenario = results.scenario
    first, last = results.seeds
    count = max(FEWEST, TURNS // scenario.workload.turns)
    seeds = range(first, min(last + 1, first + count))
    pinned = Pinned(drawn(scenario, results.traces, "evaluation"), generators(seeds))
    shown: dict[str, Shown] = {}
    # A bound starts from what the others did.
    for name in sorted(routers, key=lambda name: isinstance(routers[name], Bound)):
        router = routers[name]
        if isinstance(router, Bound):
            router.incumbents = [other.run.actions for other in shown.values()]
        watched = _Watched(router)
        run = run_episodes(watched, scenario, pinned, seeds)
        features = [decode(one) for one in watched.shown]
        seen = {key: np.array([one[key] for one in features]) for key in SEEN}
        shown[name] = Shown(run, seen)
    return {name: shown[name] for name in routers}

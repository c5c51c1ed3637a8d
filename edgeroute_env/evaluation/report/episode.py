"""One episode of a comparison, as a replay: the tuned rule beside the best learned policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeroute_env.evaluation.results import Results
from edgeroute_env.rendering.replay.record import moments, record
from edgeroute_env.rendering.run import Run
from edgeroute_env.routing import Insider, Learner, Router
from edgeroute_env.traces.recorded import drawn

TURNS = 128  # shown at most: more would outweigh the rest of the page


def replayed(results: Results, routers: Mapping[str, Router]) -> dict[str, Any]:
    """Return the replay's record of the first evaluation seed.

    Where no learned policy is at hand, the paper's rule stands beside the tuned one.

    Raises:
        InputError: the scenario's recordings are not in the data folder.
    """
    scenario, seed = results.scenario, results.seeds[0]
    source = drawn(scenario, results.traces, "evaluation")
    runs = [Run(routers[name], scenario, source, seed) for name in _chosen(results, routers)]
    title = f"{scenario.name}, evaluation seed {seed}"
    if scenario.workload.turns > TURNS:
        title += f", the first {TURNS} turns"
    return record(title, [moments(run, most=TURNS) for run in runs])


def _chosen(results: Results, routers: Mapping[str, Router]) -> list[str]:
    # A replay tells a router its observations alone.
    learned = [
        name
        for name in results.policies
        if name in routers and not isinstance(routers[name], (Insider, Learner))
    ]
    beside = max(
        learned,
        key=lambda name: results.figures(name)["return"],
        default=results.against_static["rule"],
    )
    return list(dict.fromkeys((results.levels["analytic"], beside)))

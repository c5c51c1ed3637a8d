"""What the tuned rule gains where traffic never stops: how much of it rests on outages.

    python -m studies.without_stops

The gain of `bao-multi-queue` over the better constant router, as fitted, on the traces of the
results and on the same traces without a single stop. What was found is kept in `studies/stored`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_agents.distillation import Refined
from edgeroute_agents.train import BAO
from edgeroute_baselines import fitted_router, make_router
from edgeroute_baselines.fitted import fingerprint, fitted_parameters
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import Pinned
from studies.stored import FOLDER, kept

# Gains of the tuned rule over the better constant router, an episode, as an audit found them in the
# world before this one: as they were told, and with the link kept up at its lowest rate.
EARLIER: Mapping[tuple[str, TraceKind], tuple[str, str]] = {
    ("fleet", "synthetic"): ("+7.0", "+5.7"),
    ("vehicular", "synthetic"): ("+3.31", "+0.80"),
    ("mmlu", "recorded"): ("+1.35", "-0.02 [-0.14, +0.09]"),
    ("mtbench101", "recorded"): ("+1.86", "+0.04"),
}
EPISODES = 400


def never_stops(store: NDArray[Any], which: NDArray[np.int64]) -> None:
    """Keep the link of the traces `store[which]` up."""
    store["outage_s"][which] = 0.0


def gain(preset: str, traces: TraceKind) -> dict[str, float]:
    """Return what the rule gains over the better constant on traces without a stop."""
    scenario, seeds = load_scenario(preset), EVALUATION_SEEDS[:EPISODES]
    source = Refined(drawn(scenario, traces, "evaluation"), never_stops)
    pinned = Pinned(source, generators(seeds))
    routers = [fitted_router(scenario, traces, BAO), make_router("edge"), make_router("device")]
    tuned, *constants = (run_episodes(r, scenario, pinned, seeds).returns() for r in routers)
    return interval(tuned - max(constants, key=lambda returns: float(returns.mean())))


def found(preset: str, traces: TraceKind) -> dict[str, float]:
    """Return what is kept of a preset, measured where it is not of today's."""
    scenario = load_scenario(preset)
    key = {
        "fingerprint": fingerprint(scenario, traces),
        "rule": fitted_parameters(scenario, traces, BAO),
        "episodes": EPISODES,
    }
    file, name = FOLDER / "without_stops.json", f"{preset}, {traces}"
    result: dict[str, float] = kept(file, name, key, lambda: gain(preset, traces))
    return result


def main() -> None:
    print(f"{BAO} over the better constant, traffic never stops, {EPISODES} episodes")
    for preset, traces in EARLIER:
        print(f"{preset:<11} {traces:<10} {with_interval(found(preset, traces))}")


if __name__ == "__main__":
    main()

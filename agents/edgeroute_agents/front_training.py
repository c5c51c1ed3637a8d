"""Pareto fronts: what PPO and the tuned rule reach as the price of waiting changes.

    python -m edgeroute_agents.front_training SCENARIO

trains PPO and fits the tuned analytic rule anew for five weights of latency, a quarter of the
scenario's to four times it, and writes what each earns on 1,000 evaluation episodes into
`pretrained/front-SCENARIO.json`. Reports of that scenario draw it. Trainings lie in `runs/front`;
an interrupted run goes on where it was.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgeroute_agents.front import Front, front_file
from edgeroute_agents.pretraining import trained
from edgeroute_agents.settings import load_settings
from edgeroute_agents.train import BAO, LINEAR
from edgeroute_baselines import fitted_router
from edgeroute_baselines.fitted import fit_missing
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.evaluation.frontier import Point
from edgeroute_env.files import replacing, with_sha256
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario, scenario_hash
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import drawn

WEIGHT, FACTORS = "weights.latency_per_s", (0.25, 0.5, 1.0, 2.0, 4.0)
EPISODES, SEED = 1_000, 0
RUNS = Path("runs") / "front"


def front(name: str) -> Front:
    """Train and fit for each weight; return what both reach, a point a weight."""
    scenario = load_scenario(name)
    settings = load_settings("ppo")
    found: dict[str, list[Point]] = {}
    for factor in FACTORS:
        weight = factor * scenario.weights.latency_per_s
        variant = load_scenario(name, {WEIGHT: weight})
        fit_missing(variant, "synthetic", (BAO, LINEAR))
        policy, _ = trained(variant, settings, RUNS / f"{name}-{factor:g}", SEED)
        for router in (policy, fitted_router(variant, "synthetic", BAO)):
            found.setdefault(router.name, []).append(_point(router, variant, weight))
            print(router.name, found[router.name][-1], flush=True)
    return found


def _point(router: Router, scenario: Scenario, weight: float) -> Point:
    """Return what a router reaches where waiting has that weight."""
    seeds = EVALUATION_SEEDS[:EPISODES]
    run = run_episodes(router, scenario, drawn(scenario, "synthetic", "evaluation"), seeds)
    means = (run.by_episode(name).mean() for name in ("edge_call", "quality", "latency_s"))
    return Point(weight, *map(float, means))


def main() -> None:
    """Write the front of each scenario that is named."""
    for name in sys.argv[1:]:
        content = {
            "scenario_hash": scenario_hash(load_scenario(name)),
            "weight": WEIGHT,
            "episodes": EPISODES,
            "seed": SEED,
            "routers": {router: list(map(list, its)) for router, its in front(name).items()},
        }
        with replacing(front_file(name)) as part:
            part.write_text(json.dumps(with_sha256(content), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

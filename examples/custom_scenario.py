"""A scenario of one's own: a preset with other values, and what each constant earns on it.

python examples/custom_scenario.py [episodes]
"""

import sys

from edgeroute_baselines import make_router
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import drawn

episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
scenario = load_scenario(
    {
        "extends": "paper",
        "name": "crowded-train",
        "description": "A busy edge and a patient user.",
        "edge": {"background": {"utilisation": 0.85}},
        "weights": {"latency_per_s": 0.02},
    }
)
source = drawn(scenario, "synthetic", "evaluation")
for name in ("device", "edge"):
    run = run_episodes(make_router(name), scenario, source, EVALUATION_SEEDS[:episodes])
    print(f"{name:<7} return {run.returns().mean():7.2f}, {run.turns('latency_s').mean():.2f} s")

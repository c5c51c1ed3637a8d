"""Train PPO as the package's own policies were trained, and compare it with the analytic router.

python examples/train_from_the_rule.py [frames]
"""

import sys
from pathlib import Path

from edgeroute_agents import Follower, Training, load_policy, load_settings
from edgeroute_baselines import fitted_router
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import drawn

frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
small = {"distilled_turns": 20_000, "validation_episodes": 16} if frames < 100_000 else {}
scenario = load_scenario("paper")
settings = load_settings("ppo", {"frames": frames, **small})
folder = Path("learned")
Training(scenario, settings).run(folder, Follower(say=print))

policy = load_policy(folder / "policy.safetensors", scenario)
analytic = fitted_router(scenario, "synthetic", "bao-multi-queue")
source = drawn(scenario, "synthetic", "evaluation")
seeds = EVALUATION_SEEDS[:100]
own, theirs = (run_episodes(r, scenario, source, seeds).returns() for r in (policy, analytic))
gap = interval(own - theirs)
print(f"ppo - bao-multi-queue: {with_interval(gap)}")

"""Train PPO as the package's own policies were trained, and compare it with the analytic router.

python examples/train_from_the_rule.py [frames]
"""

import sys
from pathlib import Path

from edgeroute_agents import Follower, Training, load_policy, load_settings
from edgeroute_baselines import fitted_router
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval

frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
small = {"distilled_turns": 20_000, "validation_episodes": 16} if frames < 100_000 else {}
scenario = load_scenario("paper")
settings = load_settings("ppo", {"frames": frames, **small})
folder = Path("learned")
Training(scenario, settings).run(folder, Follower(say=print))

policy = load_policy(folder / "policy.safetensors", scenario)
analytic = fitted_router(scenario, "synthetic", "bao-multi-queue")
own, theirs = evaluation_returns([policy, analytic], scenario, 100)
print(f"ppo - bao-multi-queue: {with_interval(interval(own - theirs))}")

"""Train sb3-contrib's recurrent PPO, which remembers its episode, on our vector of environments.

python examples/sb3_contrib_recurrent.py [frames]
"""

import sys

import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.evaluation import evaluate_policy

from edgeroute_agents import EdgeRouteSB3VecEnv

torch.set_num_threads(1)  # more would only wait for each other
frames = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
env = EdgeRouteSB3VecEnv(64, "stale")  # where the edge's load report is up to 30 s old
env.seed(0)
model = RecurrentPPO(
    "MlpLstmPolicy",
    env,
    n_steps=128,
    batch_size=2048,
    gamma=0.95,
    seed=0,
    device="cpu",
    policy_kwargs={"lstm_hidden_size": 32},
)
model.learn(frames)
test = EdgeRouteSB3VecEnv(64, "stale")
test.seed(1_000_000)
mean, spread = evaluate_policy(model, test, n_eval_episodes=64, warn=False)
print(f"return {mean:.2f} +- {spread:.2f} an episode")

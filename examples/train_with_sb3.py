"""Train Stable-Baselines3's own PPO on the vector of environments, in twenty lines.

python examples/train_with_sb3.py [frames]
"""

import sys

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

from edgeroute_agents import EdgeRouteSB3VecEnv

torch.set_num_threads(1)  # more would only wait for each other
frames = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
env = EdgeRouteSB3VecEnv(64, "paper")
env.seed(0)
model = PPO("MlpPolicy", env, n_steps=128, batch_size=2048, gamma=0.95, seed=0, device="cpu")
model.learn(frames)
test = EdgeRouteSB3VecEnv(64, "paper")
test.seed(1_000_000)
mean, spread = evaluate_policy(model, test, n_eval_episodes=64, warn=False)
print(f"return {mean:.2f} +- {spread:.2f} an episode")

"""Train SBX's PPO and DQN (Stable-Baselines3's interface on JAX) by the environment's id.

python examples/clients/sbx_by_id.py [frames]
"""

import sys

from sbx import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

ID = "edgeroute_env:EdgeRoute-v0"  # the module in front registers the id

frames = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
train, test = make_vec_env(ID, 8, seed=0), make_vec_env(ID, 8, seed=10_000)
models = [
    PPO("MlpPolicy", train, n_steps=128, batch_size=256, gamma=0.95, seed=0),
    DQN("MlpPolicy", train, learning_starts=frames // 4, gamma=0.95, seed=0),
]
for model in models:
    model.learn(frames)
    mean, spread = evaluate_policy(model, test, n_eval_episodes=8)
    print(f"{type(model).__name__}: return {mean:.2f} +- {spread:.2f} an episode")

"""Train sb3-contrib's RecurrentPPO and QRDQN on our own vector, which SB3 takes as a VecEnv.

python examples/clients/sb3_contrib_on_ours.py [frames]
"""

import sys

import torch
from sb3_contrib import QRDQN, RecurrentPPO
from stable_baselines3.common.evaluation import evaluate_policy

from edgeroute_agents import EdgeRouteSB3VecEnv

torch.set_num_threads(1)  # more would only wait for each other
frames = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
train, test = EdgeRouteSB3VecEnv(16, "stale"), EdgeRouteSB3VecEnv(16, "stale")
train.seed(0)
models = [
    RecurrentPPO("MlpLstmPolicy", train, n_steps=128, batch_size=512, seed=0, device="cpu"),
    QRDQN("MlpPolicy", train, learning_starts=frames // 4, seed=0, device="cpu"),
]
for model in models:
    model.learn(frames)
    test.seed(1_000_000)
    mean, spread = evaluate_policy(model, test, n_eval_episodes=16, warn=False)
    print(f"{type(model).__name__}: return {mean:.2f} +- {spread:.2f} an episode")

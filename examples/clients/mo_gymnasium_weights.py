"""MO-Gymnasium: an episode of random choices, its objectives apart and weighted.

pip install --no-deps mo-gymnasium
python examples/clients/mo_gymnasium_weights.py
"""

import gymnasium as gym
import mo_gymnasium
import numpy as np
from mo_gymnasium.wrappers import LinearReward, MORecordEpisodeStatistics

import edgeroute_env

env = mo_gymnasium.make("mo-EdgeRoute-v0")
weights = env.unwrapped.weights  # the scenario's; others give another user's trade
env = LinearReward(MORecordEpisodeStatistics(env, gamma=1.0), weights)
scalar = gym.make("EdgeRoute-v0")
env.reset(seed=0), scalar.reset(seed=0)
env.action_space.seed(0)
over = False
while not over:
    action = env.action_space.sample()
    _, weighted, terminated, truncated, info = env.step(action)
    assert np.isclose(weighted, scalar.step(action)[1], atol=1e-6)
    over = terminated or truncated
apart = dict(zip(edgeroute_env.EdgeRouteMOEnv.OBJECTIVES, info["episode"]["r"], strict=True))
print("Sums of an episode:", {name: round(float(value), 2) for name, value in apart.items()})

"""Collect a Minari data set with all infos, store it and read it again.

python examples/clients/minari_data.py [episodes]
"""

import sys

import gymnasium as gym
import minari
import numpy as np
from minari import DataCollector

import edgeroute_env

NAME = "edgeroute/paper/threshold-v0"

episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
env = DataCollector(gym.make("EdgeRoute-v0"), record_infos=True)
for seed in range(episodes):
    observation, _ = env.reset(seed=seed)
    ended = False
    while not ended:
        action = int(edgeroute_env.decode(observation)["score"] > 0.2)
        observation, _, terminated, truncated, _ = env.step(action)
        ended = terminated or truncated
if NAME in minari.list_local_datasets():
    minari.delete_dataset(NAME)
env.create_dataset(NAME, algorithm_name="score above 0.2", description="EdgeRoute, preset paper")

data = minari.load_dataset(NAME)
episode = data[0]
seconds = episode.infos["latency_s"]  # that of the reset is NaN
print(f"{data.total_steps} turns, {np.nanmean(seconds):.2f} s a turn in the first episode")
print(f"{data.recover_environment().spec.max_episode_steps} turns an episode")

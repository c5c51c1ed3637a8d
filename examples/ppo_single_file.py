"""PPO in one file, in the manner of CleanRL, on the vector environment.

python examples/ppo_single_file.py [frames]
"""

import sys
import time

import numpy as np
import torch
from torch import nn

from edgeroute_env import EdgeRouteVectorEnv

ENVS, STEPS, EPOCHS, MINIBATCHES = 64, 128, 4, 4
GAMMA, LAMBDA, CLIP, RATE = 0.95, 0.9, 0.2, 1e-3
torch.set_num_threads(1)
torch.manual_seed(0)


def network(outputs: int) -> nn.Sequential:
    """Return a small network over an observation."""
    return nn.Sequential(
        nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs)
    )


def squashed(observations: np.ndarray) -> torch.Tensor:
    """Return observations without the long tails of waiting times."""
    return torch.as_tensor(np.sign(observations) * np.log1p(np.abs(observations)))


frames = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
env = EdgeRouteVectorEnv(ENVS, "paper", autoreset_mode="SameStep")
actor, critic = network(2), network(1)
optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=RATE)
seen = squashed(env.reset(seed=0)[0])
start = time.perf_counter()
for update in range(max(frames // (ENVS * STEPS), 1)):
    states = torch.zeros(STEPS, ENVS, 32)
    actions = torch.zeros(STEPS, ENVS, dtype=torch.long)
    logs, rewards, ended, values = torch.zeros(4, STEPS, ENVS)
    for step in range(STEPS):
        with torch.no_grad():
            choice = torch.distributions.Categorical(logits=actor(seen))
            states[step], actions[step] = seen, choice.sample()
            logs[step] = choice.log_prob(actions[step])
            values[step] = critic(seen)[:, 0]
        following, reward, terminated, truncated, _ = env.step(actions[step].numpy())
        rewards[step] = torch.as_tensor(reward)
        ended[step] = torch.as_tensor(terminated | truncated)
        seen = squashed(following)
    with torch.no_grad():
        after = critic(seen)[:, 0]
    advantages, running = torch.zeros(STEPS, ENVS), torch.zeros(ENVS)
    for step in reversed(range(STEPS)):
        goes_on = 1.0 - ended[step]
        error = rewards[step] + GAMMA * after * goes_on - values[step]
        running = error + GAMMA * LAMBDA * goes_on * running
        advantages[step], after = running, values[step]
    returns = (advantages + values).flatten()
    flat = advantages.flatten()
    for _ in range(EPOCHS):
        for rows in torch.randperm(STEPS * ENVS).chunk(MINIBATCHES):
            state, taken = states.flatten(0, 1)[rows], actions.flatten()[rows]
            choice = torch.distributions.Categorical(logits=actor(state))
            ratio = (choice.log_prob(taken) - logs.flatten()[rows]).exp()
            gain = (flat[rows] - flat[rows].mean()) / (flat[rows].std() + 1e-8)
            surrogate = torch.min(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain)
            value_loss = (critic(state)[:, 0] - returns[rows]).square().mean()
            loss = 0.5 * value_loss - surrogate.mean() - 0.01 * choice.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([*actor.parameters(), *critic.parameters()], 0.5)
            optimizer.step()
    if update % 10 == 0:
        done = (update + 1) * ENVS * STEPS
        speed = done / (time.perf_counter() - start)
        print(f"{done:>9,} frames, {rewards.mean():+.3f} a turn, {speed:,.0f} frames/s")

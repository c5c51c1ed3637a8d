"""What memory and quantiles are worth on `stale`, where the edge's load report is up to 30 s old.

    python studies/memory.py [--seeds 2] [--frames 1000000]

First, by hindsight rollouts of the rule: what one step of improvement earns beyond it, from what is
seen now, and with an LSTM that has seen the episode so far; then the same with the report hidden,
the control in which memory must tell something. Then it trains ppo, recurrent-ppo, dqn and qr-dqn
(continuing what an earlier call began, under `runs/memory`) and prints paired gaps of the last
policies, the mean of the training seeds, over evaluation episodes.
Intervals are 95 % bootstrap intervals over episodes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgeroute_agents import checkpoints
from edgeroute_agents.distillation import EPISODES, TAIL, advantages, distilled
from edgeroute_agents.network import ACTOR_INPUTS, squashed
from edgeroute_agents.policy import Policy
from edgeroute_agents.settings import load_settings
from edgeroute_agents.training import BAO, LINEAR, Training, fitted
from edgeroute_baselines import make_router
from edgeroute_baselines.linear import LinearRouter, from_bao
from edgeroute_env import Scenario, load_scenario
from edgeroute_env.evaluation.episodes import EVALUATION_SEEDS, generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

SCENARIO, EVALUATED = "stale", 200
ROUNDS, UNITS, EPOCHS, BATCH = 4, 32, 15, 64  # of episodes to learn from; the last is held out
CONTROL = {"name": "stale-unreported", "observation.hidden": ["edge-load"]}
PAIRS = (("recurrent-ppo", "ppo"), ("qr-dqn", "dqn"))


class Remembering(nn.Module):
    """What an LSTM adds to the worth of the edge, nothing at first."""

    def __init__(self) -> None:
        """Begin with random gates and a silent head."""
        super().__init__()
        self.lstm, self.head = nn.LSTM(ACTOR_INPUTS, UNITS), nn.Linear(UNITS, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (turns, episodes) of whole episodes (turns, episodes, inputs)."""
        found: torch.Tensor = self.head(self.lstm(inputs)[0])[..., 0]
        return found


def hindsight(scenario: Scenario) -> None:
    """Print what a step of improvement earns beyond the rule, without and with memory."""
    turns = scenario.workload.turns
    rule = LinearRouter(from_bao(**fitted(load_scenario(SCENARIO), "synthetic", BAO)), BAO)
    streams = [np.random.default_rng([3, k]) for k in range(EPISODES)]
    source = drawn(scenario, "synthetic", "fit")
    seen, worth = advantages(scenario, source, rule, ROUNDS * turns * EPISODES, streams)
    held = turns * EPISODES
    torch.manual_seed(0)
    memoryless = distilled(seen[:-held], worth[:-held], (64, 64), 0)
    shape = (ROUNDS, turns, EPISODES)
    with torch.no_grad():
        inputs = squashed(torch.as_tensor(seen))
        now = (torch.as_tensor(seen[:, -1]) + memoryless(inputs)[:, 0]).reshape(shape)
    inputs, paid = inputs.reshape(*shape, -1), torch.as_tensor(worth, dtype=torch.float32)
    memory = remembered(inputs[:-1], (paid.reshape(shape) - now)[:-1])
    with torch.no_grad():
        with_memory = now[-1] + memory(inputs[-1])
    asked = seen[-held:, -1].reshape(shape[1:]) > 0.0
    last = worth[-held:].reshape(shape[1:])
    gains = [
        ((found.numpy() > 0.0).astype(float) - asked) * last for found in (now[-1], with_memory)
    ]
    by_episode = [gain.sum(axis=0) for gain in gains]
    print(f"{scenario.name}: one step beyond the rule earns an episode, held out")
    print(f"  from what is seen now    {with_interval(interval(by_episode[0]))}")
    print(f"  with the episode so far  {with_interval(interval(by_episode[1]))}")
    print(f"  memory less none         {with_interval(interval(by_episode[1] - by_episode[0]))}")


def remembered(inputs: torch.Tensor, beyond: torch.Tensor) -> Remembering:
    """Return an LSTM fitted to what the memoryless network leaves, (rounds, turns, episodes)."""
    inputs, beyond = (value.transpose(0, 1).flatten(1, 2) for value in (inputs, beyond))
    memory = Remembering()
    optimiser = torch.optim.Adam(memory.parameters(), 3e-3)
    rounds = inputs.shape[1] // BATCH
    rates = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, EPOCHS * rounds)
    for _ in range(EPOCHS):
        for mine in torch.randperm(inputs.shape[1])[: rounds * BATCH].split(BATCH):
            optimiser.zero_grad()
            loss = nn.functional.huber_loss(memory(inputs[:, mine]), beyond[:, mine], delta=TAIL)
            loss.backward()
            optimiser.step()
            rates.step()
    return memory


def last(scenario: Scenario, name: str, frames: int, seed: int) -> Policy:
    """Return a training's last policy; the one it keeps is often the rule itself."""
    folder = Path("runs") / "memory" / f"{SCENARIO}-{name}-{frames}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    resumes = (folder / checkpoints.FILE).exists()
    training = Training(
        scenario, load_settings(name, {"frames": frames}), folder, seed, resume=resumes
    )
    training.run()
    return training.policy_of()


def learned(seeds: int, frames: int) -> None:
    """Print paired gaps of the trained policies."""
    scenario = load_scenario(SCENARIO)
    chosen = EVALUATION_SEEDS[:EVALUATED]
    pinned = Pinned(drawn(scenario, "synthetic", "evaluation"), generators(chosen))

    def returns(router: Any) -> NDArray[np.float64]:
        return run_episodes(router, scenario, pinned, chosen).returns()

    others = {
        name: returns(make_router(name, fitted(scenario, "synthetic", name)))
        for name in (BAO, LINEAR)
    }
    earned = {}
    for name in (name for pair in PAIRS for name in pair):
        policies = [last(scenario, name, frames, seed) for seed in range(seeds)]
        earned[name] = np.mean([returns(policy) for policy in policies], axis=0)
        for other, theirs in others.items():
            shown = with_interval(interval(earned[name] - theirs))
            print(f"{name:<14} less {other:<16} {shown}", flush=True)
    for name, other in PAIRS:
        shown = with_interval(interval(earned[name] - earned[other]))
        print(f"{name:<14} less {other:<16} {shown}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--frames", type=int, default=1_000_000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    hindsight(load_scenario(SCENARIO))
    hindsight(load_scenario(SCENARIO, CONTROL))
    learned(asked.seeds, asked.frames)


if __name__ == "__main__":
    main()

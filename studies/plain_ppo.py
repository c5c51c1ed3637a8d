"""What Stable-Baselines3's PPO learns on `paper` with the library's defaults and nothing of ours.

    python -m studies.plain_ppo [SEED ...]

Two seeds of `PPO("MlpPolicy", ...)`, 1.5 million frames each. Eight environments run side by
side, where the library's own number would be one: a rollout then has more episodes, and training
takes half the time. They equal eight of `gym.make("EdgeRoute-v0")` to the bit. PPO is paid the
environment's rewards and sees its observations as they are. Measured on 1,000 evaluation episodes;
kept in `studies/stored/plain_ppo.json`. An interrupted run goes on at the next seed; with seeds, it
trains these alone, so that several can run side by side.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO

from edgeroute_agents import EdgeRouteSB3VecEnv
from edgeroute_agents.train import BAO
from edgeroute_baselines import fitted_router, make_router
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.metrics import figures, interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.seeds import EVALUATION_SEEDS, training_seeds
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from studies.stored import FOLDER, kept

SCENARIO, SEEDS, FRAMES, ENVS, EPISODES = "paper", 2, 1_500_000, 8, 1_000
RUNS = Path("runs") / "plain_ppo"
FILE = FOLDER / "plain_ppo.json"


class Plain:
    """A model of SB3's as a router."""

    name = "plain PPO"

    def __init__(self, model: PPO) -> None:
        """Take the trained model."""
        self._model = model

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the likelier actions, shape (n,)."""
        return np.asarray(self._model.predict(observations, deterministic=True)[0], np.int64)


def trained(seed: int, frames: int = FRAMES) -> PPO:
    """Return the model of a seed, trained unless it was before on the same scenario."""
    path = RUNS / f"{scenario_hash(load_scenario(SCENARIO))}-{frames}-{seed}.zip"
    if not path.is_file():
        start = time.process_time()
        env = EdgeRouteSB3VecEnv(ENVS, SCENARIO)
        env.seed(training_seeds(seed)[0])
        RUNS.mkdir(parents=True, exist_ok=True)
        model = PPO("MlpPolicy", env, seed=seed, device="cpu")
        model.learn(frames)
        model.save(path)
        print(f"seed {seed}: {time.process_time() - start:.0f} CPU-seconds", flush=True)
    return PPO.load(path, device="cpu")


def measured(models: Sequence[PPO], episodes: int = EPISODES) -> dict[str, Any]:
    """Return each model's figures, and the gaps of all to the tuned rule and to the constants."""
    scenario, seeds = load_scenario(SCENARIO), EVALUATION_SEEDS[:episodes]
    pinned = Pinned(drawn(scenario, "synthetic", "evaluation"), generators(seeds))
    runs = [run_episodes(Plain(model), scenario, pinned, seeds) for model in models]
    returns = np.array([run.returns() for run in runs])
    others = [make_router("device"), make_router("edge")]
    others.append(fitted_router(scenario, "synthetic", BAO))
    theirs = {each.name: run_episodes(each, scenario, pinned, seeds).returns() for each in others}
    return {
        "figures": [figures(run) for run in runs],
        "gaps": {n: [float(gap) for gap in (returns - t).mean(axis=1)] for n, t in theirs.items()},
        "all_less": {name: interval((returns - t).mean(axis=0)) for name, t in theirs.items()},
    }


def found() -> dict[str, Any]:
    """Return what is kept of all seeds, made where there is none for today's scenario."""
    scenario = load_scenario(SCENARIO)
    key = {
        "scenario": SCENARIO,
        "scenario_hash": scenario_hash(scenario),
        BAO: fitted_parameters(scenario, "synthetic", BAO),
        "seeds": SEEDS,
        "frames": FRAMES,
        "environments": ENVS,
        "episodes": EPISODES,
    }
    all_seeds = range(SEEDS)
    result: dict[str, Any] = kept(
        FILE, SCENARIO, key, lambda: measured([trained(seed) for seed in all_seeds])
    )
    return result


def main() -> None:
    torch.set_num_threads(1)  # more threads only wait for each other on networks this small
    if sys.argv[1:]:
        for seed in sys.argv[1:]:
            trained(int(seed))
        return
    for name, gap in found()["all_less"].items():
        print(f"plain PPO, all seeds, less {name}: {with_interval(gap)}")


if __name__ == "__main__":
    main()

"""The settings of `examples/clients/rl_zoo3.yml`: a search over those of SB3's PPO on `paper`.

    python -m studies.zoo_settings [TRIALS]

Optuna chooses; each trial trains 300,000 frames with one seed on as many environments as the
file has. What it is worth is its gap to the tuned analytic rule on 512 validation episodes, the
same for all trials. The best three are then trained for the file's 500,000 frames, twice.
"""

from __future__ import annotations

import sys
from typing import Any

import optuna
import torch
from stable_baselines3 import PPO

from edgeroute_agents import EdgeRouteSB3VecEnv
from edgeroute_agents.train import BAO
from edgeroute_baselines import fitted_router
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.seeds import VALIDATION_SEEDS, training_seeds
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from studies.plain_ppo import Plain

ENVS, FRAMES, LONG, EPISODES, BEST = 16, 300_000, 500_000, 512, 3
SCENARIO = load_scenario("paper")
SEEDS = VALIDATION_SEEDS[:EPISODES]
PINNED = Pinned(drawn(SCENARIO, "synthetic", "validation"), generators(SEEDS))


def asked(trial: optuna.Trial) -> dict[str, Any]:
    """Return the settings that a trial tries."""
    return {
        "n_steps": trial.suggest_categorical("n_steps", [128, 256, 512, 1024]),
        "batch_size": trial.suggest_categorical("batch_size", [256, 512, 1024, 2048]),
        "n_epochs": trial.suggest_categorical("n_epochs", [4, 10, 20]),
        "gamma": trial.suggest_categorical("gamma", [0.9, 0.95, 0.99, 1.0]),
        "gae_lambda": trial.suggest_categorical("gae_lambda", [0.8, 0.9, 0.95]),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True),
        "ent_coef": trial.suggest_categorical("ent_coef", [0.0, 0.001, 0.01]),
    }


def gap(settings: dict[str, Any], frames: int, seed: int) -> dict[str, float]:
    """Return what a training earns less the tuned rule, with its interval over episodes."""
    env = EdgeRouteSB3VecEnv(ENVS, SCENARIO.name)
    env.seed(training_seeds(seed)[0])
    model = PPO("MlpPolicy", env, seed=seed, device="cpu", **settings)
    model.learn(frames)
    rule = fitted_router(SCENARIO, "synthetic", BAO)
    own, theirs = (
        run_episodes(router, SCENARIO, PINNED, SEEDS).returns() for router in (Plain(model), rule)
    )
    return interval(own - theirs)


def main() -> None:
    torch.set_num_threads(1)  # more threads only wait for each other on networks this small
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=8)
    )
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 14
    for number in range(trials):
        trial = search.ask()
        settings = asked(trial)
        found = gap(settings, FRAMES, 0)
        search.tell(trial, found["mean"])
        print(f"{number + 1} of {trials}: {with_interval(found)}  {settings}", flush=True)
    best = sorted(search.trials, key=lambda trial: trial.value or 0.0)[-BEST:]
    for trial in reversed(best):
        gaps = [with_interval(gap(trial.params, LONG, seed)) for seed in (1, 2)]
        print(f"{LONG:,} frames, seeds 1 and 2: {', '.join(gaps)}  {trial.params}", flush=True)


if __name__ == "__main__":
    main()

"""What each ingredient of our training is worth: PPO with one of them left out at a time.

    python -m studies.ablation [PRESET ...]

Five seeds of PPO on `paper`, `quota` and `fleet` with the packaged settings and with one ingredient
less, all else the same. Two figures each, as gaps to the tuned analytic router: of the last policy
that was learned, on the validation seeds (nothing is chosen by it), and of the policy that is
written, on 1,000 evaluation episodes. The second falls back to a rule where learning has not
helped. Trainings lie in `runs/ablation`, those with all ingredients where
`edgeroute_agents.pretraining` leaves its own. An interrupted run goes on where it was; what was
found is kept in `studies/stored/ablation-PRESET.json`.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgeroute_agents import load_settings
from edgeroute_agents.pretraining import RUNS, trained
from edgeroute_agents.train import BAO, LINEAR
from edgeroute_agents.watching import LOG
from edgeroute_baselines import fitted_router
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.statistics import interquartile_mean
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.scenario_files import scenario_hash
from studies.stored import FOLDER, kept

PRESETS, SEEDS, EPISODES = ("paper", "quota", "fleet"), 5, 1_000
FULL = "all of it"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    FULL: {},
    "no rule to start from": {"rule": "edge"},
    "nothing distilled": {"distilled_turns": 0},
    "sampled quality": {"quality": "sampled"},
    "rewards not paired": {"paired": False},
}
_VALIDATED = re.compile(r"^ *[\d,]+ frames: ([+-][\d.]+) \[", re.MULTILINE)


def measured(preset: str, variant: str) -> dict[str, Any]:
    """Return what a variant earns beyond the tuned analytic router, a figure for each seed."""
    scenario = load_scenario(preset)
    settings = load_settings("ppo", VARIANTS[variant])
    name = f"{preset}-ppo" if variant == FULL else f"{preset}-{variant.replace(' ', '-')}"
    runs = RUNS if variant == FULL else RUNS.parent / "ablation"
    policies, last = [], []
    for seed in range(SEEDS):
        start, folder = time.process_time(), runs / f"{name}-{seed}"
        policy = trained(scenario, settings, folder, seed)[0]
        if policy.about["settings"] != settings.model_dump(mode="json"):
            raise SystemExit(f"{folder} holds a training with other settings; move it away")
        policies.append(policy)
        last.append(last_gap(folder))
        print(f"{preset}, {variant}, seed {seed}: {time.process_time() - start:.0f} CPU-seconds")
    *own, theirs = evaluation_returns(
        [*policies, fitted_router(scenario, "synthetic", BAO)], scenario, EPISODES
    )
    gaps = np.array(own) - theirs
    return {
        "last": last,
        "last_interquartile_mean": interquartile_mean(np.array(last)[:, None]),
        "kept": [float(gap) for gap in gaps.mean(axis=1)],
        "kept_all_less": interval(gaps.mean(axis=0)),
        "bare_rules": [policy.bare_rule for policy in policies],
    }


def last_gap(folder: Path) -> float:
    """Return the gap that the log of a finished training tells of the last policy learned."""
    return float(_VALIDATED.findall((folder / LOG).read_text(encoding="utf-8"))[-1])


def file(preset: str) -> Path:
    """Return where the findings on a preset are kept."""
    return FOLDER / f"ablation-{preset}.json"


def found(preset: str) -> dict[str, Any]:
    """Return what is kept of all variants on a preset, made where it is not of today's."""
    scenario = load_scenario(preset)
    rules = {rule: fitted_parameters(scenario, "synthetic", rule) for rule in (BAO, LINEAR)}
    result = {}
    for variant, changes in VARIANTS.items():
        key = {
            "scenario_hash": scenario_hash(scenario),
            "settings": load_settings("ppo", changes).model_dump(mode="json"),
            "rules": rules,
            "seeds": SEEDS,
            "episodes": EPISODES,
        }
        result[variant] = kept(file(preset), variant, key, lambda v=variant: measured(preset, v))
    return result


def main() -> None:
    for preset in sys.argv[1:] or PRESETS:
        for variant, row in found(preset).items():
            last = with_interval(row["last_interquartile_mean"])
            print(f"{preset}, {variant}: last {last}, kept {with_interval(row['kept_all_less'])}")


if __name__ == "__main__":
    main()

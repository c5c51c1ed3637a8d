"""Where a thousand episodes cannot tell a policy from Bao's rules, five thousand may.

    python studies/more_episodes.py [PRESET ...]

The packaged policies less the tuned `bao-multi-queue`, `bao-multi` and `bao-single`, paired, over
the first 5,000 evaluation seeds, with 95 % bootstrap intervals and their lower ends as a share of
the return. By default on all presets.
"""

import sys

import torch

from edgeroute_agents import packaged
from edgeroute_baselines import fitted_router
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.scenario_files import scenario_names

EPISODES = 5_000
RULES = ("bao-multi-queue", "bao-multi", "bao-single")


def main() -> None:
    torch.set_num_threads(1)
    print(f"packaged policies less tuned rules, {EPISODES:,} evaluation episodes")
    for name in sys.argv[1:] or scenario_names():
        scenario = load_scenario(name)
        policies = packaged(scenario)
        rules = [fitted_router(scenario, "synthetic", rule) for rule in RULES]
        found = evaluation_returns([*rules, *policies], scenario, EPISODES)
        for policy, own in zip(policies, found[len(RULES) :], strict=True):
            for rule, theirs in zip(RULES, found, strict=False):
                gap = interval(own - theirs)
                low = 100.0 * gap["low"] / abs(theirs.mean())
                shown = f"{with_interval(gap)}, from {low:+.3f} % of the return"
                print(f"{name:<13} {policy.name} less {rule:<15} {shown}", flush=True)


if __name__ == "__main__":
    main()

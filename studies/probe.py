"""What a probe costs and is worth: the same rule with a classifier's scores and with a probe's.

    python studies/probe.py [PRESET]

For each way to score, `bao-multi-queue` takes the alpha and theta of a grid that earn most on
training seeds. The rules are judged on validation seeds, all on the same questions; differences to
the preset as it is are paired by episode.
"""

import sys
from typing import Any

import numpy as np

from edgeroute_baselines import BaoRouter
from edgeroute_env import Scenario, load_scenario
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.seeds import FIT_SEEDS, VALIDATION_SEEDS
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

FITTED, JUDGED = FIT_SEEDS[:100], VALIDATION_SEEDS[:400]
SHARES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.5)  # of the price of a second
THETAS = np.linspace(-0.5, 0.7, 25)
WAYS: dict[str, dict[str, Any]] = {
    "prompt, as the preset": {},
    "prompt, AUC .65": {"workload.score_auc": 0.65},
    "probe, AUC .60": {"workload.score_source": "probe", "workload.score_auc": 0.6},
    "probe, AUC .65": {"workload.score_source": "probe"},
    "probe, AUC .71": {"workload.score_source": "probe", "workload.score_auc": 0.71},
}


def best_rule(scenario: Scenario) -> BaoRouter:
    """Return the rule of the grid that earns most on the training seeds."""
    traces = Pinned(drawn(scenario, "synthetic", "fit"), generators(FITTED))
    price = scenario.weights.latency_per_s
    rules = [
        BaoRouter("bao-multi-queue", float(share * price), float(theta))
        for share in SHARES
        for theta in THETAS
    ]
    means = [run_episodes(rule, scenario, traces, FITTED).returns().mean() for rule in rules]
    return rules[int(np.argmax(means))]


def judged(scenario: Scenario) -> Episodes:
    """Return the validation episodes of the scenario's best rule."""
    traces = Pinned(drawn(scenario, "synthetic"), generators(JUDGED))
    return run_episodes(best_rule(scenario), scenario, traces, JUDGED)


def main() -> None:
    preset = sys.argv[1] if len(sys.argv) > 1 else "paper"
    usual = None
    print(f"{'way':24} {'return':>7} {'difference, 95 %':>20} quality latency scoring energy edge")
    for way, overrides in WAYS.items():
        played = judged(load_scenario(preset, overrides))
        returns = played.returns()
        usual = returns if usual is None else usual
        apart = returns - usual
        within = 1.96 * apart.std(ddof=1) / np.sqrt(apart.size)
        figures = [
            played.turns(name).mean()
            for name in ("quality", "latency_s", "scoring_s", "energy_j", "edge_call")
        ]
        print(
            f"{way:24} {returns.mean():7.2f} {apart.mean():9.2f} +- {within:5.2f}    ",
            "   ".join(f"{figure:6.3f}" for figure in figures),
            flush=True,
        )


if __name__ == "__main__":
    main()

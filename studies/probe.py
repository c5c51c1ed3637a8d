"""What a probe costs and is worth: the same rule with a classifier's scores and with a probe's.

    python studies/probe.py [PRESET]

For each way to score, `bao-multi-queue` is fitted on training seeds. The rules are judged on
validation seeds, all on the same questions; differences to the preset as it is are paired by
episode.
"""

import sys
from typing import Any

from edgeroute_baselines import make_router
from edgeroute_baselines.fitting import Fitter
from edgeroute_baselines.registry import ANALYTIC
from edgeroute_env import Scenario, load_scenario
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.seeds import FIT_SEEDS, VALIDATION_SEEDS
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

FITTED, JUDGED = FIT_SEEDS[:100], VALIDATION_SEEDS[:400]
WAYS: dict[str, dict[str, Any]] = {
    "prompt, as the preset": {},
    "prompt, AUC .65": {"workload.score_auc": 0.65},
    "probe, AUC .60": {"workload.score_source": "probe", "workload.score_auc": 0.6},
    "probe, AUC .65": {"workload.score_source": "probe"},
    "probe, AUC .71": {"workload.score_source": "probe", "workload.score_auc": 0.71},
}


def judged(scenario: Scenario) -> Episodes:
    """Return the validation episodes of the rule that is fitted to the scenario."""
    fit = Fitter(scenario, drawn(scenario, "synthetic", "fit"), FITTED).fit(ANALYTIC, 0.5)
    rule = make_router(ANALYTIC, fit.best_return.parameters)
    traces = Pinned(drawn(scenario, "synthetic"), generators(JUDGED))
    return run_episodes(rule, scenario, traces, JUDGED)


def main() -> None:
    preset = sys.argv[1] if len(sys.argv) > 1 else "paper"
    usual = None
    print(f"{'way':24} {'return':>7} {'difference, 95 %':>22} quality latency scoring energy edge")
    for way, overrides in WAYS.items():
        played = judged(load_scenario(preset, overrides))
        returns = played.returns()
        usual = returns if usual is None else usual
        apart = with_interval(interval(returns - usual))
        figures = [
            played.turns(name).mean()
            for name in ("quality", "latency_s", "scoring_s", "energy_j", "edge_call")
        ]
        print(
            f"{way:24} {returns.mean():7.2f} {apart:>22}  ",
            "   ".join(f"{figure:6.3f}" for figure in figures),
            flush=True,
        )


if __name__ == "__main__":
    main()

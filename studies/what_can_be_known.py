"""How much of the gap to the bound any causal router could close: a bound on the bound.

    python studies/what_can_be_known.py [PRESET ...]

`clairvoyant` knows the whole trace. Here it plans the same traces with what no router can know
replaced by what a router may expect of it: first whether answers will be right (worth their
expectation, given what is seen of the turn), then also how long they will be. It still knows all
future arrivals, loads, outages and SNR. What it then earns beyond `bao-multi-queue` no causal
router can exceed, up to what its search misses, the expectations do, and what is not linear in
lengths. Printed as shares of the whole gap, beside `linear` and the packaged `ppo` on the traces of
expected qualities.
"""

import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeroute_agents import learned_router
from edgeroute_agents.distillation import Expectation, Refined
from edgeroute_agents.train import BAO, LINEAR
from edgeroute_baselines import fitted_router
from edgeroute_baselines.clairvoyant import ClairvoyantRouter
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_names
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned, TraceSource

EPISODES, FEWER = 60, 20  # the second where an episode has over a thousand turns


def as_predicted(store: NDArray[Any], which: NDArray[np.int64]) -> None:
    """Make the answers of the traces `store[which]` as long as a router may expect."""
    for side in ("device", "edge"):
        store[f"answer_tokens_{side}"][which] = store[f"predicted_tokens_{side}"][which]


def gaps(
    scenario: Scenario, source: TraceSource, routers: dict[str, Router]
) -> dict[str, NDArray[np.float64]]:
    """Return each router's returns less those of BAO, and the bound's, episode by episode."""
    seeds = EVALUATION_SEEDS[: FEWER if scenario.workload.turns > 1000 else EPISODES]
    pinned = Pinned(source, generators(seeds))
    runs = {name: run_episodes(r, scenario, pinned, seeds) for name, r in routers.items()}
    bound = ClairvoyantRouter()
    bound.incumbents = [run.actions for run in runs.values()]
    runs["bound"] = run_episodes(bound, scenario, pinned, seeds)
    return {name: run.returns() - runs[BAO].returns() for name, run in runs.items()}


def main() -> None:
    torch.set_num_threads(1)
    print(
        "share of the whole gap that could be closed at most, with answers' lengths known or not;"
    )
    print("gains over bao-multi-queue, lengths known")
    for name in sys.argv[1:] or scenario_names():
        scenario = load_scenario(name)
        routers: dict[str, Router] = {
            n: fitted_router(scenario, "synthetic", n) for n in (BAO, LINEAR)
        }
        routers["ppo"] = learned_router("ppo", scenario)
        if scenario.objective.kind == "dialogue-min":
            print(f"{name:<13} the worst of expectations is not the expected worst: left out")
            continue
        traces = drawn(scenario, "synthetic", "evaluation")
        expected = load_scenario(scenario, {"objective.quality": "expected"})
        refined = Refined(traces, Expectation(scenario).fill)
        known = gaps(expected, refined, routers)
        seen = gaps(expected, Refined(refined, as_predicted), routers)
        whole = gaps(scenario, traces, routers)["bound"].mean()
        shares = f"{known['bound'].mean() / whole:6.1%} {seen['bound'].mean() / whole:6.1%}"
        cells = [f"{n} {with_interval(interval(known[n]))}" for n in (LINEAR, "ppo", "bound")]
        print(f"{name:<13} {shares}  {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()

"""How much better than the tuned rule any causal router could be, and how much of that is reached.

    python -m studies.what_can_be_known [PRESET ...]

`clairvoyant` knows the whole trace. Here it plans the same traces with what no router can know
replaced by what a router may expect of it: answers are worth their expected quality, given what is
seen of the turn, and they are as long as expected. It still knows all future arrivals, loads,
outages and SNR. What it then earns beyond `bao-multi-queue` no causal router can exceed on these
traces, up to what its search and the expectations miss: this is the knowable gap. The shares of it
that routers close are taken on the same traces; so are those that `without_foresight` leaves to
routers that do not know the future. What was found is kept in `results/known`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeroute_agents import packaged
from edgeroute_agents.distillation import Expectation, Refined
from edgeroute_agents.train import BAO, LINEAR
from edgeroute_baselines import fitted_router
from edgeroute_baselines.clairvoyant import ClairvoyantRouter
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.literature import share_of_gap
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash, scenario_names
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned, TraceSource
from studies import without_foresight
from studies.stored import kept
from studies.without_foresight import FUTURES, SEEN, WIDTH, as_predicted

TURNS = 25_600  # 200 episodes of 128 turns, fewer where they are long
FOLDER = Path("results") / "known"
BOUND = "bound"

Floats = NDArray[np.float64]


def returns(
    scenario: Scenario, source: TraceSource, routers: Mapping[str, Router], episodes: int
) -> dict[str, Floats]:
    """Return what routers earn, and what the bound does, episode by episode."""
    seeds = EVALUATION_SEEDS[:episodes]
    pinned = Pinned(source, generators(seeds))
    runs = {name: run_episodes(r, scenario, pinned, seeds) for name, r in routers.items()}
    bound = ClairvoyantRouter()
    bound.incumbents = [run.actions for run in runs.values()]
    runs[BOUND] = run_episodes(bound, scenario, pinned, seeds)
    return {name: run.returns() for name, run in runs.items()}


def measured(scenario: Scenario, routers: Mapping[str, Router], episodes: int) -> dict[str, Any]:
    """Return the knowable gap and the shares of it that routers close."""
    traces = drawn(scenario, "synthetic", "evaluation")
    expected = load_scenario(scenario, {"objective.quality": "expected"})
    refined = Refined(Refined(traces, Expectation(scenario).fill), as_predicted)
    known = returns(expected, refined, routers, episodes)
    whole = returns(scenario, traces, routers, episodes)
    gap = known[BOUND] - known[BAO]
    gained = {name: known[name] - known[BAO] for name in routers if name != BAO}
    return {
        "gap": interval(gap),
        "of_the_whole": float(gap.mean() / (whole[BOUND] - whole[BAO]).mean()),
        "shares": {name: share_of_gap(gain, gap) for name, gain in gained.items()},
        **beside_ceilings(scenario.name, gap, gained),
    }


def beside_ceilings(
    preset: str, gap: Floats, gained: Mapping[str, Floats]
) -> dict[str, dict[str, Any]]:
    """Return what is left of a gap without foresight, and the shares of that which routers reach.

    On the episodes that both studies have.
    """
    levels = {
        level: without_foresight.found(preset, level) for level in without_foresight.levels(preset)
    }
    n = min(len(gap), len(levels[SEEN]))
    # The gap is a bound too, and the tighter one where many turns add up the ceiling's noise.
    tighter = {level: min(most[:n], gap[:n], key=np.mean) for level, most in levels.items()}
    return {
        "ceilings": {level: share_of_gap(most, gap[:n]) for level, most in tighter.items()},
        "of_ceiling": {
            name: share_of_gap(gain[:n], tighter[SEEN]) for name, gain in gained.items()
        },
    }


def found(preset: str, turns: int = TURNS) -> dict[str, Any] | None:
    """Return what is kept of a preset, made where it is not of today's; None where it has none.

    The worst of several expectations is not the expected worst.
    """
    torch.set_num_threads(1)
    scenario = load_scenario(preset)
    if scenario.objective.kind == "dialogue-min":
        return None
    episodes = max(2, turns // scenario.workload.turns)
    policies = packaged(scenario)
    key = {
        "scenario_hash": scenario_hash(scenario),
        "rules": {rule: fitted_parameters(scenario, "synthetic", rule) for rule in (BAO, LINEAR)},
        "policies": {policy.name: policy.fingerprint() for policy in policies},
        "episodes": episodes,
        "ceilings": [without_foresight.TURNS, FUTURES, WIDTH],
    }
    rules = [fitted_router(scenario, "synthetic", rule) for rule in (BAO, LINEAR)]
    routers: dict[str, Router] = {router.name: router for router in [*rules, *policies]}
    result: dict[str, Any] = kept(
        FOLDER / f"{preset}.json", preset, key, lambda: measured(scenario, routers, episodes)
    )
    return result


def main() -> None:
    print("knowable: what a router without foresight could earn beyond bao-multi-queue at most")
    for preset in sys.argv[1:] or scenario_names():
        row = found(preset)
        if row is None:
            print(f"{preset:<13} the worst of expectations is not the expected worst: left out")
            continue
        print(f"{preset:<13} {with_interval(row['gap'])}, {row['of_the_whole']:.0%} of the bound's")
        print(f"{'':<13} reached: {said(row['shares'])}")
        print(f"{'':<13} at most, knowing {said(row['ceilings'])}")
        print(f"{'':<13} of the first: {said(row['of_ceiling'])}", flush=True)


def said(shares: Mapping[str, dict[str, float] | None]) -> str:
    """Return shares by name, in words."""
    return ", ".join(
        f"{name} {with_interval(share, 100, '%', '.0f')}" if share else f"{name} -"
        for name, share in shares.items()
    )


if __name__ == "__main__":
    main()

"""Compare routers on one workload: paired runs, figures, differences, savings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.evaluation.literature import (
    Dial,
    against_static,
    curve,
    deadline_s,
    gap_closed,
    goodput,
    papers_rule,
)
from edgeroute_env.evaluation.metrics import difference, figures, interval, saving
from edgeroute_env.evaluation.statistics import holm, paired_p
from edgeroute_env.routing import Bound, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.sources import Pinned, TraceSource

CONSTANTS, ANALYTIC = ("device", "edge"), "bao-multi-queue"


@dataclass(frozen=True)
class Contender:
    """A router with what its row of the table states.

    Attributes:
        router: the router.
        parameters: what it was made with.
        causal: one that is not knows more than a router could: it sees what is to come, or was
            chosen on the evaluation traces themselves.
        learned: a trained policy, which is compared with the strongest of the others.
    """

    router: Router
    parameters: Mapping[str, float]
    causal: bool = True
    learned: bool = False


def compare(
    scenario: Scenario,
    source: TraceSource,
    seeds: Sequence[int],
    contenders: Sequence[Contender],
    savers: Mapping[str, Contender],
    reference: str,
    dials: Mapping[str, Dial],
    on_turn: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Return the figures of all contenders on identical traces.

    Args:
        scenario: the workload.
        source: gives each seed its trace.
        seeds: evaluation seeds, one an episode.
        contenders: the rows of the table; `reference`, both CONSTANTS and ANALYTIC are
            among them.
        savers: by name, routers tuned to a quality tolerance, compared with edge-only.
        reference: the contender that differences are taken to.
        dials: by name, contenders that one parameter moves between the sides, for their curves.
        on_turn: called after each turn of a run, for a progress bar.
    """
    pinned = Pinned(source, generators(seeds))

    def run(contender: Contender) -> Episodes:
        return run_episodes(contender.router, scenario, pinned, seeds, on_turn)

    runs = {c.router.name: run(c) for c in contenders if not isinstance(c.router, Bound)}
    saved = {name: run(saver) for name, saver in savers.items()}
    for contender in contenders:
        if isinstance(contender.router, Bound):  # last: never worse than what the others did
            others = (*runs.values(), *saved.values())
            contender.router.incumbents = [other.actions for other in others]
            runs[contender.router.name] = run(contender)
    rows = {
        contender.router.name: {
            "parameters": dict(contender.parameters),
            "causal": contender.causal,
            "learned": contender.learned,
            **_bound(contender.router),
            "figures": figures(runs[contender.router.name]),
            "difference": difference(runs[contender.router.name], runs[reference]),
        }
        for contender in contenders
    }
    savings = {
        name: {"parameters": dict(saver.parameters), **saving(saved[name], runs["edge"])}
        for name, saver in savers.items()
    }
    _test(rows, runs, reference)
    worth = levels(runs, [c.router.name for c in contenders if c.causal and not c.learned])
    within_s = deadline_s(scenario, runs["edge"])
    for name, row in rows.items():
        row["goodput"] = goodput(runs[name], within_s)
        for beaten in ("constant", "analytic", "strongest"):
            theirs = runs[worth[beaten]].returns()
            row[f"over_{beaten}"] = interval(runs[name].returns() - theirs)
        if "clairvoyant" in runs:
            row["gap_closed"] = gap_closed(runs[name], runs[worth["constant"]], runs["clairvoyant"])
    rule = papers_rule(scenario)
    return {
        "reference": reference,
        "routers": rows,
        "savings": savings,
        "levels": worth,
        "goodput_within_s": within_s,
        "curves": {name: curve(dial, scenario, pinned, seeds) for name, dial in dials.items()},
        "against_static": {
            "rule": rule,
            "savings": against_static(saved[rule], runs, saved) if rule in saved else {},
        },
    }


def _test(rows: Mapping[str, Any], runs: Mapping[str, Episodes], reference: str) -> None:
    """Add to each row the p-value of its return's difference, alone and among all (Holm)."""
    returns = {name: run.returns() for name, run in runs.items()}
    others = [name for name in rows if name != reference]
    p_values = [paired_p(returns[name] - returns[reference]) for name in others]
    for name, alone, among_all in zip(others, p_values, holm(p_values), strict=True):
        rows[name]["p_value"], rows[name]["p_holm"] = alone, among_all


def _bound(router: Router) -> dict[str, Any]:
    """Return how a bound was found; nothing for other routers."""
    if not isinstance(router, Bound):
        return {}
    return {"exact": router.exact, "found": dict(router.found)}


def levels(runs: Mapping[str, Episodes], baselines: Sequence[str]) -> dict[str, Any]:
    """Return the routers that say what deciding is worth, and their mean returns.

    The better constant and the strongest of `baselines` are chosen on these very episodes, so a
    gain over them is if anything understated.
    """

    def best(names: Sequence[str]) -> str:
        return max(names, key=lambda name: runs[name].returns().mean())

    worth = {"constant": best(CONSTANTS), "analytic": ANALYTIC, "strongest": best(baselines)}
    returns = {name: float(runs[name].returns().mean()) for name in worth.values()}
    return {**worth, "returns": returns}

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
    """A router with what its row of the table states: its parameters, and whether it is causal.

    One that is not knows more than a router could: it sees what is to come, or was chosen on the
    evaluation traces themselves.
    """

    router: Router
    parameters: Mapping[str, float]
    causal: bool = True


def compare(
    scenario: Scenario,
    source: TraceSource,
    seeds: Sequence[int],
    contenders: Sequence[Contender],
    savers: Mapping[str, Contender],
    reference: str,
    strongest: str,
    dials: Mapping[str, Dial],
    on_turn: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Return the figures of all contenders on identical traces.

    Args:
        scenario: the workload.
        source: gives each seed its trace.
        seeds: evaluation seeds, one an episode.
        contenders: the rows of the table; `reference`, `strongest`, both CONSTANTS and ANALYTIC
            are among them.
        savers: by name, routers tuned to a quality tolerance, compared with edge-only.
        reference: the contender that differences are taken to.
        strongest: the contender that did best where parameters were fitted; see `levels`.
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
    worth = levels(runs, strongest)
    within_s = deadline_s(scenario, runs["edge"])
    for name, row in rows.items():
        row["goodput"] = goodput(runs[name], within_s)
        row["over_constant"] = interval(runs[name].returns() - runs[worth["constant"]].returns())
        row["over_analytic"] = interval(runs[name].returns() - runs[ANALYTIC].returns())
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


def levels(runs: Mapping[str, Episodes], strongest: str) -> dict[str, Any]:
    """Return what deciding is worth: the best constant, the analytic rule, the strongest router.

    The constant is the better of the two on these very episodes, so the gains over it are if
    anything understated; `strongest` was chosen on training seeds. All gains are paired: of the
    analytic rule and of the strongest router over the constant, and of the second over the first.
    """
    constant = max(CONSTANTS, key=lambda name: runs[name].returns().mean())
    returns = {name: runs[name].returns() for name in (constant, ANALYTIC, strongest)}
    return {
        "constant": constant,
        "strongest": strongest,
        "returns": {name: float(values.mean()) for name, values in returns.items()},
        "analytic_gain": interval(returns[ANALYTIC] - returns[constant]),
        "strongest_gain": interval(returns[strongest] - returns[constant]),
        "further_gain": interval(returns[strongest] - returns[ANALYTIC]),
    }

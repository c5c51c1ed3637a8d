"""Compare routers on one scenario: paired runs, figures, differences, savings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgeroute_env.evaluation.episodes import Episodes, episodes_of, generators
from edgeroute_env.evaluation.literature import Dial, curve, deadline_s, gap_closed, goodput
from edgeroute_env.evaluation.metrics import difference, figures, interval, saving
from edgeroute_env.evaluation.statistics import holm, paired_p
from edgeroute_env.parallel import Plan, Step, Task
from edgeroute_env.routing import Bound, Role, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.sources import Pinned, TraceSource

Runs = Mapping[str, Episodes]
On = tuple[Scenario, TraceSource, Sequence[int]]  # what routers run on, one episode a seed


@dataclass(frozen=True)
class Contender:
    """A router with what its row of the table states."""

    router: Router
    role: Role
    parameters: Mapping[str, float] = field(default_factory=dict)
    fingerprint: str = ""  # of a trained policy: a hash of all that decides
    bare_rule: str = ""  # of a trained policy that is no more than the rule it started from

    @property
    def name(self) -> str:
        """The router's name in tables."""
        return self.router.name


@dataclass(frozen=True)
class Yardsticks:
    """The names of the contenders that others are measured by."""

    reference: str  # differences are taken to it
    edge_only: str  # sends every turn to the edge; savings are shares of what it spends
    analytic: str  # the fitted rule that stands for what a formula can do
    papers_rule: str  # the rule whose savings over static routers the paper states


def compare(
    scenario: Scenario,
    source: TraceSource,
    seeds: Sequence[int],
    contenders: Sequence[Contender],
    savers: Mapping[str, Contender],
    dials: Mapping[str, Dial],
    by: Yardsticks,
) -> Plan[dict[str, Any]]:
    """Plan what `Results` holds of all contenders on identical traces, one episode a seed.

    `contenders` are the rows of the table; two constants and, but for the paper's rule, all that
    `by` names are among them. By name, `savers` are routers tuned to a quality tolerance, and
    `dials` contenders that one parameter moves between the sides.
    """
    pinned = Pinned(source, generators(seeds))
    runs, saved, bounds, curves = yield from _run(
        contenders, savers, dials, (scenario, pinned, seeds)
    )
    edge = runs[by.edge_only]
    worth = _levels(runs, contenders, by.analytic)
    within_s = deadline_s(scenario, edge)
    rows = {contender.name: _row(contender, runs, by.reference) for contender in contenders}
    for name, found in bounds.items():
        rows[name] |= found
    _test(rows, runs, by.reference)
    bound = next((runs[each.name] for each in contenders if each.role is Role.BOUND), None)
    for name, row in rows.items():
        row["goodput"] = goodput(runs[name], within_s)
        for beaten in ("constant", "analytic", "strongest"):
            theirs = runs[worth[beaten]].returns()
            row[f"over_{beaten}"] = interval(runs[name].returns() - theirs)
        if bound is not None:
            row["gap_closed"] = gap_closed(runs[name], runs[worth["constant"]], bound)
    savings = {
        name: {"parameters": dict(saver.parameters), **saving(saved[name], edge)}
        for name, saver in savers.items()
    }
    return {
        "reference": by.reference,
        "edge_only": by.edge_only,
        "routers": rows,
        "savings": savings,
        "levels": worth,
        "goodput_within_s": within_s,
        "curves": curves,
        "against_static": {
            "rule": by.papers_rule,
            "savings": _against_static(by.papers_rule, contenders, runs, saved),
        },
    }


def _run(
    contenders: Sequence[Contender],
    savers: Mapping[str, Contender],
    dials: Mapping[str, Dial],
    on: On,
) -> Plan[tuple[Runs, Runs, dict[str, Any], dict[str, Any]]]:
    """Plan the runs by name, those of savers, how bounds were found, and the curves.

    Bounds run last, so that they are never worse than the others.
    """
    bounds = [each for each in contenders if isinstance(each.router, Bound)]
    others = [each for each in contenders if not isinstance(each.router, Bound)]
    scenario, *_ = on
    told = f"on {scenario.name}"
    turns = scenario.workload.turns
    found = yield [
        Task(f"{each.name} {told}", episodes_of, (each.router, *on), turns)
        for each in (*others, *savers.values())
    ]
    runs = {each.name: run for each, run in zip(others, found, strict=False)}
    saved = dict(zip(savers, found[len(others) :], strict=True))
    incumbents = [run.actions for run in found]
    found = yield [
        *(
            Task(f"{each.name} {told}", _bound, (each.router, incumbents, on), turns)
            for each in bounds
        ),
        *(
            Task(f"the curve of {name} {told}", _curve, (dial, on), turns * len(dial.settings))
            for name, dial in dials.items()
        ),
    ]
    runs |= {each.name: run for each, (run, _) in zip(bounds, found, strict=False)}
    searches = {each.name: how for each, (_, how) in zip(bounds, found, strict=False)}
    return runs, saved, searches, dict(zip(dials, found[len(bounds) :], strict=True))


def _bound(
    step: Step, router: Bound, incumbents: list[Any], on: On
) -> tuple[Episodes, dict[str, Any]]:
    """Return a bound's run, and how it was found."""
    router.incumbents = incumbents
    run = episodes_of(step, router, *on)
    return run, {"exact": router.exact, "found": dict(router.found)}


def _curve(step: Step, dial: Dial, on: On) -> dict[str, Any]:
    return curve(dial, *on)


def _row(contender: Contender, runs: Runs, reference: str) -> dict[str, Any]:
    """Return a router's figures."""
    own = runs[contender.name]
    return {
        "parameters": dict(contender.parameters),
        "role": contender.role.value,
        "bare_rule": contender.bare_rule,
        "figures": figures(own),
        "difference": difference(own, runs[reference]),
    }


def _test(rows: Mapping[str, Any], runs: Runs, reference: str) -> None:
    """Add to each row the p-value of its return's difference, alone and among all (Holm)."""
    returns = {name: run.returns() for name, run in runs.items()}
    others = [name for name in rows if name != reference]
    p_values = [paired_p(returns[name] - returns[reference]) for name in others]
    for name, alone, among_all in zip(others, p_values, holm(p_values), strict=True):
        rows[name]["p_value"], rows[name]["p_holm"] = alone, among_all


def _levels(runs: Runs, contenders: Sequence[Contender], analytic: str) -> dict[str, Any]:
    """Return the routers that say what deciding is worth, and their mean returns.

    The better constant and the strongest of the causal routers that were not trained are chosen on
    these very episodes, so a gain over them is if anything understated.
    """

    def best(eligible: Callable[[Role], bool]) -> str:
        names = [contender.name for contender in contenders if eligible(contender.role)]
        return max(names, key=lambda name: runs[name].returns().mean())

    worth = {
        "constant": best(lambda role: role is Role.CONSTANT),
        "analytic": analytic,
        "strongest": best(lambda role: role.causal and role is not Role.LEARNED),
    }
    returns = {name: float(runs[name].returns().mean()) for name in worth.values()}
    return {**worth, "returns": returns}


def _against_static(
    rule: str, contenders: Sequence[Contender], runs: Runs, saved: Runs
) -> dict[str, Any]:
    """Return what a rule saves over each router that is blind to the state.

    Both are tuned to the quality tolerance where they can be; nothing where the rule is not.
    """
    if rule not in saved:
        return {}
    static = [contender.name for contender in contenders if contender.role.state_blind]
    return {name: saving(saved[rule], saved.get(name, runs[name])) for name in static}

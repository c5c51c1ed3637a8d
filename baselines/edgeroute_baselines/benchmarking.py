"""Benchmark routers: fit what no stored fit is valid for, then compare all on the same traces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from edgeroute_baselines.bao import papers_rule
from edgeroute_baselines.fitted import (
    FITTED_ROUTERS,
    fingerprint,
    missing_plan,
    parameters,
)
from edgeroute_baselines.fitting import fit_in_hindsight
from edgeroute_baselines.length import TOKENS
from edgeroute_baselines.registry import ANALYTIC, EDGE_ONLY, make_router, router_names, spec
from edgeroute_baselines.static import SHARES
from edgeroute_env import InputError
from edgeroute_env.evaluation.compare import Contender, Yardsticks, compare
from edgeroute_env.evaluation.literature import Dial, thresholds
from edgeroute_env.evaluation.results import Results
from edgeroute_env.parallel import HERE, Plan, Step, Task, Workers, outcome
from edgeroute_env.routing import Role, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import TraceKind, drawn

STORED = "stored"  # what results say of fits where none was made for them


def benchmark(
    scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
    contenders: Sequence[str | Contender] = (),
    *,
    traces: TraceKind = "synthetic",
    episodes: int = 200,
    tolerance_points: float = 0.5,
    reference: str = EDGE_ONLY,
    earlier: Results | None = None,
    by: Workers = HERE,
) -> Results:
    """Compare routers of the registry, and others, on identical traces of one scenario.

    Parameters come from stored fits where these match the scenario and the data. Otherwise they are
    fitted on training seeds, which takes minutes, and kept in the user's data folder.

    `contenders` are names of the registry's routers (all of them where none is named; those that
    tables need run always) and learned policies and routers of one's own. A saving may cost
    `tolerance_points` of quality, in points of 100; differences are taken to `reference`. Results
    that answer this very question, `earlier`, are returned as they are. `by` says where the work is
    done; the results are the same.

    Raises:
        InputError: names what cannot be used.
    """
    asked = tolerance_points, reference, earlier
    return outcome(benchmark_plan(scenario, contenders, traces, episodes, *asked), by)


def benchmark_plan(
    scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
    contenders: Sequence[str | Contender],
    traces: TraceKind,
    episodes: int,
    tolerance_points: float,
    reference: str,
    earlier: Results | None,
) -> Plan[Results]:
    """Plan what `benchmark` does."""
    chosen = load_scenario(scenario)
    others = [each for each in contenders if isinstance(each, Contender)]
    own = _named(chosen, [each for each in contenders if isinstance(each, str)])
    names = [*own, *(other.name for other in others)]
    for name in names:
        if names.count(name) > 1:
            raise InputError("router", name, "routers with a name of their own each")
    if reference not in names:
        raise InputError("reference", reference, "one of " + ", ".join(names))
    if not 2 <= episodes <= len(EVALUATION_SEEDS):
        raise InputError("episodes", episodes, f"2 to {len(EVALUATION_SEEDS)}")
    seeds = EVALUATION_SEEDS[:episodes]
    asked: dict[str, Any] = {
        "traces": traces,
        "episodes": episodes,
        "tolerance_points": tolerance_points,
        "seeds": [seeds[0], seeds[-1]],
        "fingerprint": fingerprint(chosen, traces),
        "policies": {other.name: other.fingerprint for other in others},
        "scenario": chosen,
    }
    same = {**asked, "reference": reference}
    if (
        earlier is not None
        and list(earlier.routers) == names
        and all(getattr(earlier, key) == same[key] for key in same)
    ):
        return earlier
    entry, new = yield from missing_plan(chosen, traces, own, tolerance_points)
    assert entry is not None  # it holds the analytic rule's fit
    source = drawn(chosen, traces, "evaluation")
    late = [name for name in own if spec(name).role is Role.HINDSIGHT]
    (best,) = yield [
        Task(f"fits in hindsight to {chosen.name}", _in_hindsight, (late, chosen, source, seeds))
    ]
    rows = [_contender(name, best.get(name) or parameters(entry, name)) for name in own]
    savers = {
        name: _contender(name, parameters(entry, name, "within_tolerance"))
        for name in own
        if name in FITTED_ROUTERS
    }
    yardsticks = Yardsticks(reference, EDGE_ONLY, ANALYTIC, papers_rule(chosen))
    dials = {name: dial for name, dial in _dials(entry, savers).items() if name in own}
    contest = compare(chosen, source, seeds, [*rows, *others], savers, dials, yardsticks)
    compared = yield from contest
    return Results(**asked, fits=_in_words(new, own), **compared)


def _in_hindsight(step: Step, *asked: Any) -> dict[str, Any]:
    return fit_in_hindsight(*asked)


def _named(scenario: Scenario, asked: Sequence[str]) -> list[str]:
    """Return the routers to run, in the order of the tables: all where none is asked for.

    Tables need the constants, the static router of hindsight, the analytic rule and the paper's.
    """
    if not asked:
        return router_names()
    for name in asked:
        spec(name)  # refuses an unknown one
    needed = {*asked, ANALYTIC, papers_rule(scenario)}
    always = (Role.CONSTANT, Role.HINDSIGHT)
    return [name for name in router_names() if name in needed or spec(name).role in always]


def _in_words(new: Sequence[str], routers: Sequence[str]) -> str:
    """Return where the fits of some routers come from, `new` being those fitted now."""
    if not new:
        return STORED
    owners = {spec(name).parameters_of or name for name in routers}
    if set(new) >= owners.intersection(FITTED_ROUTERS):
        return "fitted in this run"
    return f"{STORED}; fitted in this run: {', '.join(new)}"


def _contender(name: str, chosen: Mapping[str, float]) -> Contender:
    """Return a router with its row's parameters.

    Where no setting keeps within the tolerance, the fit is to send everything to the edge.
    """
    falls_back = not chosen and name in FITTED_ROUTERS
    router = make_router(EDGE_ONLY if falls_back else name, chosen)
    return Contender(router, spec(name).role, chosen)


def _dials(entry: dict[str, Any], fitted: Iterable[str]) -> dict[str, Dial]:
    """Return how rules move between the sides: by theta, a coin by its share, by the length."""
    dials = {}
    for name in fitted:
        fit = parameters(entry, name)
        if "theta" in fit:
            dials[name] = Dial(_moved(name, "theta", fit), thresholds(fit["theta"]))
    # The coin is what any router has to beat, the prompt's length what a score has to.
    dials["random"] = Dial(_moved("static-split", "edge_share"), SHARES)
    dials["length-threshold"] = Dial(_moved("length-threshold", "tokens"), TOKENS)
    return dials


def _moved(
    name: str, parameter: str, fit: Mapping[str, float] | None = None
) -> Callable[[float], Router]:
    """Return what makes a router of one parameter, the others as fitted."""
    return lambda value: make_router(name, {**(fit or {}), parameter: value})

"""Benchmark routers: fit what no stored fit is valid for, then compare all on the same traces."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeroute_baselines.bao import papers_rule
from edgeroute_baselines.fitted import (
    FITTED_ROUTERS,
    fingerprint,
    fit_missing,
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
from edgeroute_env.routing import Role, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import TraceSource

OnStep = Callable[[str, int], None]  # the stage of the work, and its number of steps


def benchmark(
    scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
    others: Sequence[Contender] = (),
    *,
    traces: TraceKind = "synthetic",
    episodes: int = 200,
    tolerance_points: float = 0.5,
    reference: str = EDGE_ONLY,
    earlier: Results | None = None,
    on_step: OnStep = lambda stage, steps: None,
) -> Results:
    """Compare all routers of the registry, and others, on identical traces of one scenario.

    Parameters come from stored fits where these match the scenario and the data. Otherwise they are
    fitted on training seeds, which takes minutes, and kept in the user's data folder.

    `others` are learned policies and routers of one's own. A saving may cost `tolerance_points` of
    quality, in points of 100; differences are taken to `reference`. Results that answer this very
    question, `earlier`, are returned as they are. `on_step` is called after each step with the
    stage of the work and its number of steps.

    Raises:
        InputError: names what cannot be used.
    """
    chosen = load_scenario(scenario)
    names = [*router_names(), *(other.name for other in others)]
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
    if earlier is not None and all(getattr(earlier, key) == same[key] for key in same):
        return earlier
    entry, fits = _fitted(chosen, traces, tolerance_points, on_step)
    source = drawn(chosen, traces, "evaluation")
    compared = _compared(chosen, source, seeds, others, entry, reference, on_step)
    return Results(**asked, fits=fits, **compared)


def _fitted(
    scenario: Scenario, traces: TraceKind, tolerance_points: float, on_step: OnStep
) -> tuple[dict[str, Any], str]:
    """Return the fits of all routers, and where they come from in words."""
    entry, new = fit_missing(scenario, traces, FITTED_ROUTERS, tolerance_points, on_step)
    assert entry is not None  # all are fitted now
    in_words = "fitted in this run"
    if not new:
        return entry, "stored"
    if len(new) < len(FITTED_ROUTERS):
        in_words = f"stored; {in_words}: {', '.join(new)}"
    return entry, in_words


def _compared(
    scenario: Scenario,
    source: TraceSource,
    seeds: Sequence[int],
    others: Sequence[Contender],
    entry: dict[str, Any],
    reference: str,
    on_step: OnStep,
) -> dict[str, Any]:
    """Run all routers with their fits, `entry`, and return what `compare` does."""
    late = [name for name in router_names() if spec(name).role is Role.HINDSIGHT]
    best = fit_in_hindsight(late, scenario, source, seeds)
    contenders = [
        *(_contender(name, best.get(name) or parameters(entry, name)) for name in router_names()),
        *others,
    ]
    savers = {
        name: _contender(name, parameters(entry, name, "within_tolerance"))
        for name in FITTED_ROUTERS
    }
    steps = scenario.workload.turns * (len(contenders) + len(savers))
    by = Yardsticks(reference, EDGE_ONLY, ANALYTIC, papers_rule(scenario))
    on_turn = functools.partial(on_step, "evaluating", steps)
    return compare(scenario, source, seeds, contenders, savers, _dials(entry), by, on_turn)


def _contender(name: str, chosen: Mapping[str, float]) -> Contender:
    """Return a router with its row's parameters.

    Where no setting keeps within the tolerance, the fit is to send everything to the edge.
    """
    falls_back = not chosen and name in FITTED_ROUTERS
    router = make_router(EDGE_ONLY if falls_back else name, chosen)
    return Contender(router, spec(name).role, chosen)


def _dials(entry: dict[str, Any]) -> dict[str, Dial]:
    """Return how rules move between the sides: by theta, a coin by its share, by the length."""
    dials = {}
    for name in FITTED_ROUTERS:
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

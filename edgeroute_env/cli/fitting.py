"""How commands fit the routers that a scenario has no stored fit of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgeroute_env.cli.options import notes, working
from edgeroute_env.parallel import HERE, Workers
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind


def fit_on_the_spot(
    scenario: Scenario,
    traces: TraceKind,
    routers: Iterable[str],
    quiet: bool = False,
    by: Workers = HERE,
) -> dict[str, Any] | None:
    """Fit those routers that no stored fit is valid for, with a progress bar, and say so.

    Returns the entry that holds the fits of all of them, as `fit_missing` does.
    """
    from edgeroute_baselines.fitted import fit_missing

    with working(by, f"{scenario.name}: fitting", quiet) as (told, _):
        entry, new = fit_missing(scenario, traces, routers, by=told)
    say_fitted(scenario, traces, new)
    return entry


def say_fitted(scenario: Scenario, traces: TraceKind, new: Iterable[str]) -> None:
    """Say which routers were fitted in this run and where their fits are kept."""
    names = ", ".join(new)
    if names:
        say_kept(scenario, traces, f"fitted {names} to {scenario.name}")


def say_kept(scenario: Scenario, traces: TraceKind, fits: str) -> None:
    """Say where fits that were made now are kept, if they are; `fits` tells of them in words."""
    from edgeroute_baselines.fitted import own_file

    if (path := own_file(scenario, traces)).is_file():
        notes.print(f"{fits}; kept in {path}")

"""Routers side by side on one trace, as several commands show them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli.episode import ROUTER_HELP, chosen_router
from edgeroute_env.cli.options import console, resolved
from edgeroute_env.envs.setup import trace_source
from edgeroute_env.errors import InputError
from edgeroute_env.rendering.run import Run
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import TraceSource

MOST = 4  # routers
RoutersArgument = Annotated[
    list[str], typer.Argument(help=f"One to {MOST} of them. {ROUTER_HELP}", metavar="ROUTER...")
]


def begun(
    routers: list[str],
    scenario: str,
    seed: int,
    traces: str,
    trace: str | None,
    overrides: list[str] | None,
    quiet: bool,
) -> tuple[str, str, list[Run]]:
    """Return a title, what is shown in words, and a run of each router on the same trace."""
    if len(routers) > MOST:
        raise InputError("ROUTER", f"{len(routers)} routers", f"at most {MOST}")
    chosen, kind, why = resolved(scenario, overrides, traces)
    source, title, told = followed(chosen, seed, kind, why, trace)
    players = [
        chosen_router(name, chosen, kind, {}, None, scenario, overrides, quiet)[0]
        for name in routers
    ]
    return title, told, [Run(player, chosen, source, seed) for player in players]


def followed(
    scenario: Scenario, seed: int, kind: TraceKind, why: str, trace: str | None
) -> tuple[TraceSource, str, str]:
    """Return where an episode's trace comes from, a title, and what is shown in words.

    `trace` is a file; without one the seed's trace is drawn.
    """
    if trace is not None:
        title = f"{scenario.name}, trace {Path(trace).name}"
        return trace_source(scenario, trace), title, title
    title = f"{scenario.name}, seed {seed}"
    return drawn(scenario, kind), title, f"{title}, {kind} ({why})"


def tell_returns(routers: list[str], runs: list[Run]) -> None:
    """Print what each router has earned."""
    for name, run in zip(routers, runs, strict=True):
        turns = f"{len(run.past.turns)} turns" if run.over else "not to its end"
        console.print(f"{name}: return {run.past.total:+.3f}, {turns}")

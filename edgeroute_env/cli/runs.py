"""Routers side by side on one trace, as several commands show them."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeroute_env.cli.episode import ROUTER_HELP, chosen_router
from edgeroute_env.cli.options import console, resolved
from edgeroute_env.errors import InputError
from edgeroute_env.rendering.run import Run
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import drawn

MOST = 4  # routers
RoutersArgument = Annotated[
    list[str], typer.Argument(help=f"One to {MOST} of them. {ROUTER_HELP}", metavar="ROUTER...")
]


def begun(
    routers: list[str],
    scenario: str,
    seed: int,
    traces: str,
    overrides: list[str] | None,
    quiet: bool,
) -> tuple[Scenario, str, list[Run]]:
    """Return the scenario, what is shown in words, and a run of each router on a seed's trace."""
    if len(routers) > MOST:
        raise InputError("ROUTER", f"{len(routers)} routers", f"at most {MOST}")
    chosen, kind, why = resolved(scenario, overrides, traces)
    players = [
        chosen_router(name, chosen, kind, {}, None, scenario, overrides, quiet)[0]
        for name in routers
    ]
    source = drawn(chosen, kind)
    runs = [Run(player, chosen, source, seed) for player in players]
    return chosen, f"{chosen.name}, seed {seed}, {kind} ({why})", runs


def tell_returns(routers: list[str], runs: list[Run]) -> None:
    """Print what each router has earned."""
    for name, run in zip(routers, runs, strict=True):
        turns = f"{len(run.past.turns)} turns" if run.over else "not to its end"
        console.print(f"{name}: return {run.past.total:+.3f}, {turns}")

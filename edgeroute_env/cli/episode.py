"""`edgeroute run`: one episode, turn by turn."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeroute_env.cli.options import (
    ScenarioOption,
    SetOption,
    TracesOption,
    chosen_scenario,
    chosen_traces,
    console,
    notes,
)
from edgeroute_env.envs.edge_route import EdgeRouteEnv
from edgeroute_env.errors import InputError
from edgeroute_env.routing import Insider, Learner

PARAMETER_HELP = "A parameter of the router, e.g. theta=0.3; default: the stored fit."


def run(
    scenario: ScenarioOption = "paper",
    router: Annotated[str, typer.Option(help="A router's name.")] = "bao-multi-queue",
    parameter: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help=PARAMETER_HELP)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the episode.")] = 0,
    traces: TracesOption = "synthetic",
    trace: Annotated[str | None, typer.Option(help="Replay this trace file instead.")] = None,
    overrides: SetOption = None,
) -> None:
    """Play one episode with a router and print it turn by turn."""
    from baselines import make_router
    from baselines.fitted import stored_parameters
    from baselines.registry import kind

    chosen = chosen_scenario(scenario, overrides)
    traces_kind, why = chosen_traces(chosen, traces)
    given = _parsed(parameter or [])
    if not given:
        found = stored_parameters(chosen, traces_kind, router)
        if found is None:
            allowed = f"{', '.join(kind(router).parameters)} (no stored fit matches this scenario)"
            raise InputError("--param", "none", allowed)
        given = found
    chooser = make_router(router, given)
    if isinstance(chooser, Insider | Learner):
        allowed = "a router that decides by observations alone (edgeroute benchmark runs all)"
        raise InputError("--router", router, allowed)
    env = EdgeRouteEnv(chosen, traces=trace or traces_kind, render_mode="ansi")
    notes.print(f"{chosen.name} · {trace or traces_kind} trace ({why}) · {router} {given or ''}")
    observation, _ = env.reset(seed=seed)
    chooser.reset(1)
    total, ended, turns = 0.0, False, 0
    while not ended:
        action = int(chooser.route(observation[None])[0])
        observation, reward, terminated, truncated, _ = env.step(action)
        console.print(env.render(), highlight=False, markup=False, soft_wrap=True)
        total, turns, ended = total + reward, turns + 1, terminated or truncated
    console.print(f"return {total:.3f} over {turns} turns")


def _parsed(assignments: list[str]) -> dict[str, float]:
    values = {}
    for assignment in assignments:
        name, _, text = assignment.partition("=")
        try:
            values[name] = float(text)
        except ValueError:
            raise InputError("--param", assignment, "NAME=NUMBER, e.g. theta=0.3") from None
    return values

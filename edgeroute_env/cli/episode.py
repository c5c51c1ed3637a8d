"""`edgeroute run`: one episode, turn by turn."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.fitting import fit_on_the_spot
from edgeroute_env.cli.options import console, resolved, set_again
from edgeroute_env.cli.own_router import OWN, is_own, own_router
from edgeroute_env.cli.turn_line import heading, turn_line
from edgeroute_env.envs.edge_route import EdgeRouteEnv
from edgeroute_env.errors import InputError
from edgeroute_env.routing import Insider, Learner, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind

ROUTER_HELP = f"A router's name, or one of your own: {OWN}."
PARAMETER_HELP = "A parameter of the router, e.g. theta=0.3; default: the stored fit."


def run(
    scenario: options.ScenarioOption = "paper",
    router: Annotated[str, typer.Option(help=ROUTER_HELP)] = "bao-multi-queue",
    parameter: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help=PARAMETER_HELP)
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="A file of edgeroute train's.")] = None,
    seed: options.SeedOption = 0,
    traces: options.TracesOption = "auto",
    trace: options.TraceOption = None,
    overrides: options.SetOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Play one episode with a router and print it turn by turn.

    Times are of arrival, latency and first token (`first`); `refused`: the quota was spent, and the
    phone answered instead.

    `ppo` is the policies that come with the package; --policy takes one of your own, of any
    algorithm that edgeroute train knows.
    """
    chosen, traces_kind, why = resolved(scenario, overrides, traces)
    chooser, given = chosen_router(
        router, chosen, traces_kind, _parsed(parameter or []), policy, scenario, overrides, quiet
    )
    env = EdgeRouteEnv(chosen, traces=trace or traces_kind)
    shown = f"trace {trace}" if trace else f"{traces_kind} traces, {why}"
    console.print(f"{chosen.name} · {shown} · {router} {given or ''}".rstrip())
    console.print(heading())
    observation, _ = env.reset(seed=seed)
    chooser.reset(1)
    followed = env.trace.columns
    total, ended, turns = 0.0, False, 0
    while not ended:
        action = int(chooser.route(observation[None])[0])
        observation, reward, terminated, truncated, info = env.step(action)
        turn = {name: column[turns] for name, column in followed.items()}
        console.print(turn_line(turn, reward, info), soft_wrap=True)
        total, turns, ended = total + reward, turns + 1, terminated or truncated
    console.print(f"return {total:.3f} over {turns} turns")


def chosen_router(
    router: str,
    scenario: Scenario,
    traces: TraceKind,
    given: dict[str, float],
    policy: Path | None,
    source: str,
    overrides: list[str] | None,
    quiet: bool,
) -> tuple[Router, dict[str, float]]:
    """Return the router that a name on the command line stands for, and its parameters.

    `source` is what the command line calls the scenario.
    """
    from edgeroute_agents import learned_names
    from edgeroute_baselines import make_router

    if router in learned_names():
        if given:
            raise InputError("--param", ", ".join(given), f"none: {router} has learned its own")
        chooser: Router = _learned(router, scenario, source, overrides, policy)
    elif policy is not None:
        allowed = f"given with --router {' or '.join(learned_names())} alone"
        raise InputError("--policy", str(policy), allowed)
    elif is_own(router):
        chooser = own_router(router)
    else:
        given = given or _fitted(router, scenario, traces, quiet)
        chooser = make_router(router, given)
    if isinstance(chooser, Insider | Learner):
        allowed = "a router that decides by observations alone (edgeroute benchmark runs all)"
        raise InputError("--router", router, allowed)
    return chooser, given


def _learned(
    name: str,
    scenario: Scenario,
    source: str,
    overrides: list[str] | None,
    policy: Path | None,
) -> Router:
    """Return a learned router; InputError tells how to train one that is not packaged."""
    from edgeroute_agents import learned_router, packaged

    if policy is None and name not in [each.name for each in packaged(scenario)]:
        train = shlex.join(["edgeroute", "train", name, "-s", source, *set_again(overrides)])
        allowed = f"a packaged policy's scenario, or --policy FILE; to make one: {train}"
        raise InputError("scenario", scenario.name, allowed)
    return learned_router(name, scenario, policy)


def _fitted(name: str, scenario: Scenario, traces: TraceKind, quiet: bool) -> dict[str, float]:
    """Return a router's parameters, fitted now where no stored fit is valid."""
    from edgeroute_baselines.fitted import parameters
    from edgeroute_baselines.registry import spec

    if spec(name).parameters and not spec(name).role.causal:
        raise InputError("--param", "none", ", ".join(spec(name).parameters))
    entry = fit_on_the_spot(scenario, traces, [name], quiet)
    return dict(parameters(entry or {}, name))  # no entry: it has none


def _parsed(assignments: list[str]) -> dict[str, float]:
    values = {}
    for assignment in assignments:
        name, _, text = assignment.partition("=")
        try:
            values[name] = float(text)
        except ValueError:
            raise InputError("--param", assignment, "NAME=NUMBER, e.g. theta=0.3") from None
    return values

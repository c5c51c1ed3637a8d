"""`edgeroute report`: benchmark results as figures and one page that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.contenders import (
    OwnRoutersOption,
    PoliciesOption,
    own_policies,
    policy_contender,
)
from edgeroute_env.cli.options import notes
from edgeroute_env.cli.own_router import own_contender
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation.compare import Contender
from edgeroute_env.evaluation.results import Results, read_results
from edgeroute_env.files import open_folder
from edgeroute_env.routing import Router

if TYPE_CHECKING:
    from edgeroute_agents.front import Front


def report(
    results: Annotated[Path, typer.Argument(help="A results.json, or the folder with one.")],
    scenarios: Annotated[
        list[str] | None, typer.Option("--scenario", help="Only this one; may be repeated.")
    ] = None,
    own_routers: OwnRoutersOption = None,
    policies: PoliciesOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page and its figures; default: beside.")
    ] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Write report.html, self-contained, and its figures as PNG and SVG files.

    The routers that figures show run again on the stored seeds with the stored parameters. A router
    or policy of yours is in the tables and the first picture; to have it in all figures and in the
    replay, give it as to the benchmark.
    """
    from edgeroute_env.evaluation.report.episode import replayed
    from edgeroute_env.evaluation.report.page import PAGE, write_report
    from edgeroute_env.evaluation.report.turns import turns_of

    made_by, found = read_results(results)
    for name in scenarios or ():
        if name not in found:
            raise InputError("--scenario", name, "one of " + ", ".join(found))
    own = [own_contender(text) for text in own_routers or []]
    own += map(policy_contender, own_policies(policies or [], [r.scenario for r in found.values()]))
    _refuse_others(own, found)
    folder = out or (results if results.is_dir() else results.parent) / "report"
    open_folder(folder, (PAGE,), overwrite)
    routers = {name: _routers(found[name], own) for name in scenarios or found}
    turns = {name: turns_of(found[name], those) for name, those in routers.items()}
    first = next(iter(routers))
    replay = replayed(found[first], routers[first])
    fronts = {name: front for name in turns if (front := _front(found[name], routers[name]))}
    notes.print(f"written: {write_report(folder, made_by, found, turns, replay, fronts)}")


def _front(results: Results, routers: Mapping[str, Router]) -> Front | None:
    """Return the packaged Pareto front of a scenario, where the routers it is of are shown."""
    from edgeroute_agents.front import packaged_front

    found = packaged_front(results.scenario) if results.traces == "synthetic" else None
    return found if found is not None and set(found) <= set(routers) else None


def _refuse_others(own: Sequence[Contender], found: Mapping[str, Results]) -> None:
    """Raise InputError for what no result is of."""
    for each in own:
        if not any(each.fingerprint == r.policies.get(each.name) for r in found.values()):
            allowed = "what was compared, unchanged and named in the same way; benchmark it again"
            raise InputError("--router or --policy", each.name, allowed)


def _routers(results: Results, own: Sequence[Contender]) -> dict[str, Router]:
    """Make the routers that figures show as they were.

    Policies and routers of one's own only where they are at hand and still the same.
    """
    from edgeroute_agents import packaged
    from edgeroute_baselines import make_router

    offered = [*map(policy_contender, packaged(results.scenario)), *own]
    at_hand = {(each.name, each.fingerprint): each.router for each in offered}
    found: dict[str, Router] = {}
    for name in results.telling():
        if name not in results.policies:
            found[name] = make_router(name, results.routers[name]["parameters"])
        elif (name, results.policies[name]) in at_hand:
            found[name] = at_hand[name, results.policies[name]]
    return found

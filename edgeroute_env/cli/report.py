"""`edgeroute report`: benchmark results as figures and one page that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.options import notes
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation.results import Results, read_results
from edgeroute_env.files import open_folder
from edgeroute_env.routing import Role, Router


def report(
    results: Annotated[Path, typer.Argument(help="A results.json, or the folder with one.")],
    scenarios: Annotated[
        list[str] | None, typer.Option("--scenario", help="Only this one; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page and its figures; default: beside.")
    ] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Write report.html, self-contained, and its figures as PNG and SVG files.

    The routers that figures show run again on the stored seeds with the stored parameters.
    """
    from edgeroute_env.evaluation.report.page import PAGE, write_report
    from edgeroute_env.evaluation.report.turns import turns_of

    made_by, found = read_results(results)
    for name in scenarios or ():
        if name not in found:
            raise InputError("--scenario", name, "one of " + ", ".join(found))
    folder = out or (results if results.is_dir() else results.parent) / "report"
    open_folder(folder, (PAGE,), overwrite)
    turns = {name: turns_of(found[name], _routers(found[name])) for name in scenarios or found}
    notes.print(f"written: {write_report(folder, made_by, found, turns)}")


def _routers(results: Results) -> dict[str, Router]:
    """Make the routers that figures show as they were; a policy only where it still is the same."""
    from edgeroute_agents import packaged
    from edgeroute_baselines import make_router

    policies = {policy.name: policy for policy in packaged(results.scenario)}
    found: dict[str, Router] = {}
    for name in results.telling():
        if results.role(name) is not Role.LEARNED:
            found[name] = make_router(name, results.routers[name]["parameters"])
        elif name in policies and results.policies[name] == policies[name].fingerprint():
            found[name] = policies[name]
    return found

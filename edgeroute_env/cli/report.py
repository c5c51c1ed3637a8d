"""`edgeroute report`: benchmark results as figures and one page that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeroute_env.cli.options import OverwriteOption, notes
from edgeroute_env.errors import InputError
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario

# What figures show: the constants, the paper's rules and ours, what plans; then the strongest and
# what has learned.
SHOWN = ("device", "edge", "bao-single", "bao-multi", "bao-multi-queue", "rollout", "clairvoyant")


def report(
    results: Annotated[Path, typer.Argument(help="A results.json, or the folder with one.")],
    workloads: Annotated[
        list[str] | None, typer.Option("--workload", help="Only this one; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page and its figures; default: beside.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write report.html, self-contained, and its figures as PNG and SVG files.

    The routers that figures show run again on the stored seeds with the stored parameters.
    """
    from edgeroute_env.evaluation.report.data import read_results, turns_of
    from edgeroute_env.evaluation.report.page import PAGE, write_report

    found = read_results(results)
    names = list(found["workloads"])
    for name in workloads or ():
        if name not in names:
            raise InputError("--workload", name, "one of " + ", ".join(names))
    folder = out or (results if results.is_dir() else results.parent) / "report"
    if (folder / PAGE).exists() and not overwrite:
        raise InputError("--out", str(folder), f"a folder without {PAGE}, or --overwrite")
    turns: dict[str, Any] = {}
    for name in workloads or names:
        result = found["workloads"][name]
        turns[name] = turns_of(result, _routers(result))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", str(folder), f"a usable folder ({error})") from None
    notes.print(f"written: {write_report(folder, found, turns)}")


def _routers(result: Mapping[str, Any]) -> dict[str, Router]:
    """Make the routers that figures show as they were; a policy only where it still is the same."""
    from edgeroute_agents import packaged
    from edgeroute_baselines import make_router

    rows = result["routers"]
    asked = dict.fromkeys((*SHOWN, result["levels"]["strongest"]))
    found = {name: make_router(name, rows[name]["parameters"]) for name in asked if name in rows}
    for policy in packaged(Scenario.model_validate(result["scenario"])):
        if result["policies"].get(policy.name) == policy.fingerprint():
            found[policy.name] = policy
    return found

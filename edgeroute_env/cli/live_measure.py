"""`edgeroute live check`, `calibrate`, `compare` and `link`: real servers measured."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from edgeroute_env.cli import options
from edgeroute_env.cli.options import console, notes
from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import open_folder, refuse_overwrite, replacing

if TYPE_CHECKING:
    from edgeroute_live.timing import Endpoint

SIDES = ("device", "edge")
KEYS = {side: f"EDGEROUTE_{side.upper()}_KEY" for side in SIDES}
DeviceOption = Annotated[
    str, typer.Option("--device", help="Base URL of the small model's server, with /v1.")
]
EdgeOption = Annotated[
    str, typer.Option("--edge", help="Base URL of the large model's server, with /v1.")
]
DeviceModelOption = Annotated[str, typer.Option(help="Its model, if it lists several.")]
EdgeModelOption = Annotated[str, typer.Option(help="Its model, if it lists several.")]


def check(
    device: DeviceOption,
    edge: EdgeOption,
    device_model: DeviceModelOption = "",
    edge_model: EdgeModelOption = "",
) -> None:
    """Look at what both servers can do: models, streaming, usage, template, cache, metrics.

    Keys are read from EDGEROUTE_DEVICE_KEY and EDGEROUTE_EDGE_KEY. Exit code 1 if a model is not
    listed, does not stream, tells no usage, or has a wrong chat template.
    """
    with needs("real requests", "live"):
        from edgeroute_live.checking import check as checked
        from edgeroute_live.timing import reached

    lacking = 0
    for side, endpoint in _endpoints(device, edge, device_model, edge_model).items():
        findings = asyncio.run(reached(endpoint, checked, side))
        table = Table(title=f"{side}: {endpoint.model}", title_justify="left", box=None)
        for column in ("", "", "seen"):
            table.add_column(column, overflow="fold")
        for finding in findings:
            table.add_row("ok" if finding.good else "--", finding.what, finding.seen)
            lacking += not finding.good and finding.needed
        console.print(table)
    if lacking:
        notes.print(f"{lacking} of these must be mended first")
        raise typer.Exit(1)


def calibrate(
    device: DeviceOption,
    edge: EdgeOption,
    out: Annotated[Path, typer.Option(help="The scenario file to write.")] = Path("my-models.yaml"),
    device_model: DeviceModelOption = "",
    edge_model: EdgeModelOption = "",
    longest_tokens: Annotated[
        int, typer.Option(min=128, max=131_072, help="Longest prompt that is sent.")
    ] = 2048,
    repeats: Annotated[int, typer.Option(min=2, max=100, help="Times each length is sent.")] = 3,
    at_once: Annotated[
        int, typer.Option(min=1, max=256, help="Most requests that the edge gets at once.")
    ] = 8,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Measure both servers with a few dozen requests each and write a scenario.

    Measure on a machine that does nothing else. Keys are read as in `check`. The scenario extends
    the base `measured`; what the measurements cannot tell stays as there, and the file says so.
    """
    with needs("real requests", "live"):
        from edgeroute_live.calibrating import calibrate as calibrated
        from edgeroute_live.calibrating.measure import Plan
        from edgeroute_live.calibrating.written import findings, scenario_name, scenario_text

    name = scenario_name(out)
    refuse_overwrite(out, overwrite)
    plan = Plan(longest_tokens, repeats, at_once)
    fits = {}
    endpoints = _endpoints(device, edge, device_model, edge_model)
    for side, endpoint in endpoints.items():
        with notes.status(f"{side}: measuring") if not quiet else _nothing() as status:

            def tell(line: str, side: str = side, status: Status | None = status) -> None:
                if status is not None:
                    status.update(f"{side}: {line}")

            fits[side] = asyncio.run(calibrated(endpoint, side, plan, tell))
    models = {side: endpoint.model for side, endpoint in endpoints.items()}
    with replacing(out) as part:
        part.write_text(scenario_text(name, models, fits), encoding="utf-8")
    table = Table(title="measured", title_justify="left", box=None)
    for column in ("side", "constant", "value", "95 %"):
        table.add_column(column)
    for side, fit in fits.items():
        for row in findings(side, fit):
            table.add_row(*row)
    console.print(table)
    asked = sum(fit.requests for fit in fits.values())
    notes.print(f"{asked} requests; what is not told stays as in the base `measured`")
    notes.print(f"written: {out}; next: edgeroute fit --scenario {out}")

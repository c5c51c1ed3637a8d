"""`edgeroute live check`, `calibrate`, `compare` and `link`: real servers measured."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.options import chosen_scenario, console, notes
from edgeroute_env.errors import InputError, needs
from edgeroute_env.evaluation.tables import blank
from edgeroute_env.files import open_folder, refuse_overwrite, replacing

if TYPE_CHECKING:
    from edgeroute_live.timing import Endpoint

SIDES = ("device", "edge")
DeviceOption = Annotated[
    str, typer.Option("--device", help="Base URL of the small model's server, with /v1.")
]
EdgeOption = Annotated[
    str, typer.Option("--edge", help="Base URL of the large model's server, with /v1.")
]
DeviceModelOption = Annotated[str, typer.Option(help="The device's model, if there are several.")]
EdgeModelOption = Annotated[str, typer.Option(help="The edge's model, if there are several.")]


def check(
    device: DeviceOption,
    edge: EdgeOption,
    device_model: DeviceModelOption = "",
    edge_model: EdgeModelOption = "",
) -> None:
    """Look at what both servers can do: models, streaming, usage, template, cache, metrics.

    Keys are read from EDGEROUTE_DEVICE_KEY and EDGEROUTE_EDGE_KEY. Exit code 1 if something is
    missing that routing needs: the model, streaming, usage, a plausible chat template.
    """
    with needs("real requests", "live"):
        from edgeroute_live.checking import check as checked
        from edgeroute_live.timing import reached

    endpoints = _endpoints(device, edge, device_model, edge_model)
    lacking = []
    for side, endpoint in endpoints.items():
        findings = asyncio.run(reached(endpoint, checked, side))
        table = blank(f"{side}: {endpoint.model}", names=("", "", "seen"))
        for finding in findings:
            mark = "ok  " if finding.good else "--  "
            table.add_row(mark, f"{finding.what}  ", finding.seen)
        console.print(table)
        lacking += [f"{side}: {f.what}" for f in findings if f.needed and not f.good]
    if lacking:
        notes.print(f"to be mended first: {', '.join(lacking)}")
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

    Measure on machines that do nothing else. Keys are read as by `check`. The scenario extends the
    base `measured`; what the measurements do not tell stays as it is there, and the file says so.
    """
    with needs("real requests", "live"):
        from edgeroute_live.calibrating import calibrate as calibrated
        from edgeroute_live.calibrating.measure import Plan
        from edgeroute_live.calibrating.written import findings, scenario_name, scenario_text

    name = scenario_name(out)
    refuse_overwrite(out, overwrite)
    endpoints = _endpoints(device, edge, device_model, edge_model)
    plan, fits = Plan(longest_tokens, repeats, at_once), {}
    for side, endpoint in endpoints.items():

        def tell(stage: str, side: str = side) -> None:
            if not quiet:
                notes.print(f"{side}: {stage}")

        fits[side] = asyncio.run(calibrated(endpoint, side, plan, tell))
    models = {side: endpoint.model for side, endpoint in endpoints.items()}
    with replacing(out) as part:
        part.write_text(scenario_text(name, models, fits), encoding="utf-8")
    table = blank(names=("side", "constant"), wide=("value", "95 %"))
    for side, fit in fits.items():
        for row in findings(side, fit):
            table.add_row(*(f"{cell}  " for cell in row))
    console.print(table)
    asked = sum(fit.requests for fit in fits.values())
    notes.print(f"{asked} requests; what was not told stays as in the base `measured`")
    notes.print(f"written: {out}; next: edgeroute fit --scenario {out}")


def compare(
    logs: Annotated[list[Path], typer.Argument(help="Logs that edgeroute live serve wrote.")],
    scenario: Annotated[
        str, typer.Option("--scenario", "-s", help="The scenario that predicts: a YAML file.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for page, plot and figures.")] = Path("compare"),
    overrides: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Hold predicted against measured times, for the first token and the whole answer.

    Each row of the table knows what the rows above it know, and one thing more: the tokens of the
    chat template, the server's own count, the cache that it reported, the speed of earlier turns.
    """
    with needs("real requests", "live"):
        from edgeroute_live.comparing import FEWEST, PAGE, TIMES, causes, errors, finding, write
        from edgeroute_live.log import read_log
        from edgeroute_live.predicting import STEPS, predict

    chosen = chosen_scenario(scenario, overrides)
    turns = read_log(logs)
    found = predict(turns, chosen)
    told = errors(found)
    if not told:
        allowed = f"at least {FEWEST} turns of a side that streamed and told its usage"
        raise InputError("LOG", f"{len(found)} of {len(turns)} turns", allowed)
    open_folder(out, (PAGE,), overwrite)
    console.print(finding(told))
    console.print(f"{chosen.name}: {len(found)} of {len(turns)} turns can be compared")
    for side, time in dict.fromkeys((e.side, e.time) for e in told):
        rows = [e for e in told if (e.side, e.time) == (side, time)]
        title = f"{side}, {TIMES[time]} ({rows[0].turns} turns)"
        table = blank(title, names=("prediction",), wide=("error", "95 %", "bias", "R2"))
        for e in rows:
            cells = (f"{e.mape:.1%}", f"{e.low:.1%} to {e.high:.1%}", f"{e.bias:+.1%}")
            table.add_row(e.step, *(f"   {cell}" for cell in (*cells, f"{e.r2:.2f}")))
        console.print(table)
    by_cause = blank("error by cause, in points", names=("side", "time"), wide=(*STEPS[1:], "rest"))
    for side, time, taken in causes(told):
        by_cause.add_row(f"{side} ", f"{TIMES[time]} ", *(f"  {100.0 * t:.1f}" for t in taken))
    console.print(by_cause)
    source = f"{', '.join(map(str, logs))}, predicted by {chosen.name}"
    notes.print(f"written: {write(out, source, found, told)}")


def link(
    to: Annotated[str, typer.Option(help="Where connections go: HOST:PORT.")],
    trace: Annotated[Path, typer.Option(help="A table of run, time_s and snr_db.")],
    run: Annotated[int, typer.Option(min=0, help="Which run of the table.")] = 0,
    listen: Annotated[str, typer.Option(help="Where to listen: HOST:PORT.")] = "127.0.0.1:8200",
    scenario: options.ScenarioOption = "paper",
    overrides: options.SetOption = None,
) -> None:
    """Give a TCP connection the rate and delay of a radio link that follows an SNR trace.

    Bandwidths and round trip are those of the scenario's radio. The trace begins again at its end.
    """
    with needs("real requests", "live"):
        from edgeroute_live.link import Link, airs, one_run

    from edgeroute_env.recordings.shapes import SnrRuns
    from edgeroute_env.recordings.tables import read_recording

    behind, here = _address("--to", to), _address("--listen", listen)
    radio = chosen_scenario(scenario, overrides).radio
    up, down = airs(radio, *one_run(read_recording(SnrRuns, trace), run))
    passing = Link(up, down, radio.rtt_floor_s + radio.rtt_excess_mean_s, behind)

    async def serve() -> None:
        try:
            port = await passing.start(*here)
        except OSError as error:
            allowed = f"an address that is free ({error.strerror or error})"
            raise InputError("--listen", listen, allowed) from None
        notes.print(f"listening on {here[0]}:{port}, passing on to {to}; end it with Ctrl-C")
        await passing.serve()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


def _address(option: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise InputError(option, text, "HOST:PORT, such as 127.0.0.1:8200")
    return host, int(port)


def _endpoints(device: str, edge: str, device_model: str, edge_model: str) -> dict[str, Endpoint]:
    """Return both sides' endpoints, each with a model that its server lists."""
    from edgeroute_live.checking import chosen_model
    from edgeroute_live.timing import Client, Endpoint, reached

    found = {}
    given = zip(SIDES, (device, edge), (device_model, edge_model), strict=True)
    for side, url, model in given:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"--{side}", url, "a base URL, such as http://127.0.0.1:8080/v1")
        key = os.environ.get(f"EDGEROUTE_{side.upper()}_KEY", "")
        endpoint = Endpoint(url, model, key)
        listed = asyncio.run(reached(endpoint, Client.models, side))
        name = chosen_model([entry["id"] for entry in listed], model, side)
        found[side] = Endpoint(url, name, key)
    return found

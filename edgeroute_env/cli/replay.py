"""`edgeroute replay`: routers side by side on one trace, as a page to scrub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.options import console, progress
from edgeroute_env.cli.runs import RoutersArgument, begun, tell_returns
from edgeroute_env.errors import InputError
from edgeroute_env.files import refuse_overwrite, replacing
from edgeroute_env.rendering.replay.page import write_page
from edgeroute_env.rendering.replay.perfetto import trace as traced
from edgeroute_env.rendering.replay.record import moments, record

PERFETTO_HELP = "Write a trace for Perfetto's viewer, ui.perfetto.dev, too."


def replay(
    routers: RoutersArgument,
    scenario: options.ScenarioOption = "paper",
    seed: options.SeedOption = 0,
    traces: options.TracesOption = "auto",
    trace: options.TraceOption = None,
    overrides: options.SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The page, one HTML file that needs no network.")
    ] = Path("replay.html"),
    perfetto: Annotated[Path | None, typer.Option(metavar="FILE", help=PERFETTO_HELP)] = None,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Write an episode as a page: scrub its turns, see why each went where it went.

    Routers stand side by side on the same trace. In the page, arrow keys step and space plays. For
    example: edgeroute replay bao-multi-queue ppo --seed 7 -o both.html
    """
    files = [out] if perfetto is None else [out, perfetto]
    for file in files:
        refuse_overwrite(file, overwrite)
    if perfetto is not None and perfetto.absolute() == out.absolute():
        raise InputError("--perfetto", str(perfetto), "another file than --out")
    title, told, runs = begun(routers, scenario, seed, traces, trace, overrides, quiet)
    with progress(quiet) as bar:
        task = bar.add_task(f"replay: {title}", total=len(runs) * runs[0].length)
        episodes = [moments(run, lambda: bar.advance(task)) for run in runs]
    write_page(out, record(title, episodes))
    if perfetto is not None:
        with replacing(perfetto) as part:
            part.write_text(json.dumps(traced(episodes)), encoding="utf-8")
    console.print(f"{told}: {', '.join(map(str, files))}", soft_wrap=True)
    tell_returns(routers, runs)

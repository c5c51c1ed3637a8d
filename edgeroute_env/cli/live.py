"""`edgeroute live`: real requests, routed, logged and made into traces."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from edgeroute_env.cli import live_measure
from edgeroute_env.cli.options import (
    OverwriteOption,
    ScenarioOption,
    SetOption,
    chosen_scenario,
    console,
    notes,
)
from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import refuse_overwrite, replacing, writing
from edgeroute_env.tables_io import write_frame

if TYPE_CHECKING:
    from edgeroute_live.proxy import Proxy

app = typer.Typer(help="Route real requests between two servers.", no_args_is_help=True)


@app.command("serve")
def serve(
    settings: Annotated[Path, typer.Argument(help="A YAML file: both sides, scenario, router.")],
) -> None:
    """Serve one OpenAI-compatible address; each turn goes where the router says."""
    with needs("edgeroute live", "live"):
        import aiohttp  # noqa: F401
    from edgeroute_live import proxy as proxies
    from edgeroute_live.serving import load_settings

    chosen = load_settings(settings)
    made = proxies.Proxy(chosen)
    try:
        asyncio.run(proxies.serve(made, _say))
    except OSError as error:
        place = f"{chosen.host}:{chosen.port}"
        raise InputError("port", place, f"an address that is free ({error.strerror})") from None


def _say(proxy: Proxy) -> None:
    """Say where the proxy listens, and what decides."""
    chooser = proxy.gateway.chooser
    console.print(f"{proxy.url} routes by {chooser.configured.name}; Ctrl-C stops it")
    console.print(f"models: {', '.join(chooser.models())}")
    for note in chooser.notes:
        notes.print(note)


@app.command("export")
def export(
    logs: Annotated[list[Path], typer.Argument(help="Logs that edgeroute live serve wrote.")],
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    scenario: ScenarioOption = "paper",
    assignments: SetOption = None,
    name: Annotated[str, typer.Option(help="The new scenario's name.")] = "logged",
    overwrite: OverwriteOption = False,
) -> None:
    """Make a log into a trace and a scenario; what it cannot tell is imputed and marked."""
    with needs("edgeroute live", "live"):
        import aiohttp  # noqa: F401
    from edgeroute_live.export import export as exported
    from edgeroute_live.log import read_log

    files = {kind: out / kind for kind in ("trace.csv", "scenario.yaml", "measured.csv")}
    found = exported(read_log(logs), chosen_scenario(scenario, assignments), name)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    for path in files.values():
        refuse_overwrite(path, overwrite)
    found.trace.save(files["trace.csv"], overwrite)
    write_frame(found.measured, files["measured.csv"], overwrite)
    with replacing(files["scenario.yaml"]) as part:
        content = found.scenario.model_dump(mode="json")
        part.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    for note in found.notes:
        console.print(note)
    for path in files.values():
        console.print(f"wrote {path}")


app.command("check")(live_measure.check)
app.command("calibrate")(live_measure.calibrate)
app.command("compare")(live_measure.compare)
app.command("link")(live_measure.link)

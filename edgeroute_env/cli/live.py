"""`edgeroute live`: the commands for real requests."""

from __future__ import annotations

import typer

from edgeroute_env.cli import live_measure

app = typer.Typer(no_args_is_help=True, help="Route and measure real requests.")
app.command("check")(live_measure.check)
app.command("calibrate")(live_measure.calibrate)
app.command("compare")(live_measure.compare)
app.command("link")(live_measure.link)

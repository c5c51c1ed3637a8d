"""`edgeroute scenarios`: list the presets, or print one with its sources."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.syntax import Syntax
from rich.table import Table

from edgeroute_env.cli.options import console
from edgeroute_env.scenario_files import load_scenario, scenario_file, scenario_names


def scenarios(
    name: Annotated[
        str | None, typer.Argument(help="A preset or YAML file to print; default: list all.")
    ] = None,
) -> None:
    """List the presets, or print one: its values, units and sources."""
    if name is not None:
        load_scenario(name)
        text = scenario_file(name).read_text(encoding="utf-8")
        console.print(Syntax(text, "yaml", background_color="default"))
        return
    table = Table("preset", "id", "what it is")
    for preset in scenario_names():
        table.add_row(preset, f"EdgeRoute-{preset}-v0", load_scenario(preset).description)
    console.print(table)

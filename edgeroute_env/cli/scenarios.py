"""`edgeroute scenarios`: list the presets, or print all values of one with their sources."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from edgeroute_env.cli.options import console, rows
from edgeroute_env.evaluation.tables import blank
from edgeroute_env.provenance import provenance
from edgeroute_env.scenario_files import load_scenario, scenario_names

WIDEST = {"value": 36, "source": 60}  # characters; longer texts wrap


def scenarios(
    name: Annotated[
        str | None, typer.Argument(help="A preset or YAML file to print; default: list all.")
    ] = None,
) -> None:
    """List the presets, or print one: its values, units and sources."""
    if name is not None:
        table = _values(name)
        console.print(load_scenario(name).description)
        console.print("[M] measured, [D] derived, [A] assumption")
        rows.print(table)
        return
    table = blank(names=("preset", "id", "what it is"))
    for preset in scenario_names():
        table.add_row(preset, f"EdgeRoute-{preset}-v0", load_scenario(preset).description)
    console.print(table)


def _values(name: str) -> Table:
    table = Table()
    for heading in ("field", "value", "unit", "mark", "source", "file"):
        table.add_column(heading, overflow="fold", max_width=WIDEST.get(heading))
    above = ""
    for row in provenance(name):
        repeated = row.source == above and len(above) > WIDEST["source"]
        source, above = "as above" if repeated else row.source, row.source
        mark = f"[{row.mark}]" if row.mark else ""
        cells = (row.field, row.text(), row.unit, mark, source, row.file)
        table.add_row(*cells)
    return table

"""The page: one HTML file that loads nothing, with the record, the script and the font inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from edgeroute_env.errors import needs
from edgeroute_env.files import replacing
from edgeroute_env.rendering import colours
from edgeroute_env.rendering.words import ROUTE_NAMES


def write_page(path: Path, record: Mapping[str, Any]) -> None:
    """Write the page of a record; what was there is replaced.

    Raises:
        InputError: jinja2 is missing, or the file cannot be written.
    """
    text = page_text(record)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def page_text(record: Mapping[str, Any]) -> str:
    """Return the page of a record; InputError if jinja2 is missing."""
    with needs("replays", "cli"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    loader = PackageLoader("edgeroute_env.rendering.replay", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    shown = {
        **record,
        "authors": ROUTE_NAMES,
        "qualities": [[least, name] for least, _, name in colours.QUALITIES],
    }
    text: str = environment.get_template("page.html").render(
        title=record["title"],
        colours=_colours(),
        fonts={weight: _font(weight) for weight in (400, 600)},
        style=_shipped("page.css"),
        script=_shipped("page.js"),
        # "</script>" in a name would end the script.
        record=json.dumps(shown, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    )
    return text


def _colours() -> dict[str, str]:
    """Return the colours by the names that page.css and page.js know them by."""
    qualities = {name.replace(" ", "-"): colour for _, colour, name in colours.QUALITIES}
    return {**colours.AUTHORS, **colours.CAUSE_COLOURS, **qualities}


def _shipped(name: str) -> str:
    return (files("edgeroute_env.rendering.replay") / name).read_text("utf-8")


def _font(weight: int) -> str:
    path = files("edgeroute_env.rendering") / "fonts" / f"inter-{weight}.ttf"
    return base64.b64encode(path.read_bytes()).decode("ascii")

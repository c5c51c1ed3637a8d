"""The page: one HTML file with its figures inside, fit for print."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeroute_env.errors import needs
from edgeroute_env.evaluation import findings
from edgeroute_env.evaluation.frontier import Point
from edgeroute_env.evaluation.report.figures import FIGURES, known_as, opening
from edgeroute_env.evaluation.report.front import CAPTION, front
from edgeroute_env.evaluation.report.turns import Shown
from edgeroute_env.evaluation.results import Results
from edgeroute_env.evaluation.statistics import LEVEL
from edgeroute_env.evaluation.tables import further, with_interval
from edgeroute_env.files import replacing
from edgeroute_env.plotting import styles
from edgeroute_env.rendering.replay.page import page_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
PARETO, FRONT = ("pareto", "calls"), "front"  # the figures that stand before the fold
INTERVAL = re.compile(r"\(?[-+]?[\d.]+ \[[^\]]*\]\)?")  # as `with_interval` writes it
# How text shows the markers of figures.
SIGNS = {
    **{"o": "\u25cf", "s": "\u25a0", "^": "\u25b2", "D": "\u25c6"},
    **{"x": "\u2715", "v": "\u25bc", "P": "\u271a", "*": "\u2605"},
}
PAGE = "report.html"


def write_report(
    folder: Path,
    made_by: Mapping[str, Any],
    results: Mapping[str, Results],
    turns: Mapping[str, Mapping[str, Shown]],
    replay: Mapping[str, Any],
    fronts: Mapping[str, Mapping[str, Sequence[Point]]],
) -> Path:
    """Write report.html and every figure as PNG and SVG into an existing folder.

    `made_by` is the command behind the results and the versions that it ran with. By scenario,
    `turns` is what `turns_of` gives for the routers that figures show, the first scenario opens the
    page; `fronts` are the Pareto fronts of those that have one. `replay` is a record as `replayed`
    gives it. Returns the page's path.

    Raises:
        InputError: packages are missing, or the folder cannot be written to.
    """
    # A router has one colour and marker, whichever others stand beside it.
    looks = styles(dict.fromkeys(router for name in turns for router in results[name].telling()))
    sections = []
    for name, shown in turns.items():
        found = results[name]
        figures = {
            key: (caption, _saved(draw(found, shown, looks), folder / f"{name}-{key}"))
            for key, (draw, caption) in FIGURES.items()
        }
        if name in fronts:
            drawn = front(fronts[name], looks)
            figures[FRONT] = (CAPTION, _saved(drawn, folder / f"{name}-{FRONT}"))
        sections.append(
            {
                "name": name,
                "results": found,
                "finding": findings.of_scenario(found),
                "opening": {router: known_as(found, router) for router in opening(found)},
                "tables": further({name: found}),
                "figures": figures,
            }
        )
    compared = {name: results[name] for name in turns}
    text = _template().render(
        made_by=made_by,
        in_short=findings.in_short(compared) if len(turns) > 1 else "",
        in_full=findings.of_all(compared),
        sections=sections,
        marks={name: (SIGNS[look["marker"]], look["color"]) for name, look in looks.items()},
        pareto=PARETO,
        replay={
            "page": page_text(replay),
            "title": replay["title"],
            "routers": [run["router"] for run in replay["runs"]],
        },
        level=f"{100 * LEVEL:.0f} %",
    )
    path = folder / PAGE
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def _saved(figure: Figure, stem: Path) -> str:
    """Write a figure's PNG and SVG files; return the PNG for embedding."""
    import matplotlib

    # Equal inputs give equal files: no dates, no random ids.
    with matplotlib.rc_context({"svg.hashsalt": "edgeroute"}):
        with replacing(stem.with_suffix(".svg")) as part:
            figure.savefig(part, format="svg", metadata={"Date": None})
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    with replacing(stem.with_suffix(".png")) as part:
        part.write_bytes(buffer.getvalue())
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _unbroken(escaped: str) -> str:
    """Return a text as HTML in which no line ends inside an interval."""
    return INTERVAL.sub(r'<span class="interval">\g<0></span>', str(escaped))


def _template() -> Any:
    with needs("reports", "cli"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    loader = PackageLoader("edgeroute_env.evaluation.report", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["interval"] = with_interval
    environment.filters["unbroken"] = _unbroken
    return environment.get_template("page.html")

"""The page: one HTML file with its figures inside, fit for print."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeroute_env.errors import missing_package
from edgeroute_env.evaluation.report.figures import FIGURES
from edgeroute_env.evaluation.report.turns import Shown
from edgeroute_env.evaluation.results import Results
from edgeroute_env.evaluation.statistics import LEVEL
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
PAGE = "report.html"


def write_report(
    folder: Path,
    made_by: Mapping[str, Any],
    results: Mapping[str, Results],
    turns: Mapping[str, Mapping[str, Shown]],
) -> Path:
    """Write report.html and every figure as PNG and SVG into an existing folder.

    Args:
        folder: where to.
        made_by: the command behind the results and the versions that it ran with.
        results: by scenario.
        turns: by scenario, what `turns_of` gives for the routers that figures show.

    Returns:
        The page's path.

    Raises:
        InputError: packages are missing, or the folder cannot be written to.
    """
    sections = []
    for name, shown in turns.items():
        pictures = []
        for key, (draw, caption) in FIGURES.items():
            figure = draw(results[name], shown)
            image = _saved(figure, folder / f"{name}-{key}")
            pictures.append({"caption": caption, "data": image, "alt": f"{name}: {caption}"})
        sections.append(
            {
                "name": name,
                "results": results[name],
                "rows": _rows(results[name]),
                "figures": pictures,
            }
        )
    text = _template().render(
        made_by=made_by, sections=sections, level=f"{100 * LEVEL:.0f} %", list=list
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


def _rows(results: Results) -> list[dict[str, Any]]:
    """Return the table's rows: intervals of the paired differences beside the means."""
    rows = []
    for name, row in results.routers.items():
        figures, difference = row["figures"], row["difference"]
        gap = row.get("gap_closed")
        rows.append(
            {
                "name": name,
                "causal": results.role(name).causal,
                "quality": f"{figures['quality']:.3f}",
                "latency": f"{figures['latency_mean_s']:.2f}",
                "p95": f"{figures['latency_p95_s']:.2f}",
                "edge_share": f"{figures['edge_share']:.1%}",
                "return": f"{figures['return']:.2f}",
                "difference": with_interval(difference["return"]),
                "quality_difference": with_interval(difference["quality"], 100),
                "latency_difference": with_interval(difference["latency_mean_s"]),
                "gap": "" if gap is None else with_interval(gap, 100, " %", ".1f"),
                "p": f"{row['p_holm']:.3f}" if "p_holm" in row else "",
                "parameters": ", ".join(f"{k} {v:g}" for k, v in row["parameters"].items()),
            }
        )
    return rows


def _template() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise missing_package("jinja2", "reports", "cli") from None
    loader = PackageLoader("edgeroute_env.evaluation.report", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html")

"""The page and its plots: every section's data in the template `page.md.j2`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edgeroute_env.files import open_folder, replacing
from validation import arrivals, drawing, gaps, input_lengths, latency, path_loss, queues, snr
from validation.section import Comparison, MissingRecording

TEMPLATE = "page.md.j2"
SECTIONS = {  # by the name that the template gives their data
    "latency": latency,
    "queues": queues,
    "path_loss": path_loss,
    "snr": snr,
    "arrivals": arrivals,
    "gaps": gaps,
    "input_lengths": input_lengths,
}


def write_page(
    folder: Path, overwrite: bool, report: Callable[[str], None] = lambda name: None
) -> Path:
    """Write FOLDER/validation.md and FOLDER/validation/*.png; return the page's path.

    `report` is told the name of each section that begins.

    Raises:
        InputError: they are there and `overwrite` is not set, or cannot be written.
    """
    page, pictures = folder / "validation.md", folder / "validation"
    open_folder(folder, [page.name], overwrite)
    open_folder(pictures, [plot.name for plot in pictures.glob("*.png")], overwrite)
    data: dict[str, Any] = {}
    summary: list[Comparison] = []
    for name, module in SECTIONS.items():
        report(name)
        try:
            section = module.section()
        except MissingRecording as missing:
            data[name] = {"missing": missing.field}
            continue
        data[name] = {"missing": "", **section.data}
        summary += section.comparisons
        for stem, figure in section.plots.items():
            with replacing(pictures / f"{stem}.png") as part:
                drawing.save(figure, part)
    with replacing(page) as part:
        part.write_text(_template().render(data, summary=summary), encoding="utf-8")
    return page


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = percent
    return environment.get_template(TEMPLATE)


def percent(share: float) -> str:
    """Return a signed percentage with one decimal."""
    return f"{round(100.0 * share, 1) + 0.0:+.1f} %"  # the sum turns -0.0 into 0.0

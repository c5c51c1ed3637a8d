"""Compare the model with published figures, theory and recordings; write the page of results.

    python -m validation --out docs --overwrite

It takes less than a minute. The page is the template `page.md.j2` with every section's data.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edgeroute_env.errors import InputError
from edgeroute_env.files import open_folder, replacing
from validation import (
    arrivals,
    drawing,
    gaps,
    input_lengths,
    latency,
    links,
    path_loss,
    queues,
    scores,
    snr,
)
from validation.section import Comparison, MissingRecording

TEMPLATE = "page.md.j2"
SECTIONS = {  # by the name that the template gives their data
    "latency": latency,
    "queues": queues,
    "path_loss": path_loss,
    "snr": snr,
    "links": links,
    "arrivals": arrivals,
    "gaps": gaps,
    "input_lengths": input_lengths,
    "scores": scores,
}


def write_page(folder: Path, overwrite: bool) -> Path:
    """Write FOLDER/validation.md and FOLDER/validation/*.png; return the page's path.

    Each section that begins is told on standard error.

    Raises:
        InputError: they are there and `overwrite` is not set, or cannot be written.
    """
    page, pictures = folder / "validation.md", folder / "validation"
    open_folder(folder, [page.name], overwrite)
    open_folder(pictures, [plot.name for plot in pictures.glob("*.png")], overwrite)
    data: dict[str, Any] = {}
    summary: list[Comparison] = []
    for name, module in SECTIONS.items():
        print(f"comparing: {name}", file=sys.stderr)
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Write FOLDER/validation.md and its plots; bad input is one line and exit code 2."""
    # Without its usage, argparse tells an error in one line.
    parser = argparse.ArgumentParser(
        "python -m validation", usage=argparse.SUPPRESS, description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the page")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    asked = parser.parse_args(arguments)
    try:
        page = write_page(asked.out, asked.overwrite)
    except InputError as error:
        parser.error(str(error))
    print(f"written: {page}")


if __name__ == "__main__":
    main()

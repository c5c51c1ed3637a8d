"""The page itself: every comparison in order, a summary, and the files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from edgeroute_env.errors import InputError
from edgeroute_env.files import replacing
from validation import arrivals, latency, plots, queues, radio, sessions, snr
from validation.section import Section, table

PAGE, PLOTS = "validation.md", "validation"
SECTIONS = (latency, queues, radio, snr, arrivals, sessions)
WIDTH = 100
INTRODUCTION = """\
# Validation

What the model predicts beside what others measured, what theory says, and what was recorded. Every
figure on this page is computed by one command, which also draws the plots:

```bash
make validation
```

A comparison with a recording needs its file in the data folder; where it is absent, the page says
so. Not validated, for want of published figures: heat and energy of the phone, the eviction of
caches, the load of other tenants, and the quality and lengths of answers beyond their calibration.
The weights of the reward are ours."""


def write_page(folder: Path, overwrite: bool) -> list[Path]:
    """Write FOLDER/validation.md and FOLDER/validation/*.png; return their paths, page first.

    Raises:
        InputError: they are there and `overwrite` is not set, or cannot be written.
    """
    page, pictures = folder / PAGE, folder / PLOTS
    _prepare(page, pictures, overwrite)
    sections = [module.section() for module in SECTIONS]
    written = [page]
    for section in sections:
        for stem, figure in section.plots.items():
            path = pictures / f"{stem}.png"
            with replacing(path) as part:
                plots.save(figure, part)
            written.append(path)
    with replacing(page) as part:
        part.write_text(page_text(sections), encoding="utf-8")
    return written


def page_text(sections: Sequence[Section]) -> str:
    """Return the page as Markdown: introduction, summary, sections."""
    heads = ["comparison", "figures", "median error", "largest error"]
    rows = [each.row() for section in sections for each in section.comparisons]
    parts = [INTRODUCTION, "## Summary", "Sizes of errors, without their sign.", table(heads, rows)]
    parts += [f"## {section.title}\n\n{_wrapped(section.text)}" for section in sections]
    return "\n\n".join(parts) + "\n"


def _wrapped(text: str) -> str:
    """Wrap paragraphs; tables, pictures and headings stay as they are."""
    blocks = [block.strip("\n") for block in text.split("\n\n") if block.strip()]
    return "\n\n".join(
        block if block[0] in "|!#" else textwrap.fill(
            " ".join(block.split()), WIDTH, break_long_words=False, break_on_hyphens=False
        )
        for block in blocks
    )  # fmt: skip


def _prepare(page: Path, pictures: Path, overwrite: bool) -> None:
    for path in (page, pictures):
        if path.exists() and not overwrite:
            raise InputError("--out", str(path), "a path that does not exist yet, or --overwrite")
    if page.is_dir():
        raise InputError("--out", str(page), "a file, not a folder")
    try:
        pictures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"a folder that can be made ({error.strerror or error})"
        raise InputError("--out", str(pictures), reason) from None

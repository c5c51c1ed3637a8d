"""Where the site comes from and goes to."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "docs"  # `docs_dir` of mkdocs.yml
SITE = ROOT / "build" / "site"  # its `site_dir`
VENDORED = ROOT / "website" / "node_modules"  # `make docs` fills it


def write(page: str, text: str) -> None:
    """Write a page of the site; its name is relative to the site's root."""
    path = PAGES / page
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def table(*rows: tuple[str, ...]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)

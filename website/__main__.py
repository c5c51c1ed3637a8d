"""Gather the site's pages in `build/docs`."""

from __future__ import annotations

import shutil
import sys

import yaml

from website.folders import PAGES, ROOT
from website.presets import write_presets
from website.reference import write_api, write_observation
from website.written import gather


def main() -> None:
    """Write all pages; end with a message where the navigation leaves one out."""
    shutil.rmtree(PAGES, ignore_errors=True)
    gather()
    write_observation()
    write_api()
    write_presets()
    written = {path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.md")}
    if odd := written ^ set(navigation()):
        sys.exit(f"mkdocs.yml's nav and the pages differ: {', '.join(sorted(odd))}")


def navigation() -> list[str]:
    """Return the pages in the navigation of mkdocs.yml."""

    class Loader(yaml.SafeLoader):
        """One that leaves the names of Python functions alone."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda *_: None)
    nav = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader)["nav"]
    return list(_leaves(nav))


def _leaves(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    items = nav.values() if isinstance(nav, dict) else nav
    return [leaf for item in items for leaf in _leaves(item)]  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()

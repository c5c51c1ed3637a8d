"""The pages that people wrote, with links that hold on the site, and the files beside them."""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from website.folders import PAGES, ROOT, VENDORED, write

# What becomes a page, by its path in the repository; the folder of examples becomes one too.
HOMES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "studies/README.md": "studies.md",
    "examples": "examples.md",
}
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
# A path, without its anchor, and the text before it where this is the name of a page's file.
_LINK = re.compile(r"(?:(?<=\[)([\w-]+)\.md)?\]\((?!https?:|#)([^)#\s]+)")


def sources() -> Iterator[tuple[str, str]]:
    """Yield the path of each page in the repository and its name on the site."""
    yield from HOMES.items()
    for path in sorted((ROOT / "docs").glob("*.md")):
        yield f"docs/{path.name}", path.name


def gather() -> None:
    """Write all these pages, and copy pictures, style and vendored scripts."""
    for source, page in sources():
        path = ROOT / source
        text = _examples(path) if path.is_dir() else path.read_text("utf-8")
        write(page, relinked(text, source, page))
    for picture in (ROOT / "docs").rglob("*.*"):
        if picture.suffix in (".png", ".webp"):
            _copy(picture, picture.relative_to(ROOT / "docs").as_posix())
    _copy(ROOT / "website" / "site.css", "assets/site.css")
    _copy(VENDORED / "iframe-worker" / "shim" / "index.js", "assets/iframe-worker.js")
    _copy(VENDORED / "@mermaid-js/tiny/dist/mermaid.tiny.js", "assets/mermaid.tiny.js")
    for name in ("katex.min.css", "katex.min.js", "contrib/auto-render.min.js"):
        _copy(VENDORED / "katex" / "dist" / name, f"assets/katex/{Path(name).name}")
    for font in (VENDORED / "katex" / "dist" / "fonts").glob("*.woff2"):
        _copy(font, f"assets/katex/fonts/{font.name}")


def relinked(text: str, source: str, page: str) -> str:
    """Return a page with the links that it has in the repository as they are on the site.

    Raises:
        ValueError: a link leads to nothing that is on the site.
    """
    homes = dict(sources())

    def moved(link: re.Match[str]) -> str:
        name = (link[1] or "").replace("-", " ")  # the site has pages, no files
        target = os.path.normpath(Path(source).parent / link[2])
        if target not in homes and not (target.startswith("docs/") and (ROOT / target).is_file()):
            raise ValueError(f"{source}: the site has no {link[2]}")
        home = homes.get(target, target.removeprefix("docs/"))
        return f"{name}]({os.path.relpath(home, Path(page).parent)}"

    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(moved, part) for part in parts[::2]]
    return "".join(parts)


def _copy(path: Path, to: str) -> None:
    target = PAGES / to
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _examples(folder: Path) -> str:
    """Return a page of all examples: what each one says of itself, and its code."""
    text = "# Examples\n\nShort programs, which the tests run.\n"
    for path in sorted(folder.glob("*.py")):
        code = path.read_text("utf-8")
        told = ast.parse(code).body[0]  # the docstring
        title, _, command = (ast.get_docstring(ast.parse(code)) or "").partition("\n\n")
        body = "".join(code.splitlines(keepends=True)[told.end_lineno :]).lstrip()
        text += f"\n## {path.name}\n\n{title}\n\n```console\n{command}\n```\n\n"
        text += f"```python\n{body}```\n"
    return text

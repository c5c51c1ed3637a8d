"""Every snippet of the README and the docs runs, and every link leads somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import first_steps
from tests.helpers.command_line import Command
from website.__main__ import navigation
from website.written import sources

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [ROOT / source for source, _ in sources() if source.endswith(".md")]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
# Runs blocks of code in one process, each with names of its own.
ALL = "import sys, json; [exec(block, {'__name__': '__main__'}) for block in json.load(sys.stdin)]"


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def run_python(page: Path, folder: Path) -> None:
    """Run a page's Python in a process that has imported nothing of ours."""
    snippets = blocks(page, "python")
    for text in snippets:
        # What an earlier block has imported would hide that a later one does not.
        alone = "EdgeRoute-" in text.replace("edgeroute_env:EdgeRoute-", "")
        assert not alone or "import edgeroute_env\n" in text, text
    environment = {**os.environ, "EDGEROUTE_DATA": str(folder / "no-data")}
    done = subprocess.run(
        [sys.executable, "-c", ALL],
        input=json.dumps(snippets),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_run(page: Path, edgeroute_small: Command, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        name = re.match(r"# (\S+\.yaml)\n", text)
        assert name, f"a yaml block of {page.name} must begin with its file name"
        (tmp_path / name[1]).write_text(text, encoding="utf-8")
    if blocks(page, "python"):
        run_python(page, tmp_path)
    if page == first_steps.PAGE:
        return  # tests/cli/test_first_steps.py walks it, and tests/house/ does from a wheel
    if page.name == "live-own-models.md":
        return  # tests/live/test_own_models_page.py walks it, beside servers
    for line in "\n".join(blocks(page, "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] in ("git", "cd", "pip", "python3.11"):
            continue
        if words[0] == "make":
            assert words[1] in TARGETS
        else:
            assert words[0] == "edgeroute", line
            ended = edgeroute_small(*words[1:])
            assert ended.code == 0, f"{line}\n{ended.out}\n{ended.err}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site's builder name them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_an_anchor_of_it(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)\s]*)\)", CODE.sub("", page.read_text("utf-8")))
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    readme = PAGES[0].read_text("utf-8")
    assert len(readme.splitlines()) <= 150
    for page in PAGES[1:]:
        assert f"docs/{page.name}" in readme


def test_every_page_is_in_the_navigation_of_the_site_once() -> None:
    pages = navigation()
    assert len(pages) == len(set(pages))
    assert {page for _, page in sources()} <= set(pages)

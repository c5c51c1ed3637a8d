"""Every snippet of the README and the docs runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import first_steps
from tests.helpers.command_line import SHORT_SEARCHES

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "EDGEROUTE_DATA": str(folder / "no-data")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_run(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        name = re.match(r"# (\S+\.yaml)\n", text)
        assert name, f"a yaml block of {page.name} must begin with its file name"
        (tmp_path / name[1]).write_text(text, encoding="utf-8")
    for text in blocks(page, "python"):
        run([sys.executable, "-c", text], tmp_path)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    if page == first_steps.PAGE:
        return  # tests/cli/test_first_steps.py walks it, and tests/house/ does from a wheel
    for line in "\n".join(blocks(page, "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] in ("git", "cd", "pip"):
            continue
        if words[0] == "make":
            assert words[1] in targets
        else:
            assert words[0] == "edgeroute", line
            run([sys.executable, "-c", SHORT_SEARCHES, *words[1:]], tmp_path)


def test_every_page_is_linked_from_the_readme() -> None:
    readme = PAGES[0].read_text("utf-8")
    for page in PAGES[1:]:
        assert f"docs/{page.name}" in readme

"""The page for newcomers as data: the files that it tells to save, and its commands, by section."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "first-steps.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Section(NamedTuple):
    """One way to walk."""

    title: str
    files: dict[str, str]
    commands: str

    def save(self, folder: Path) -> None:
        """Save the section's files, as the page tells to."""
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8")


def sections() -> list[Section]:
    """Return the sections; a file's name is in its first line, or beside the kind of the block."""
    return [_section(text) for text in PAGE.read_text("utf-8").split("\n## ")[1:]]


def _section(text: str) -> Section:
    files, commands = {}, ""
    for kind, name, block in BLOCK.findall(text):
        if kind == "bash":
            commands += block
        else:
            files[name or block.split("\n")[0].removeprefix("# ")] = block
    return Section(text.split("\n")[0], files, commands)

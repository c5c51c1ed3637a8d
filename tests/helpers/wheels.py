"""Environments of a user's: our wheel is built, installed and run without the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(
    *command: str | Path, folder: Path = ROOT, variables: Mapping[str, str] | None = None
) -> list[str]:
    """Run a program that must succeed, without the caller's PYTHONPATH; return what it prints.

    `variables` are added to its environment.
    """
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment = {**inherited, **(variables or {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


class Environment:
    """A new virtual environment without pip."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=os.name == "posix")
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.site = Path(
            run(self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")[0]
        )

    def install(self, *what: str | Path) -> None:
        """Install packages with the pip that runs the tests, without what they depend on."""
        pip = (sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet")
        run(*pip, "--no-deps", *what)

    def lend_dependencies(self) -> None:
        """Let it import what the tests' own environment has; its own packages come first.

        The tests' own EdgeRoute is not among it: the .pth files of a lent folder do not count.
        Call it last, or pip believes that EdgeRoute is installed.
        """
        (self.site / "lent.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")


def build_wheel(folder: Path) -> Path:
    """Build our wheel in a folder, as pip does for a user; return its path."""
    run(sys.executable, "-m", "pip", "wheel", ROOT, "--no-deps", "--quiet", "-w", folder)
    (built,) = folder.iterdir()
    return built

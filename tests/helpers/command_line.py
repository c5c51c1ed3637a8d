"""What the tests of the command line share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edgeroute_env.cli import main

ONE = ("benchmark", "tiny.yaml", "--episodes", "4", "--quiet", "--out", "out")
TWO = ("benchmark", "tiny.yaml", "tinier.yaml", *ONE[2:])
# `edgeroute`, as a program for `python -c`, whose searches for parameters end early.
SHORT_SEARCHES = """
import dataclasses
from edgeroute_baselines.registry import ROUTERS
from edgeroute_env.cli import main
for name, spec in ROUTERS.items():
    if spec.search is not None:
        search = dataclasses.replace(spec.search, generations=2, offspring=4)
        ROUTERS[name] = dataclasses.replace(spec, search=search)
main()
"""


class Ended(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def write_scenario(folder: Path, name: str = "tiny", turns: int = 6, more: str = "") -> None:
    """Write NAME.yaml: the default preset with a few turns; `more` adds to its workload."""
    work = f"workload: {{turns: {turns}{more}}}"
    text = f"extends: paper\nname: {name}\ndescription: made by a test\n{work}\n"
    (folder / f"{name}.yaml").write_text(text)


def results(folder: str | Path = "out") -> dict[str, Any]:
    """Read what `edgeroute benchmark` wrote."""
    content: dict[str, Any] = json.loads((Path(folder) / "results.json").read_text())
    del content["sha256"]
    return content


def in_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command line in this process."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["edgeroute", *arguments])
        capsys.readouterr()
        try:
            main()
            code: Any = 0
        except SystemExit as ended:
            code = ended.code
        return Ended(code or 0, *capsys.readouterr())

    return run

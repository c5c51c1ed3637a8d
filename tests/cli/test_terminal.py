"""On a terminal of 80 or 120 columns every figure of the commands' tables is whole."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from edgeroute_env.evaluation.results import read_results
from edgeroute_env.evaluation.tables import with_interval
from tests.helpers.command_line import ONE, SHORT_SEARCHES, write_scenario

WIDTHS = (80, pytest.param(120, marks=pytest.mark.slow))


def on_a_terminal(
    folder: Path, columns: int, *arguments: str, cache: Path | None = None
) -> list[str]:
    """Run `edgeroute` on a pseudo-terminal of so many columns; return the lines that it shows.

    `cache`, if given, is where compiled code is kept.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    hidden = ("COLUMNS", "LINES", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    environment = {**kept, "TERM": "xterm", "EDGEROUTE_DATA": str(folder / "data")}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    command = [sys.executable, "-c", SHORT_SEARCHES, *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how Linux says that the other end was closed
            while part := os.read(ours, 65536):
                shown += part
        os.close(ours)
    assert process.returncode == 0, shown
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    return text.replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_tables_of_a_benchmark_are_whole(tmp_path: Path, columns: int) -> None:
    write_scenario(tmp_path)
    shown = on_a_terminal(tmp_path, columns, *ONE)
    lines = [line for line in shown if "; kept in " not in line]  # a path is not broken
    assert max(map(len, lines)) <= columns
    assert "…" not in "".join(lines)
    found = read_results(tmp_path / "out")[1]["tiny"]
    for name in found.telling():
        f = found.figures(name)
        figures = (
            f"{f['quality']:.3f} {f['latency_mean_s']:.2f} {f['latency_p95_s']:.2f} "
            f"{f['edge_share']:.1%} {with_interval(found.routers[name]['over_constant'])}"
        )
        assert f"{name} {figures}" in [" ".join(line.split()) for line in lines]


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_turns_of_a_run_are_whole(tmp_path: Path, columns: int) -> None:
    write_scenario(tmp_path)
    lines = on_a_terminal(tmp_path, columns, "run", "-s", "tiny.yaml", "--router", "edge")
    assert max(map(len, lines)) <= 80
    start = next(i for i, line in enumerate(lines) if line.split()[:1] == ["time"])
    names = lines[start].split()
    turns = [line.split() for line in lines[start + 2 : -1]]
    assert len(turns) == 6
    assert {len(turn) for turn in turns} == {len(names)}
    assert lines[start + 1].split() == ["s", "dB", "s", "s"]
    total = sum(float(turn[names.index("reward")]) for turn in turns)
    assert float(lines[-1].split()[1]) == pytest.approx(total, abs=0.004)


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_table_of_a_sweep_is_whole(tmp_path: Path, columns: int) -> None:
    write_scenario(tmp_path)
    routers = ("--router", "edge", "--router", "device", "--episodes", "3", "--quiet")
    asked = ("sweep", "load", "-s", "tiny.yaml", "--values", "0.2,0.9", *routers, "--out", "out")
    lines = on_a_terminal(tmp_path, columns, *asked)
    assert max(map(len, lines)) <= columns
    words = " ".join(" ".join(lines).split())
    for row in json.loads((tmp_path / "out/sweep.json").read_text())["rows"]:
        latency, quality, calls = (
            with_interval(row["figures"][name], scale, unit, form).split(" ", 1)
            for name, scale, unit, form in (
                ("latency_mean_s", 1, "", ".2f"),
                ("quality", 1, "", ".3f"),
                ("edge_share", 100, "%", ".1f"),
            )
        )
        means, intervals = zip(latency, quality, calls, strict=True)
        assert f"{row['router']} {' '.join(means)} {' '.join(intervals)}" in words


@pytest.mark.slow
def test_a_first_run_says_that_it_compiles(tmp_path: Path) -> None:
    write_scenario(tmp_path)
    asked = ("run", "-s", "tiny.yaml", "--router", "edge")
    first, second = (on_a_terminal(tmp_path, 80, *asked, cache=tmp_path / "cache") for _ in "12")
    moving = {line.split()[0] for line in first if "compiling" in line}
    assert len(moving) > 3  # the spinner's pictures
    assert "compiling" not in "".join(second)
    assert second[-1] == first[-1]

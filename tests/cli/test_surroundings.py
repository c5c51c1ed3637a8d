"""A full disk, a folder that has gone, an odd terminal: one message, and what was done stays."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.helpers.command_line import Ended

pytestmark = pytest.mark.thorough

COMMAND = (sys.executable, "-m", "edgeroute_env")
ODD = "a\udcff\nb"  # a file's name need not be text
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
HOMELESS = {"HOME": "/proc/none", "TMPDIR": "/proc/none", "TERM": "dumb", "NO_COLOR": "1"}
EPISODE = ("run", "--router", "edge", "--set", "workload.turns=4")
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def ended(
    *arguments: str,
    redirected: str = "",
    most_bytes: int | None = None,
    more: dict[str, str] | None = None,
) -> Ended:
    """Run the command in a process of its own, with a shell's redirections, and return its end.

    No file that it writes may have more than `most_bytes`, as on a disk that is full.
    """

    def limit() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {redirected}', "-", *COMMAND, *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(more or {})},
        preexec_fn=limit,
        timeout=300,
    )
    out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    assert "Traceback" not in err
    assert "Error" not in err.replace("[Errno", "")
    return Ended(done.returncode, out, err)


def refused(run: Ended, says: str) -> None:
    """Check that a command ended with one message; what it began with may be said before."""
    assert run.code == 2
    *before, line = run.err.splitlines()
    assert line.startswith("edgeroute: ")
    assert says in line
    assert not any(line.startswith("edgeroute: ") for line in before)


@needs_full
@pytest.mark.parametrize("arguments", [["scenarios"], ["--help"], list(EPISODE)], ids=str)
def test_an_output_that_is_full_is_one_message(arguments: Sequence[str]) -> None:
    refused(ended(*arguments, redirected="> /dev/full"), "No space left on device")


def test_an_output_that_is_closed_is_refused() -> None:
    refused(ended("scenarios", redirected=">&-"), "standard output: got 'closed'")
    assert ended("scenarios", "none", redirected="2>&-") == Ended(2, "", "")
    assert ended("scenarios", redirected="2>&-").code == 0


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    run = ended("scenarios", "paper", redirected="| head -n 1")
    assert run.code == 141  # what a shell says of a program without a reader
    assert len(run.out.splitlines()) == 1
    assert not run.err


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_an_encoding_that_lacks_a_sign_shows_all_the_rest(encoding: str) -> None:
    more = {**ASCII, "PYTHONIOENCODING": encoding}
    table = ended("scenarios", more=more)
    assert table.code == 0
    assert "EdgeRoute-paper-v0" in table.out
    assert ended(*EPISODE, more=more).out.splitlines()[-1].startswith("return ")
    refused(ended("run", "-s", "é—x", more=more), "scenario: got ")


def test_no_home_and_no_folder_for_temporary_files() -> None:
    run = ended(*EPISODE, more=HOMELESS)
    assert run.code == 0
    assert run.out == ended(*EPISODE).out
    refused(ended("data", "get", "azure", more={**HOMELESS, "EDGEROUTE_DATA": ""}), "/proc/none")


@pytest.mark.parametrize("cwd_has_gone", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_place_that_is_no_place_is_refused(
    cwd_has_gone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if cwd_has_gone:
        (tmp_path / "here").rmdir()
        assert ended(*EPISODE).code == 0
        refused(ended("trace", "make", "--out", "a.csv"), "output: got 'a.csv'")
        refused(ended("benchmark", "--out", "results"), "--out: got 'results'")
        return
    refused(ended("trace", "make", "--out", "none/a.csv"), "a path in an existing folder")
    device = str(tmp_path / "pipe.csv")
    os.mkfifo(device)
    refused(ended("trace", "make", "--overwrite", "--out", device), "a plain file, no device")
    refused(ended("trace", "make", "--out", f"{ODD}"), "allowed: a name ending in")
    made = ended("trace", "make", "--set", "workload.turns=4", "--out", f"{ODD}.csv")
    assert made.code == 0
    assert (tmp_path / "here" / f"{ODD}.csv").is_file()
    assert ended("trace", "info", f"{ODD}.csv").code == 0


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before")
    for more in ([], ["--set", "workload.turns=4000"]):
        run = ended("trace", "make", "--overwrite", "--out", str(path), *more, most_bytes=1024)
        refused(run, "File too large")
        assert path.read_text() == "before"
        assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.training
def test_a_training_on_a_full_disk_ends_with_one_message(tmp_path: Path) -> None:
    sizes = {"num_envs": 4, "frames": 256, "validate_every": 256, "distilled_turns": 0}
    sizes |= {"quality": "sampled", "validation_episodes": 4, "n_steps": 64, "batch_size": 64}
    settings = [word for item in sizes.items() for word in ("--set", "{}={}".format(*item))]
    train = ("train", "ppo", "--traces", "synthetic", "--quiet", *settings)
    run = ended(*train, "--out", str(tmp_path), most_bytes=40_000)
    refused(run, f"{tmp_path}'; allowed: a place to write to (File too large)")
    assert (tmp_path / "policy.safetensors").is_file()  # the start, judged and kept
    assert not list(tmp_path.glob(".*"))

"""A benchmark is resumed, stopped or repeated without losing what it has finished."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgeroute_baselines import router_names
from edgeroute_baselines.fitted import FITTED_ROUTERS
from edgeroute_env import InputError
from edgeroute_env.evaluation.results import BENCHMARK_FILES
from tests.helpers.command_line import ONE, SHORT_SEARCHES, TWO, Command, results, write_scenario


def test_results_are_not_overwritten_unasked(edgeroute_small: Command) -> None:
    edgeroute_small(*ONE)
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    refused = edgeroute_small(*ONE, "--set", "weights.edge_call=0.2")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert refused.err.startswith("edgeroute: --out: got 'out'; allowed: ")
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before
    assert edgeroute_small(*ONE, "--set", "weights.edge_call=0.2", "--overwrite").code == 0
    assert results()["scenarios"]["tiny"]["scenario"]["weights"]["edge_call"] == 0.2


def test_resume_keeps_finished_scenarios_and_computes_the_rest(edgeroute_small: Command) -> None:
    edgeroute_small(*TWO)
    shutil.rmtree("data/fits")
    whole = results()
    partial = {**whole, "scenarios": {"tiny": {**whole["scenarios"]["tiny"], "fits": "kept"}}}
    BENCHMARK_FILES.write(Path("out"), partial)
    assert edgeroute_small(*TWO, "--resume").code == 0
    resumed = results()["scenarios"]
    assert resumed["tiny"]["fits"] == "kept"  # not computed again
    assert resumed == {**whole["scenarios"], **partial["scenarios"]}
    assert len(Path("out/results.csv").read_text().splitlines()) == 1 + 2 * len(router_names())


@pytest.mark.parametrize(
    "change",
    [
        ("--episodes", "3"),
        ("--tolerance", "3"),
        ("--reference", "device"),
        ("--set", "edge.max_sequences=2"),
    ],
)
def test_resume_computes_anew_what_was_asked_differently(
    change: tuple[str, str], edgeroute_small: Command
) -> None:
    edgeroute_small(*ONE)
    marked = results()
    marked["scenarios"]["tiny"]["fits"] = "kept"
    BENCHMARK_FILES.write(Path("out"), marked)
    assert edgeroute_small(*ONE, *change, "--resume").code == 0
    assert results()["scenarios"]["tiny"]["fits"] != "kept"


def test_resume_without_results_starts_and_with_broken_ones_refuses(
    edgeroute_small: Command,
) -> None:
    assert edgeroute_small(*ONE, "--resume").code == 0
    whole = Path("out/results.json").read_text()
    Path("out/results.json").write_text(whole[: len(whole) // 2])
    refused = edgeroute_small(*ONE, "--resume")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert refused.err.startswith("edgeroute: --resume: got 'out/results.json'")


@pytest.mark.parametrize("text", ['{"scenarios": []}', '{"scenarios": {"tiny": {}}}', "[1]"])
def test_resume_refuses_or_replaces_what_is_not_a_result(
    text: str, edgeroute_small: Command
) -> None:
    Path("out").mkdir()
    Path("out/results.json").write_text(text)
    assert edgeroute_small(*ONE, "--resume").code in (0, 2)


def test_resume_keeps_finished_scenarios_that_are_not_asked_for(edgeroute_small: Command) -> None:
    edgeroute_small(*TWO)
    assert edgeroute_small(*ONE, "--resume").code == 0
    assert set(results()["scenarios"]) == {"tiny", "tinier"}


@pytest.mark.parametrize(
    "stop", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_leaves_what_it_finished(stop: int, tmp_path: Path) -> None:
    write_scenario(tmp_path)
    write_scenario(tmp_path, "tinier", 3)
    write_scenario(tmp_path, "long", 2000)
    command = ["-c", SHORT_SEARCHES, "benchmark", "tinier.yaml", "long.yaml", *ONE[2:]]
    run = subprocess.Popen(
        [sys.executable, *command], cwd=tmp_path, text=True,
        env={**os.environ, "EDGEROUTE_DATA": str(tmp_path / "data")},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        # A shell's background jobs, these tests perhaps among them, inherit a SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "out" / "results.csv").exists() and time.monotonic() < deadline:
            assert run.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        run.send_signal(stop)
        _, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode not in (0, None)
    assert "Traceback" not in err
    found = results(tmp_path / "out")
    assert list(found["scenarios"]) == ["tinier"]
    assert list(found["scenarios"]["tinier"]["routers"]) == router_names()
    assert set(found["scenarios"]["tinier"]["savings"]) == set(FITTED_ROUTERS)


def test_a_write_that_breaks_off_leaves_the_old_results(
    edgeroute_small: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgeroute_small(*ONE)
    before = {path: path.read_bytes() for path in Path("out").iterdir()}

    def half(path: Path, text: str, **_: Any) -> None:
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(InputError, match="no space left"):
        BENCHMARK_FILES.write(Path("out"), {"scenarios": {}})
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before

"""A benchmark is resumed, stopped or repeated without losing what it has finished."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from baselines import fitted, fitting, registry, router_names
from baselines.fitted import FITTED_ROUTERS
from edgeroute_env import InputError
from edgeroute_env.cli import main
from edgeroute_env.evaluation.results import write

TINY = "extends: paper\nname: {name}\ndescription: made by a test\nworkload: {{turns: {turns}}}\n"
ONE = ("benchmark", "tiny.yaml", "--episodes", "4", "--quiet", "--out", "out")
TWO = ("benchmark", "tiny.yaml", "tinier.yaml", *ONE[2:])


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def scenarios(folder: Path) -> None:
    for name, turns in (("tiny", 5), ("tinier", 3)):
        (folder / f"{name}.yaml").write_text(TINY.format(name=name, turns=turns))


@pytest.fixture
def edgeroute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Run a command line in this process on small grids; fits are stored in `fitted`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path / "data"))
    for folder in ("data", "fitted"):
        (tmp_path / folder).mkdir()
    scenarios(tmp_path)
    monkeypatch.setattr(fitted, "config_path", tmp_path.joinpath)
    monkeypatch.setattr(fitted, "FIT_EPISODES", 5)
    monkeypatch.setattr(fitting, "REFINEMENT", ())
    small = {"alpha_per_s": (0.0, 0.1), "theta": (0.0, 0.3, 0.8)}
    for name in FITTED_ROUTERS:
        kind = registry.kind(name)
        grid = {parameter: small[parameter] for parameter in kind.grid}
        monkeypatch.setitem(registry.ROUTERS, name, dataclasses.replace(kind, grid=grid))

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


def results(folder: str | Path = "out") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(folder) / "results.json").read_text())
    return content


def test_results_are_not_overwritten_unasked(edgeroute: Command) -> None:
    edgeroute(*ONE)
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    refused = edgeroute(*ONE, "--set", "weights.edge_call=0.2")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert refused.err.startswith("edgeroute: --out: got 'out'; allowed: ")
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before
    assert edgeroute(*ONE, "--set", "weights.edge_call=0.2", "--overwrite").code == 0
    assert results()["workloads"]["tiny"]["scenario"]["weights"]["edge_call"] == 0.2


def test_resume_keeps_finished_workloads_and_computes_the_rest(edgeroute: Command) -> None:
    edgeroute(*TWO)
    whole = results()
    partial = {**whole, "workloads": {"tiny": {**whole["workloads"]["tiny"], "mark": 1}}}
    Path("out/results.json").write_text(json.dumps(partial))
    assert edgeroute(*TWO, "--resume").code == 0
    resumed = results()["workloads"]
    assert resumed["tiny"].pop("mark") == 1  # kept, not computed again
    assert resumed == whole["workloads"]
    assert len(Path("out/results.csv").read_text().splitlines()) == 1 + 2 * len(router_names())


@pytest.mark.parametrize(
    "change",
    [
        ("--episodes", "3"),
        ("--tolerance", "3"),
        ("--reference", "device"),
        ("--set", "edge.slots=2"),
    ],
)
def test_resume_computes_anew_what_was_asked_differently(
    change: tuple[str, str], edgeroute: Command
) -> None:
    edgeroute(*ONE)
    marked = results()
    marked["workloads"]["tiny"]["mark"] = 1
    Path("out/results.json").write_text(json.dumps(marked))
    assert edgeroute(*ONE, *change, "--resume").code == 0
    assert "mark" not in results()["workloads"]["tiny"]


def test_resume_without_results_starts_and_with_broken_ones_refuses(edgeroute: Command) -> None:
    assert edgeroute(*ONE, "--resume").code == 0
    whole = Path("out/results.json").read_text()
    Path("out/results.json").write_text(whole[: len(whole) // 2])
    refused = edgeroute(*ONE, "--resume")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert refused.err.startswith("edgeroute: --out: got 'out'")


@pytest.mark.parametrize("text", ['{"workloads": []}', '{"workloads": {"tiny": {}}}', "[1]"])
def test_resume_refuses_or_replaces_what_is_not_a_result(text: str, edgeroute: Command) -> None:
    Path("out").mkdir()
    Path("out/results.json").write_text(text)
    assert edgeroute(*ONE, "--resume").code in (0, 2)


def test_resume_keeps_finished_workloads_that_are_not_asked_for(edgeroute: Command) -> None:
    edgeroute(*TWO)
    assert edgeroute(*ONE, "--resume").code == 0
    assert set(results()["workloads"]) == {"tiny", "tinier"}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_what_it_finished(stop: int, tmp_path: Path) -> None:
    scenarios(tmp_path)
    (tmp_path / "long.yaml").write_text(TINY.format(name="long", turns=2000))
    command = ["-m", "edgeroute_env", "benchmark", "tinier.yaml", "long.yaml", *ONE[2:]]
    run = subprocess.Popen(
        [sys.executable, *command], cwd=tmp_path, env={**os.environ}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
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
    assert list(found["workloads"]) == ["tinier"]
    assert list(found["workloads"]["tinier"]["routers"]) == router_names()
    assert set(found["workloads"]["tinier"]["savings"]) == set(FITTED_ROUTERS)


def test_a_write_that_breaks_off_leaves_the_old_results(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgeroute(*ONE)
    before = {path: path.read_bytes() for path in Path("out").iterdir()}

    def half(path: Path, text: str, **_: Any) -> None:
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(InputError, match="no space left"):
        write(Path("out"), {"workloads": {}})
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before

"""Any number of jobs writes the same files to the bit; Ctrl-C keeps what is done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeroute_agents import policy, pretraining
from edgeroute_env import load_scenario
from edgeroute_env.parallel import outcome, workers
from tests.helpers.command_line import Command, write_scenario
from tests.helpers.learning import tiny_settings

SIZES = (
    "num_envs=2 frames=256 validate_every=128 distilled_turns=0 validation_episodes=4 n_steps=64"
    " batch_size=64 widths=[8] quality=sampled"
)
SMALL = [part for size in SIZES.split() for part in ("--set", size)]
OUT = ("--quiet", "--out", "out")
COMMANDS = {
    "benchmark": (
        *("benchmark", "tiny.yaml", "tinier.yaml", "--episodes", "4", *OUT),
        *("--routers", "linucb,random,rollout,clairvoyant", "--router", "own.py:Own"),
    ),
    "fit": ("fit", "pacing", "-s", "tiny.yaml", "-s", "tinier.yaml", "--quiet"),
    "sweep": ("sweep", "load", "--values", "0.2,0.9", "--episodes", "4", *OUT),
    "tune": ("tune", "ppo", "-s", "paper", "--trials", "5", *OUT, *SMALL),
}
OWN = """
import math  # it is used where the router runs
class Own:
    name = "own"
    def reset(self, n): self.turn = 0
    def route(self, observations):
        self.turn += 1
        return (observations[:, 0] * 0 + math.floor(self.turn / 2) % 2).astype("int64")
"""
KEPT = {".json", ".csv", ".txt", ".yaml", ".safetensors"}  # all but plots, logs and checkpoints


def written(*folders: Path) -> dict[str, bytes]:
    """Return what a command wrote, by path."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return {str(p): p.read_bytes() for p in paths if p.suffix in KEPT}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_any_number_of_jobs_writes_the_same_files(name: str, edgeroute: Command) -> None:
    write_scenario(Path(), "tinier", turns=5)
    Path("own.py").write_text(OWN)
    found = []
    for jobs in ((), ("--jobs", "1"), ("--jobs", "2")):
        ended = edgeroute(*COMMANDS[name], *jobs)
        assert ended.code == 0, ended.err
        found.append((written(Path("out"), Path("data/fits")), ended.out))
        for folder in ("out", "data/fits"):
            shutil.rmtree(folder, ignore_errors=True)
    assert found[0][0]
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_any_number_of_jobs_pretrains_the_same_policy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pretraining, "SEEDS", 2)
    monkeypatch.setattr(pretraining, "EPISODES", 6)
    monkeypatch.setattr(pretraining, "load_settings", lambda name: tiny_settings(name))
    found = []
    for jobs in (1, 2):
        monkeypatch.setattr(pretraining, "RUNS", tmp_path / f"runs-{jobs}")
        monkeypatch.setattr(policy, "PRETRAINED", tmp_path / "pretrained")
        folder = outcome(pretraining.pretrain(load_scenario("paper"), "dqn"), workers(jobs))
        found.append(written(folder))
        card = (folder / "README.md").read_text("utf-8")
        assert "The best of 2 training seeds" in card
        shutil.rmtree(folder)
    assert len(found[0]) == 2
    assert found[0] == found[1]


def alive(group: int) -> list[str]:
    """Return the states of a group's processes that still run."""
    ended = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True)
    lines = [line.split() for line in ended.stdout.splitlines()]
    return [state for of, state in lines if int(of) == group and not state.startswith("Z")]


@pytest.mark.slow
def test_ctrl_c_ends_all_workers_and_keeps_what_is_done(edgeroute: Command, tmp_path: Path) -> None:
    """Tries a group of processes, as Ctrl-C in a terminal does."""
    words = ("fit", "all", "-s", "tiny.yaml", "--jobs", "2", "--quiet")
    program = [sys.executable, "-m", "edgeroute_env", *words]
    with subprocess.Popen(program, stderr=subprocess.PIPE, start_new_session=True) as running:
        fits = tmp_path / "data" / "fits"
        until = time.monotonic() + 240
        while not list(fits.glob("*.yaml")):
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"stopped; to go on: edgeroute fit all -s tiny.yaml --jobs 2 --quiet --resume" in said
    assert b"Traceback" not in said
    while alive(running.pid):
        assert time.monotonic() < until
        time.sleep(0.1)
    (kept,) = fits.glob("*.yaml")
    before = kept.read_text("utf-8")
    assert "length-threshold" in before
    refused = edgeroute("fit", "length-threshold", "-s", "tiny.yaml")
    assert refused.code == 2
    assert "--overwrite, to replace its synthetic fit, or --resume" in refused.err
    ended = edgeroute("fit", "length-threshold", "-s", "tiny.yaml", "--resume")
    assert ended.code == 0, ended.err
    assert kept.read_text("utf-8") == before

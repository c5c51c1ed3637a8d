"""Other RL libraries take EdgeRoute unmodified: the examples run as their users would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples" / "clients"
RUNS = {
    "sb3_by_id": ("1024", ["DummyVecEnv: return ", "SubprocVecEnv: return "]),
    "sb3_contrib_on_ours": ("4096", ["RecurrentPPO: return ", "QRDQN: return "]),
    "minari_data": ("3", ["384 turns, ", "128 turns an episode"]),
    "rllib_cells": ("2", ["iteration 2: return "]),
    "torchrl_collect": ("140", ["single: (140,)", "pixels: (140,)", "num_envs=4: (4, 140)"]),
}


def test_each_example_is_run() -> None:
    assert sorted(RUNS) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", RUNS)
def test_a_client_runs(name: str, tmp_path: Path) -> None:
    size, lines = RUNS[name]
    surroundings = {**os.environ, "MINARI_DATASETS_PATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, EXAMPLES / f"{name}.py", size]
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert all(line in done.stdout for line in lines), done.stdout

"""The examples run, with settings so small that they learn nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
FRAMES = "8192"
SIZES = dict.fromkeys(
    ("train_with_sb3", "ppo_single_file", "sb3_contrib_recurrent", "train_from_the_rule"), FRAMES
)

SPARED = ("sb3_contrib_recurrent", "train_from_the_rule")  # among the slow tests


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem in SPARED else [], id=path.stem)
        for path in EXAMPLES
    ],
)
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    if example.stem in SIZES:
        pytest.importorskip("sb3_contrib" if "contrib" in example.stem else "stable_baselines3")
    done = subprocess.run(
        [sys.executable, str(example), SIZES.get(example.stem, "4")],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_plain_sb3_takes_twenty_lines() -> None:
    text = (ROOT / "examples" / "train_with_sb3.py").read_text("utf-8")
    code = text.split('"""', 2)[2].splitlines()
    assert len([line for line in code if line.strip()]) <= 20

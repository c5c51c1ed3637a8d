"""Where torch is not installed, all tests are collected, and those that need it are skipped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIDDEN = ("torch", "stable_baselines3", "transformers", "sklearn")
COLLECT = f"""
import sys


class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in {HIDDEN!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Hidden)
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "-rs", "-p", "no:xdist", *sys.argv[1:]]))
"""


@pytest.mark.thorough
def test_the_tests_are_collected_without_torch() -> None:
    folders = ["tests/agents", "tests/semantic", "tests/scenarios"]
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, *folders], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "needs torch, which is not installed" in done.stdout
    assert "tests/scenarios/test_errors.py" in done.stdout
    assert "tests/agents/test_train.py:" not in done.stdout

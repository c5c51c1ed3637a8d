"""A table of one's own becomes a recording from the command line, its columns named by option."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeroute_env.recordings.files import read_outcomes

pytestmark = pytest.mark.thorough


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgeroute_env", "trace", "import", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mine = pd.DataFrame({"tokens": [10, 20, 30], "small": [0, 1, 1], "large": [1.0, 0.5, 1.0]})
    mine.to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path


NAMES = ("prompt_tokens=tokens", "quality_device=small", "quality_edge=large")
MAPPED = [text for name in NAMES for text in ("--column", name)]


def test_mapped_columns_arrive_under_the_documented_names(folder: Path) -> None:
    done = run(folder, "outcomes", "mine.csv", *MAPPED, "--out", "out.parquet")
    assert done.returncode == 0, done.stderr
    outcomes = read_outcomes(folder / "out.parquet")
    assert np.array_equal(outcomes.prompt_tokens, [10, 20, 30])
    assert np.array_equal(outcomes.quality_edge, [1.0, 0.5, 1.0])
    assert outcomes.score is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("outcomes", "mine.csv", *MAPPED[:4]), "quality_edge"),
        (("outcomes", "mine.csv", *MAPPED, "--column", "speed=tokens"), "speed"),
        (("outcomes", "mine.csv", "mine.csv", *MAPPED), "2 files"),
        (("azure", "mine.csv", "--column", "time_s=tokens"), "--column"),
        (("parquets", "mine.csv"), "parquets"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: tuple[str, ...], named: str, folder: Path
) -> None:
    done = run(folder, *arguments, "--out", "out.parquet")
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out.parquet").exists()

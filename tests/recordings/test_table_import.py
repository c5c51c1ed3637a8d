"""A table of one's own becomes a recording from the command line, its columns named by option."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeroute_env.recordings.shapes import Outcomes
from edgeroute_env.recordings.tables import read_recording

pytestmark = pytest.mark.thorough


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgeroute_env", "trace", "import", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mine = pd.DataFrame({"tokens": [10, 20, 30], "small": [0, 1, 1], "large": [1.0, 0.5, 1.0]})
    mine.to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path


def test_what_a_file_leaves_open_is_printed(folder: Path) -> None:
    item = '[{"id": "a", "question": "q", "answer": "# 18", "output": ["%s"]}]'
    (folder / "weak.json").write_text(item % "I do not know.")
    (folder / "strong.json").write_text(item % "Answer: 18")
    done = run(folder, "zeroeval", "weak.json", "strong.json", "--out", "out.csv")
    assert done.returncode == 0, done.stderr
    assert "weak.json: 0.00 % right; no answer found in 1 of 1 outputs (100.00 %)" in done.stdout
    assert "strong.json: 100.00 % right; no answer found in 0 of 1 outputs" in done.stdout


def test_rows_are_chosen_and_dropped_by_option(folder: Path) -> None:
    (folder / "log.csv").write_text("at,kind\n1,chat\n-,chat\n3,api\n4,chat\n")
    options = ("--column", "time_s=at", "--where", "kind=chat", "--drop-unusable")
    done = run(folder, "arrivals", "log.csv", *options, "--out", "out.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "left out 1 of 3 rows that cannot be used"
    assert (folder / "out.csv").read_text().split() == ["time_s", "1.0", "4.0"]


def test_a_trace_in_seconds_is_read_when_told(folder: Path) -> None:
    line = '{"timestamp": %s, "input_length": 40, "output_length": 9, "hash_ids": [1, 2, 3]}\n'
    (folder / "qwen.jsonl").write_text(line % 1.5 + line % 3.25)
    refused = run(folder, "mooncake", "qwen.jsonl", "--out", "out.csv")
    assert refused.returncode == 2
    for word in ("line 1", "timestamp", "512 tokens", "--time-unit s", "--block-tokens"):
        assert word in refused.stderr
    options = ("--time-unit", "s", "--block-tokens", "16")
    done = run(folder, "mooncake", "qwen.jsonl", *options, "--out", "out.csv")
    assert done.returncode == 0, done.stderr
    assert "2 requests in 1.75 s" in done.stdout


NAMES = ("prompt_tokens=tokens", "quality_device=small", "quality_edge=large")
MAPPED = [text for name in NAMES for text in ("--column", name)]


def test_mapped_columns_arrive_under_the_documented_names(folder: Path) -> None:
    done = run(folder, "outcomes", "mine.csv", *MAPPED, "--out", "out.parquet")
    assert done.returncode == 0, done.stderr
    outcomes = read_recording(Outcomes, folder / "out.parquet")
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
        (("azure", "mine.csv", "--time-unit", "s"), "--time-unit"),
        (("azure", "mine.csv", "--where", "a=1"), "--where"),
        (("azure", "mine.csv", "--drop-unusable"), "--drop-unusable"),
        (("outcomes", "mine.csv", *MAPPED, "--block-tokens", "16"), "--block-tokens"),
        (("outcomes", "mine.csv", *MAPPED, "--scenario", "gsm8k"), "--scenario"),
        (("outcomes", "mine.csv", "--column", "tokens"), "--column"),
        (("outcomes", "mine.csv", *MAPPED, "--where", "small=7"), "a value that is there: 0, 1"),
        (("trace", "mine.csv", *MAPPED), "arrival_s"),
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

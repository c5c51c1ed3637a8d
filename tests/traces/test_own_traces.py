"""A csv of arrival time, prompt, score and two qualities becomes a trace; the rest is drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeroute_env import EdgeRouteEnv, InputError, Trace
from edgeroute_env.recordings.tables import Picked
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.columns import BASE_NAMES
from edgeroute_env.traces.own import trace_from_table

MINE = pd.DataFrame(
    {
        "arrival_s": [0.0, 12.5, 60.0, 61.0],
        "prompt_tokens": [30, 8, 120, 55],
        "score": [0.1, 0.7, 0.4, 0.9],
        "quality_device": [1.0, 0.0, 0.25, 1.0],
        "quality_edge": [1.0, 1.0, 0.5, 0.0],
    }
)


def made(tmp_path: Path, frame: pd.DataFrame, scenario: str = "paper", **more: object) -> Trace:
    path = tmp_path / "mine.csv"
    frame.to_csv(path, index=False)
    overrides = {key.replace("__", "."): value for key, value in more.items()}
    return trace_from_table(path, load_scenario(scenario, overrides)).trace


@pytest.mark.parametrize("scenario", ["paper", "gsm8k", "mtbench101", "fleet"])
def test_five_columns_are_enough(scenario: str, tmp_path: Path) -> None:
    trace = made(tmp_path, MINE, scenario)
    for name in MINE:
        np.testing.assert_array_equal(trace[name], MINE[name].to_numpy().astype(trace[name].dtype))
    assert trace["turn"].tolist() == [1] * 4
    assert trace["last_turn"].all()
    assert np.unique(trace["snr_db"]).size == 4  # drawn
    env = EdgeRouteEnv(scenario, traces=trace)
    env.reset(seed=0)
    ends = [env.step(k % 2)[3] for k in range(4)]
    assert ends == [False, False, False, True]


def test_the_seed_draws_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    MINE.to_csv(path, index=False)
    scenario = load_scenario()
    first, again, other = (trace_from_table(path, scenario, seed=k).trace for k in (1, 1, 2))
    for name in BASE_NAMES:
        assert first[name].tobytes() == again[name].tobytes()
    assert first["snr_db"].tobytes() != other["snr_db"].tobytes()
    assert first["score"].tobytes() == other["score"].tobytes()


def test_dialogues_are_kept_together(tmp_path: Path) -> None:
    trace = made(tmp_path, MINE.assign(dialogue=["x", "x", "y", "y"]), "mtbench101")
    assert trace["turn"].tolist() == [1, 2, 1, 2]
    assert trace["last_turn"].tolist() == [False, True, False, True]
    numbered = made(tmp_path, MINE.assign(turn=[1, 2, 1, 2]), "mtbench101")
    assert numbered["last_turn"].tolist() == [False, True, False, True]


def test_phones_may_have_names_and_dialogues_at_once(tmp_path: Path) -> None:
    frame = MINE.assign(device=["ann", "bob", "ann", "bob"], dialogue=["x", "y", "x", "y"])
    trace = made(tmp_path, frame, "mtbench101", device__count=2)
    assert trace["device"].tolist() == [0, 1, 0, 1]
    assert trace["turn"].tolist() == [1, 1, 2, 2]
    with pytest.raises(InputError, match=r"device: got 1.*device\.count"):
        made(tmp_path, frame, "mtbench101")
    with pytest.raises(InputError, match="turn, row 3"):
        made(tmp_path, frame.assign(device=0), "mtbench101")


def test_every_column_of_a_trace_may_be_given(tmp_path: Path) -> None:
    env = EdgeRouteEnv("mtbench101")
    env.reset(seed=3)
    drawn = env.trace
    frame = pd.DataFrame({name: drawn[name] for name in BASE_NAMES})
    trace = made(tmp_path, frame, "mtbench101")
    for name in BASE_NAMES:
        assert trace[name].tobytes() == drawn[name].tobytes(), name


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01T10:00:00Z", "2024-01-01T10:00:12.5Z", "2024-01-01 10:01Z", "20240101T100101Z"],
        [1704103200, 1704103212.5, 1704103260, 1704103261],
    ],
)
def test_times_of_a_calendar_count_from_the_first(times: list[object], tmp_path: Path) -> None:
    trace = made(tmp_path, MINE.assign(arrival_s=times))
    np.testing.assert_allclose(trace["arrival_s"], MINE["arrival_s"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arrival_s": [0, 5, 4, 6]}, r"mine\.csv: arrival_s, row 2"),
        ({"score": [0.1, 1.1, 0, 0]}, r"score, row 1: got '1\.1'.*--drop-unusable"),
        ({"quality_edge": ["1", "maybe", "0", "1"]}, "quality_edge, row 1: got 'maybe'"),
        ({"prompt_tokens": [0, 1, 1, 1]}, "prompt_tokens, row 0"),
        ({"benchmark": [7, 0, 0, 0]}, "benchmark.*7"),
    ],
)
def test_what_cannot_be_used_is_named(
    change: dict[str, list[object]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        made(tmp_path, MINE.assign(**change))


def test_what_has_to_be_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"arrival_s: got .no column.*--column arrival_s=NAME"):
        made(tmp_path, MINE.drop(columns="arrival_s"))
    with pytest.raises(InputError, match=r"quality_device.*both qualities"):
        made(tmp_path, MINE.drop(columns="quality_edge"))
    path = tmp_path / "mine.csv"
    MINE.to_csv(path)
    with pytest.raises(InputError, match="edgeroute trace import trace"):
        Trace.load(path)


def test_rows_are_chosen_and_dropped(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    MINE.assign(app=["a", "a", "a", "b"], score=[0.1, None, 0.4, 0.9]).to_csv(path)
    own = trace_from_table(path, load_scenario(), Picked({}, {"app": "a"}, True))
    assert own.trace["arrival_s"].tolist() == [0.0, 60.0]
    assert own.notes[0] == "left out 1 of 3 rows that cannot be used"
    assert "score" in own.notes[1]


@pytest.mark.thorough
def test_the_command_line_makes_a_trace_that_runs(tmp_path: Path) -> None:
    text = "when,question,small,big\n10,What is two?,0,true\n70,Name a prime.,True,1\n80,,1,1\n"
    (tmp_path / "mine.csv").write_text(text)
    command = [sys.executable, "-m", "edgeroute_env"]
    names = ("arrival_s=when", "prompt=question", "quality_device=small", "quality_edge=big")
    options = [word for name in names for word in ("--column", name)]
    made = [*command, "trace", "import", "trace", "mine.csv", *options, "-s", "gsm8k"]
    done = subprocess.run(
        [*made, "--drop-unusable", "-o", "own.parquet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "left out 1 of 3 rows" in done.stdout
    assert Trace.load(tmp_path / "own.parquet")["quality_edge"].tolist() == [1.0, 1.0]
    refused = subprocess.run(
        [*made, "--time-unit", "s", "-o", "b.parquet"], cwd=tmp_path, capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert "--time-unit" in refused.stderr
    ran = subprocess.run(
        [*command, "run", "-s", "gsm8k", "--trace", "own.parquet", "--router", "edge"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr

"""`edgeroute trace` and `edgeroute data`: files come out whole, exact and never over others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgeroute_env import EdgeRouteEnv, Trace
from edgeroute_env.recordings.downloads import datasets, published
from edgeroute_env.recordings.importers import IMPORTERS
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.traces.columns import BASE_NAMES
from tests.helpers.command_line import Command, write_scenario


def files() -> set[str]:
    return {path.name for path in Path().iterdir()} - {"data", "tiny.yaml"}


# --- make


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.csv.gz"])
@pytest.mark.parametrize("seed", [0, 5])
def test_a_made_trace_is_the_one_that_reset_draws(name: str, seed: int, edgeroute: Command) -> None:
    phones = ("--set", "device.count=3", "--set", "radio.interference_margin_db=20")
    ended = edgeroute("trace", "make", "-s", "tiny.yaml", "-o", name, "--seed", str(seed), *phones)
    assert ended.code == 0
    assert "6 turns" in ended.out
    assert "synthetic" in ended.out
    assert files() == {name}
    changes = {"device.count": 3, "radio.interference_margin_db": 20}
    env = EdgeRouteEnv("tiny.yaml", overrides=changes)
    env.reset(seed=seed)
    made = Trace.load(name)
    for column in BASE_NAMES:
        assert made[column].dtype == env.trace[column].dtype
        assert made[column].tobytes() == env.trace[column].tobytes()


def test_a_made_trace_replays_to_the_same_episode(edgeroute: Command) -> None:
    edgeroute("trace", "make", "-s", "tiny.yaml", "--out", "t.csv", "--seed", "9")
    drawn, replayed = EdgeRouteEnv("tiny.yaml"), EdgeRouteEnv("tiny.yaml", traces="t.csv")
    assert drawn.reset(seed=9)[0].tobytes() == replayed.reset(seed=0)[0].tobytes()
    for action in (0, 1, 1, 0, 1, 0):
        own, other = drawn.step(action), replayed.step(action)
        assert own[0].tobytes() == other[0].tobytes()
        assert own[1:] == other[1:]


def test_a_recorded_trace_is_the_one_that_reset_draws(edgeroute: Command) -> None:
    rows = {"prompt_tokens": [11, 12, 13], "quality_device": [0, 1, 0], "quality_edge": [1, 1, 0]}
    pd.DataFrame(rows).to_csv("data/q.csv", index=False)
    mix = "mix: [{benchmark: gsm8k-qwen1.5b-qwen72b, share: 1, outcomes: {file: q.csv}}]"
    write_scenario(Path(), more=f", {mix}")
    make = ("trace", "make", "-s", "tiny.yaml", "--seed", "2")
    for wanted in ("recorded", "auto"):
        ended = edgeroute(*make, "--traces", wanted, "-o", f"{wanted}.parquet")
        assert ended.code == 0
        assert "recorded (from q.csv)" in ended.out
        env = EdgeRouteEnv("tiny.yaml", traces="recorded")
        env.reset(seed=2)
        made = Trace.load(f"{wanted}.parquet")
        assert all(made[c].tobytes() == env.trace[c].tobytes() for c in BASE_NAMES)
        assert set(made["prompt_tokens"]) <= {11, 12, 13}
    Path("data/q.csv").unlink()
    ended = edgeroute(*make, "--traces", "auto", "-o", "without.parquet")
    assert "the data folder lacks q.csv" in " ".join(ended.out.split())
    assert not set(Trace.load("without.parquet")["prompt_tokens"]) <= {11, 12, 13}


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_a_trace_is_not_overwritten_unasked(name: str, edgeroute: Command) -> None:
    make = ("trace", "make", "-s", "tiny.yaml", "--out", name)
    assert edgeroute(*make).code == 0
    first = Path(name).read_bytes()
    refused = edgeroute(*make, "--seed", "1")
    assert refused.code == 2
    assert refused.err.startswith(f"edgeroute: output: got '{name}'; allowed: ")
    assert "--overwrite" in refused.err
    assert refused.err.count("\n") == 1
    assert Path(name).read_bytes() == first
    assert edgeroute(*make, "--overwrite").code == 0
    assert Path(name).read_bytes() == first  # the same seed gives the same bytes
    assert edgeroute(*make, "--seed", "1", "--overwrite").code == 0
    assert Path(name).read_bytes() != first
    assert files() == {name}


# --- info


def test_info_shows_every_column_and_its_figures(edgeroute: Command) -> None:
    edgeroute("trace", "make", "-s", "tiny.yaml", "--out", "t.csv")
    ended = edgeroute("trace", "info", "t.csv")
    assert ended.code == 0
    assert "t.csv: 6 turns" in ended.out
    trace = Trace.load("t.csv")
    lines = {words[0]: words[1:] for words in map(str.split, ended.out.splitlines()) if words}
    for name in BASE_NAMES:
        values = trace[name].astype(float)
        expected = (values.min(), np.median(values), values.mean(), values.max())
        assert lines[name][:4] == [f"{value:.4g}" for value in expected]


def spoilt(column: str, row: int, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return spoil


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (spoilt("score", 2, float("nan")), ["score, row 2", "nan", "0 to 1"]),
        (spoilt("snr_db", 1, 99.0), ["snr_db, row 1", "99", "-20 to 30"]),
        (spoilt("arrival_s", 3, 0.0), ["arrival_s, row 3", "0.0", "at least"]),
        (spoilt("turn", 0, 4), ["turn, row 0", "4"]),
        (lambda frame: frame.drop(columns="rtt_s"), ["columns", "rtt_s"]),
        (lambda frame: frame.assign(colour=1), ["columns", "colour"]),
        (lambda frame: frame.head(0), ["t.csv"]),
    ],
)
def test_info_names_what_is_wrong_with_a_trace(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], named: list[str], edgeroute: Command
) -> None:
    edgeroute("trace", "make", "-s", "tiny.yaml", "--out", "t.csv")
    spoil(pd.read_csv("t.csv")).to_csv("t.csv", index=False)
    ended = edgeroute("trace", "info", "t.csv")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("edgeroute: t.csv: ")
    assert ended.err.count("\n") == 1
    for part in named:
        assert part in ended.err


# --- import

ANSWER = json.dumps({"answer": "18"})
ZEROEVAL = [{"id": "q0", "question": "How many?", "answer": "# 18", "output": [ANSWER]}]
PUBLISHED: dict[str, tuple[list[str], Any, int]] = {
    "routellm": (["prompt,small,large\nWhat?,False,True\nWho?,True,True\n"], Outcomes, 2),
    "zeroeval": ([json.dumps(ZEROEVAL), json.dumps(ZEROEVAL)], Outcomes, 1),
    "mtbench101": (
        [
            json.dumps({"task": "GR", "id": 1, "history": [{"user": "Hi.", "bot": "Hello."}] * 3})
            + "\n"
        ],
        Dialogues,
        3,
    ),
    "azure": (
        [
            "TIMESTAMP,ContextTokens,GeneratedTokens\n"
            "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
        ],
        Arrivals,
        2,
    ),
    "mooncake": (
        [
            "".join(
                json.dumps(
                    {"timestamp": 3000 * i, "input_length": 600, "output_length": 9}
                    | {"hash_ids": [1, 2 + i]}
                )
                + "\n"
                for i in range(4)
            )
        ],
        Arrivals,
        4,
    ),
}


def test_every_importer_has_its_example() -> None:
    assert set(PUBLISHED) == set(IMPORTERS)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_become_the_importers_table(name: str, edgeroute: Command) -> None:
    texts, kind, rows = PUBLISHED[name]
    sources = [
        Path(f"source{i}.{'csv' if ',' in text[:9] else 'json'}") for i, text in enumerate(texts)
    ]
    for source, text in zip(sources, texts, strict=True):
        source.write_text(text)
    command = ("trace", "import", name, *map(str, sources), "--out", "table.parquet")
    ended = edgeroute(*command)
    assert (ended.code, ended.err) == (0, "")
    assert f"{rows} rows" in ended.out
    expected = IMPORTERS[name].read(sources, {}).columns()
    found = read_recording(kind, "table.parquet").columns()
    assert list(found) == list(expected)
    for column, values in expected.items():
        np.testing.assert_array_equal(found[column], values)
    written = Path("table.parquet").read_bytes()
    refused = edgeroute(*command)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "table.parquet" in refused.err
    assert Path("table.parquet").read_bytes() == written
    assert edgeroute(*command, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("name", "count", "named"),
    [("azure", 2, "one file"), ("zeroeval", 1, "two files"), ("mooncake", 2, "one file")],
)
def test_an_importer_says_how_many_files_it_takes(
    name: str, count: int, named: str, edgeroute: Command
) -> None:
    Path("source.csv").write_text(PUBLISHED[name][0][0])
    ended = edgeroute("trace", "import", name, *["source.csv"] * count, "--out", "table.csv")
    assert ended.code == 2
    assert named in ended.err
    assert not Path("table.csv").exists()


# --- data


def test_data_lists_the_datasets_and_what_is_here(edgeroute: Command, tmp_path: Path) -> None:
    some = published()[0]
    (tmp_path / "data" / some.dataset / some.path).parent.mkdir(parents=True)
    (tmp_path / "data" / some.dataset / some.path).write_text("")
    lines = edgeroute("data", "list").out.splitlines()
    for name, dataset in datasets().items():
        line = next(line for line in lines if line.startswith(f"{name} "))
        assert dataset.licence in line
        assert f"{int(name == some.dataset)}/{dataset.files}" in line


def test_data_path_prints_the_folder_alone(edgeroute: Command, tmp_path: Path) -> None:
    assert edgeroute("data", "path") == (0, f"{tmp_path / 'data'}\n", "")


def test_data_get_without_a_network_is_one_error(edgeroute: Command, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"  # discard: nothing listens
    ended = edgeroute("data", "get", "azure", "--base-url", nowhere, "--quiet")
    assert ended.code == 2
    assert nowhere in ended.err
    assert ended.err.count("\n") == 1
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]

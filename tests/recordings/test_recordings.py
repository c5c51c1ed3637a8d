"""Recordings hold what they promise, survive a file, and name the first bad row."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeroute_env.errors import InputError
from edgeroute_env.recordings import downloads
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes, Recording, SnrRuns
from edgeroute_env.recordings.tables import read_recording, write_table

ENDINGS = (".parquet", ".csv", ".csv.gz")

GOOD: dict[type[Recording], dict[str, list[Any]]] = {
    Outcomes: {
        "prompt_tokens": [5, 6, 7],
        "quality_device": [0.0, 1.0, 0.5],
        "quality_edge": [1.0, 1.0, 0.25],
        "answer_tokens_device": [1, 2, 3],
        "answer_tokens_edge": [4, 5, 6],
        "score": [0.1, 0.2, 0.3],
        "group": ["law", "law", "history of art"],
    },
    Dialogues: {
        "task": ["GR", "GR", "GR"],
        "dialogue": [0, 0, 1],
        "turn": [1, 2, 1],
        "prompt_tokens": [3, 4, 5],
        "answer_tokens": [6, 7, 8],
    },
    Arrivals: {"time_s": [0.0, 0.1, 3.0], "session": [0, 1, 0]},
    SnrRuns: {
        "run": [4, 4, 2],
        "time_s": [0.0, 1.0, 0.0],
        "snr_db": [-3.5, 0.0, 35.0],
        "mobility": ["static", "static", "driving"],
    },
}


def make(kind: type[Recording], **changes: Any) -> Recording:
    return kind(**{**GOOD[kind], **changes})


def assert_same(one: Recording, other: Recording) -> None:
    assert one.columns().keys() == other.columns().keys()
    for name, values in one.columns().items():
        assert values.dtype.kind == other.columns()[name].dtype.kind
        np.testing.assert_array_equal(values, other.columns()[name])


@pytest.mark.parametrize("kind", GOOD)
def test_columns_are_read_only_copies_of_the_declared_types(kind: type[Recording]) -> None:
    given_arrays = {name: np.array(values) for name, values in GOOD[kind].items()}
    recording = kind(**given_arrays)
    assert len(recording) == 3
    for name, values in recording.columns().items():
        assert not values.flags.writeable
        assert not np.shares_memory(values, given_arrays[name])
        assert values.dtype.kind in "ifU"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", GOOD)
def test_a_written_table_reads_back_the_same(
    kind: type[Recording], ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"table{ending}"
    write_table(make(kind), path)
    assert_same(read_recording(kind, path), make(kind))
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


TIMES = arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e12, 1e12)).map(np.sort)


@settings(max_examples=25, deadline=None)
@given(time_s=TIMES, ending=st.sampled_from(ENDINGS))
def test_any_arrival_times_survive_a_file_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, time_s: np.ndarray, ending: str
) -> None:
    path = tmp_path_factory.mktemp("round_trip") / f"table{ending}"
    write_table(Arrivals(time_s), path)
    assert_same(read_recording(Arrivals, path), Arrivals(time_s))


@given(
    steps=st.lists(st.tuples(st.integers(0, 4), st.floats(0, 100)), min_size=1, max_size=40),
)
def test_gaps_and_follow_ups_add_up(steps: list[tuple[int, float]]) -> None:
    session = [number for number, _ in steps]
    time_s = np.cumsum([gap for _, gap in steps])
    arrivals = Arrivals(time_s, session)
    assert arrivals.gaps_s.size == len(steps) - 1
    assert arrivals.gaps_s.sum() == pytest.approx(time_s[-1] - time_s[0])
    follow_ups = arrivals.follow_up_gaps_s
    assert follow_ups.size == len(steps) - len(set(session))
    assert (follow_ups >= 0).all()
    spans = [np.ptp(time_s[np.array(session) == number]) for number in set(session)]
    assert follow_ups.sum() == pytest.approx(sum(spans))


def test_follow_ups_need_sessions() -> None:
    with pytest.raises(InputError, match="session"):
        _ = Arrivals([0.0, 1.0]).follow_up_gaps_s


def test_optional_columns_may_be_missing_and_required_may_not() -> None:
    assert make(Outcomes, score=None, group=None).columns().keys() & {"score", "group"} == set()
    with pytest.raises(InputError, match="quality_edge"):
        make(Outcomes, quality_edge=None)


BAD = [
    (Outcomes, "prompt_tokens", [5, 0, 0], "prompt_tokens, row 1: got 0"),
    (Outcomes, "prompt_tokens", [5, 5.5, 6], "prompt_tokens, row 1: got 5.5"),
    (Outcomes, "quality_device", [0.0, 1.5, 2.0], "quality_device, row 1: got 1.5"),
    (Outcomes, "quality_edge", [0.0, 0.0, float("nan")], "quality_edge, row 2: got nan"),
    (Outcomes, "score", [0.0, -0.1, 0.0], "score, row 1: got -0.1"),
    (Outcomes, "group", ["a", "", "b"], "group, row 1: got ''"),
    (Outcomes, "prompt_tokens", ["5", "x", "7"], "prompt_tokens, row 1: got 'x'"),
    (Outcomes, "answer_tokens_edge", [1, 2], "answer_tokens_edge: got '2 rows'"),
    (Outcomes, "prompt_tokens", [], "prompt_tokens: got 'shape"),
    (Dialogues, "dialogue", [0, 0, 2], "dialogue, row 2: got 2"),
    (Dialogues, "dialogue", [1, 1, 2], "dialogue, row 0: got 1"),
    (Dialogues, "dialogue", [0, 1, 0], "dialogue, row 2: got 0"),
    (Dialogues, "turn", [1, 3, 1], "turn, row 1: got 3"),
    (Dialogues, "turn", [1, 2, 2], "turn, row 2: got 2"),
    (Dialogues, "task", ["GR", "SI", "SI"], "task, row 1: got 'SI'"),
    (Arrivals, "time_s", [0.0, 2.0, 1.0], "time_s, row 2: got 1.0"),
    (Arrivals, "time_s", [0.0, float("inf"), 1.0], "time_s, row 1: got inf"),
    (Arrivals, "session", [0, -1, 0], "session, row 1: got -1"),
    (SnrRuns, "time_s", [1.0, 0.0, 0.0], "time_s, row 1: got 0.0"),
    (SnrRuns, "run", [0, 1, 0], "run, row 2: got 0"),
    (SnrRuns, "snr_db", [0.0, 0.0, 1e3], "snr_db, row 2: got 1000.0"),
]


@pytest.mark.parametrize(("kind", "column", "values", "message"), BAD)
def test_the_first_bad_row_is_named(
    kind: type[Recording], column: str, values: list[Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        make(kind, **{column: values})
    assert str(caught.value).startswith(message)


def test_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_text("subject,tok,ok:small,ok:large\nlaw,12,0,1\nlaw,9,1,1\n")
    columns = {"prompt_tokens": "tok", "quality_device": "ok:small", "quality_edge": "ok:large"}
    outcomes = read_recording(Outcomes, path, columns)
    assert outcomes.prompt_tokens.tolist() == [12, 9]
    assert outcomes.quality_device.tolist() == [0.0, 1.0]
    assert outcomes.group is None
    grouped = read_recording(Outcomes, path, {**columns, "group": "subject"})
    assert grouped.group is not None
    assert grouped.group.tolist() == ["law", "law"]


def test_dialogues_are_numbered_from_task_and_id(tmp_path: Path) -> None:
    path = tmp_path / "turns.csv.gz"
    text = "task,id,turn,user_tok,bot_tok\nGR,7,1,3,4\nGR,7,2,5,6\nSI,7,1,1,1\nSI,2,1,1,1\n"
    path.write_bytes(gzip.compress(text.encode()))
    columns = {"dialogue": "id", "prompt_tokens": "user_tok", "answer_tokens": "bot_tok"}
    assert read_recording(Dialogues, path, columns).dialogue.tolist() == [0, 0, 1, 2]


def test_a_dialogue_taken_up_again_later_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "turns.csv"
    path.write_text(
        "task,dialogue,turn,prompt_tokens,answer_tokens\nA,1,1,3,4\nA,2,1,5,6\nA,1,2,1,1\n"
    )
    with pytest.raises(InputError, match="dialogue, row 2"):
        read_recording(Dialogues, path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "readable"),
        ("time_s\n", "one row at least"),
        ("when\n1\n", "one of when"),
        ("time_s\n1\n\n3,4,5\n", "readable"),
        ("time_s,session\n1,0\n,0\n", "time_s, row 1"),
        ("time_s\n1\nsoon\n", "time_s, row 1"),
        ("time_s\n2\n1\n", "time_s, row 1"),
    ],
)
def test_every_fault_of_a_file_is_one_error_naming_it(
    text: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "arrivals.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=reason) as caught:
        read_recording(Arrivals, path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz"])
def test_a_damaged_file_is_one_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(InputError, match="existing"):
        read_recording(Arrivals, path)
    write_table(make(Arrivals), path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="readable"):
        read_recording(Arrivals, path)


def test_a_missing_mapped_column_tells_which_exist(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.csv"
    path.write_text("time_s,user\n1,2\n")
    with pytest.raises(InputError, match=r"no column 'conversation'.*one of time_s, user"):
        read_recording(Arrivals, path, {"session": "conversation"})
    with pytest.raises(InputError, match="columns: got 'sesion'"):
        read_recording(Arrivals, path, {"sesion": "user"})


def test_a_table_is_replaced_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.csv"
    write_table(make(Arrivals), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"arrivals\.csv"):
        write_table(Arrivals([1.0]), path)
    assert path.read_bytes() == before
    write_table(Arrivals([1.0]), path, overwrite=True)
    assert len(read_recording(Arrivals, path)) == 1


# The documented tables of the data folder: kind, column names, rows.
REAL = [
    (
        "mmlu_outcomes.parquet",
        Outcomes,
        {
            "prompt_tokens": "prompt_tok",
            "quality_device": "ok:mistral-7b-v0.1-4bit",
            "quality_edge": "ok:gpt-4-1106",
            "group": "subject",
        },
        9560,
    ),
    (
        "gsm8k_outcomes.parquet",
        Outcomes,
        {
            "prompt_tokens": "prompt_tok",
            "quality_device": "ok:gemma-2-2b-it",
            "quality_edge": "ok:Meta-Llama-3.1-70B-Instruct",
            "answer_tokens_device": "tok:gemma-2-2b-it",
            "answer_tokens_edge": "tok:Meta-Llama-3.1-70B-Instruct",
        },
        1000,
    ),
    (
        "mtbench101_turn_lengths.csv.gz",
        Dialogues,
        {"dialogue": "id", "prompt_tokens": "user_tok", "answer_tokens": "bot_tok"},
        4208,
    ),
    ("azure2023_conv.csv.gz", Arrivals, {"time_s": "t_s"}, 19366),
    ("mooncake_conversation.csv.gz", Arrivals, {"time_s": "t_s"}, 12031),
    ("irish5g_snr.csv.gz", SnrRuns, {"time_s": "t_s"}, 164742),
]


@pytest.mark.parametrize(("name", "kind", "columns", "rows"), REAL)
def test_the_documented_tables_read_cleanly_and_survive_a_file(
    name: str, kind: type[Recording], columns: dict[str, str], rows: int, tmp_path: Path
) -> None:
    path = downloads.data_folder() / name
    if not path.is_file():
        pytest.skip(f"no {name} in the data folder")
    recording = read_recording(kind, path, columns)
    assert len(recording) == rows
    write_table(recording, tmp_path / "copy.parquet")
    assert_same(read_recording(kind, tmp_path / "copy.parquet"), recording)

"""Tables of one's own: rows are chosen and left out with a count, texts are counted in tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes, Recording, SnrRuns
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.recorded import recorded_law

LOG = (
    "Timestamp,Session ID,Kind\n"
    "100.0,s-1,Conversation log\n"
    "130.0,,API log\n"
    "\n"
    "190.0,s-1,Conversation log\n"
)
LOGGED = {"time_s": "Timestamp", "session": "Session ID"}


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_rows_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", LOG)
    arrivals = read_recording(Arrivals, path, LOGGED, drop_unusable=True)
    assert arrivals.time_s.tolist() == [100.0, 190.0]
    assert arrivals.notes == ("left out 1 of 3 rows that cannot be used",)
    assert read_recording(Arrivals, path, {"time_s": "Timestamp"}, drop_unusable=True).notes == ()
    with pytest.raises(InputError, match=r"session, row 1.*empty cell.*--drop-unusable"):
        read_recording(Arrivals, path, LOGGED)


@pytest.mark.parametrize("row", ["0,1,-", ",,", "0,1,", "0,x,7", "0,1,NaN", "0,1,1e9", ",1,7"])
def test_any_unusable_cell_takes_its_row_along(row: str, tmp_path: Path) -> None:
    path = write(tmp_path / "snr.csv", f"run,time_s,snr_db\n0,0,10\n{row}\n0,2,9\n")
    with pytest.raises(InputError, match=r"snr\.csv: (run|time_s|snr_db), row 1"):
        read_recording(SnrRuns, path)
    runs = read_recording(SnrRuns, path, drop_unusable=True)
    assert runs.snr_db.tolist() == [10.0, 9.0]
    assert runs.run.tolist() == [0, 0]
    assert runs.notes == ("left out 1 of 3 rows that cannot be used",)


def test_a_table_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "snr.csv", "run,time_s,snr_db\n0,0,-\n0,1,-\n")
    with pytest.raises(InputError, match="none of them usable"):
        read_recording(SnrRuns, path, drop_unusable=True)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"run": 3}, [1, 2]),
        ({"run": "3"}, [1, 2]),
        ({"run": 3.0}, [1, 2]),
        ({"app": "Download"}, [0, 2]),
        ({"indoors": True}, [0, 1]),
        ({"indoors": "true"}, [0, 1]),
        ({"run": 3, "app": "Download"}, [2]),
    ],
)
def test_rows_are_chosen_by_texts_numbers_and_truths(
    where: dict[str, str | float], rows: list[int], ending: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {
            "run": [1, 3, 3],
            "time_s": [0.0, 0.0, 1.0],
            "snr_db": [0.0, 1.0, 2.0],
            "app": ["Download", "Video", "Download"],
            "indoors": [True, True, False],
        }
    )
    path = tmp_path / f"snr{ending}"
    frame.to_parquet(path) if ending == ".parquet" else frame.to_csv(path, index=False)
    assert read_recording(SnrRuns, path, where=where).snr_db.tolist() == rows


def test_a_value_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", LOG)
    with pytest.raises(InputError, match=r"where Kind.*'Chat'.*API log, Conversation log"):
        read_recording(Arrivals, path, LOGGED, where={"Kind": "Chat"})
    with pytest.raises(InputError, match=r"where.*'kind'.*Timestamp, Session ID, Kind"):
        read_recording(Arrivals, path, LOGGED, where={"kind": "API log"})


def test_a_scenario_chooses_and_drops_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    write(tmp_path / "mine.csv", "run,time_s,snr_db\n1,0,5\n3,0,10\n3,1,-\n3,2,9\n")
    scenario = tmp_path / "own.yaml"
    table = "{file: mine.csv, where: {run: 3}, drop_unusable: true}"
    write(scenario, f"extends: paper\nname: own\ndescription: x\nradio:\n  snr_runs: {table}\n")
    loaded = load_scenario(scenario)
    assert recorded_law(loaded).link["snr_db"].tolist() == [10.0, 10.0, 9.0]
    assert load_scenario(loaded, {"device.count": 2}).radio.snr_runs == loaded.radio.snr_runs


def test_an_index_without_a_name_is_no_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time_s": [0.0, 1.0], "session": ["a", "b"]})
    frame.to_csv(tmp_path / "a.csv")
    frame.set_index(pd.Index([7, 8])).to_parquet(tmp_path / "a.parquet")
    for path in tmp_path.iterdir():
        assert read_recording(Arrivals, path).time_s.tolist() == [0.0, 1.0]


def test_texts_are_counted_in_tokens(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    frame = pd.DataFrame(
        {
            "prompt": ["What is two\nplus two?", "Name a prime."],
            "reply": ["Four.", "Two, which is the only even one."],
            "small": [0, 1],
            "big": ["true", "True"],
        }
    )
    frame.to_csv(path, index=False)
    columns = {"answer_edge": "reply", "quality_device": "small", "quality_edge": "big"}
    outcomes = read_recording(Outcomes, path, columns)
    assert (outcomes.prompt_tokens >= 3).all()
    assert outcomes.answer_tokens_edge is not None
    assert outcomes.answer_tokens_edge[0] < outcomes.answer_tokens_edge[1]
    assert outcomes.quality_edge.tolist() == [1.0, 1.0]
    with pytest.raises(InputError, match=r"prompt_tokens, row 0: got 'What is two\\nplus two\?'"):
        read_recording(Outcomes, path, {**columns, "prompt_tokens": "prompt"})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("time_s\n1\n2023-11-16 18:15:46.6805900\n", "'2023-11-16 18:15:46.6805900'"),
        ("time_s\n1.50\n0x10\n", "'0x10'"),
        ("time_s\n1\n 1_000\n", "' 1_000'"),
        ("time_s\n1\nTrue\n", "'True'"),
    ],
)
def test_an_error_shows_the_files_own_text(text: str, shown: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_recording(Arrivals, write(tmp_path / "a.csv", text))
    assert "a.csv: time_s, row 1" in str(caught.value)
    assert shown in str(caught.value)


def test_an_interleaved_dialogue_is_named_as_in_the_file(tmp_path: Path) -> None:
    text = "task,dialogue,turn,prompt_tokens,answer_tokens\nq,a,1,1,2\nq,b,1,1,5\nq,a,2,9,7\n"
    with pytest.raises(InputError, match=r"dialogue, row 2: got 'a'.*sort the table"):
        read_recording(Dialogues, write(tmp_path / "d.csv", text))


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        (SnrRuns, "run,time_s,snr_db\n-,9,9\na,0,5\nb,0,5\na,1,5\n", r"run, row 3: got 'a'.*sort"),
        (SnrRuns, "run,time_s,snr_db\n-,9,9\n3,5,5\n3,1.50,5\n", r"time_s, row 2: got '1.50'"),
        (Arrivals, "time_s\n-\n2023-11-17\n2023-11-16\n", r"time_s, row 2: got '2023-11-16'"),
    ],
)
def test_what_is_out_of_order_is_named_by_its_row_in_the_file(
    kind: type[Recording], text: str, error: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", text.replace("-,9,9", ",9,9"))
    with pytest.raises(InputError, match=rf"a\.csv: {error}"):
        read_recording(kind, path, drop_unusable=True)


def test_a_row_keeps_its_number_when_others_are_not_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "time_s,kind\n1,api\n2,chat\nsoon,chat\n")
    with pytest.raises(InputError, match="time_s, row 2: got 'soon'"):
        read_recording(Arrivals, path, where={"kind": "chat"})


@pytest.mark.parametrize(
    ("text", "sessions"),
    [
        ("\ufefftime_s,session\r\n1,b\r\n\r\n2,b\r\n", [0, 0]),
        (" time_s, session\n 1, b\n 2,b\n", [0, 0]),
        ('time_s,session\n1,"a\nb"\n2,"a\nb"\n', [0, 0]),
        ("Unnamed: 0,,time_s,session\n0,0,1,x\n1,1,2,y\n", [0, 1]),
        ("time_s,session\n1,x\n2,  \n3,x\n", [0, 0]),
    ],
    ids=["BOM and CRLF", "spaces", "quoted line breaks", "two indexes", "a blank name"],
)
def test_tables_as_others_write_them(text: str, sessions: list[int], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    session = read_recording(Arrivals, path, drop_unusable=True).session
    assert session is not None
    assert session.tolist() == sessions


@pytest.mark.parametrize("text", ["time_s;session\n1;a\n", "time_s;session\n1,5;a\n2,5;b\n"])
def test_other_separators_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column 'time_s'.*time_s;session|commas between"):
        read_recording(Arrivals, write(tmp_path / "a.csv", text))


def test_an_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    times = pd.to_timedelta([0.0, 1.5], unit="s")
    pd.DataFrame({"session": [4, 5]}, index=pd.Index(times, name="time_s")).to_parquet(
        tmp_path / "a.parquet"
    )
    assert read_recording(Arrivals, tmp_path / "a.parquet").time_s.tolist() == [0.0, 1.5]


def test_long_lists_of_columns_are_cut(tmp_path: Path) -> None:
    names = ",".join(f"column{k}" for k in range(5000))
    path = write(tmp_path / "wide.csv", f"{names}\n{','.join(['1'] * 5000)}\n")
    with pytest.raises(InputError, match="and 4980 more") as caught:
        read_recording(Arrivals, path)
    assert len(str(caught.value)) < 1000


def test_a_column_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"columns: got 'time_s'"):
        read_recording(Arrivals, write(tmp_path / "a.csv", "time_s,time_s\n1,2\n"))


def test_a_small_file_that_stands_for_a_huge_table_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    table = pa.table({"time_s": np.zeros(1 << 20)})
    with parquet.ParquetWriter(path, table.schema) as writer:
        for _ in range(257):
            writer.write_table(table)
    assert path.stat().st_size < 3_000_000
    with pytest.raises(InputError, match="cells"):
        read_recording(Arrivals, path)


def test_a_ping_may_be_missing_but_not_be_a_word(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    write(path, "run,time_s,snr_db,cqi,ping_ms\n0,0,5,9,\n0,1,6,,70\n0,2,7,8.5,\n")
    runs = read_recording(SnrRuns, path)
    np.testing.assert_array_equal(runs.columns()["ping_ms"], [np.nan, 70.0, np.nan])
    np.testing.assert_array_equal(runs.columns()["cqi"], [9.0, np.nan, 8.5])
    write(path, "run,time_s,snr_db,ping_ms\n0,0,5,soon\n")
    with pytest.raises(InputError, match=r"ping_ms, row 0: got 'soon'.*or none"):
        read_recording(SnrRuns, path)
    write(path, "run,time_s,snr_db,downlink_kbps\n0,0,5,\n")
    with pytest.raises(InputError, match=r"downlink_kbps, row 0: got 'an empty cell'"):
        read_recording(SnrRuns, path)

"""Times, truths and names are read as what they are, in every table and column, or refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes, Recording, SnrRuns
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.traces.trace import Trace

GAPS_S = [0.0, 1.5, 7.0]
START = datetime(2023, 11, 16, 18, 15, 46)
DATES = [START + timedelta(seconds=gap) for gap in GAPS_S]
ANSWERED = {"prompt_tokens": [5, 6, 7], "quality_device": [0, 1, 1], "quality_edge": [1, 1, 1]}
TALKED = {
    "task": ["A"] * 3,
    "dialogue": [0, 0, 0],
    "turn": [1, 2, 3],
    "prompt_tokens": [3, 4, 5],
    "answer_tokens": [6, 7, 8],
}
MEASURED = {"run": [0, 0, 0], "time_s": GAPS_S, "snr_db": [1.0, 2.0, 3.0]}
TABLES = [
    (Outcomes, {**ANSWERED, "score": [0.1, 0.2, 0.3], "answer_tokens_edge": [1, 2, 3]}),
    (Dialogues, TALKED),
    (Arrivals, {"time_s": GAPS_S, "session": [0, 1, 2]}),
    (SnrRuns, MEASURED),
]


def times() -> dict[str, Any]:
    gaps = pd.to_timedelta(GAPS_S, unit="s")
    return {
        **{f"timedelta {unit}": gaps.astype(f"timedelta64[{unit}]") for unit in ("ms", "us", "ns")},
        **{
            f"datetime {unit}": pd.Series(DATES).astype(f"datetime64[{unit}]")
            for unit in ("ms", "us", "ns")
        },
        "datetime UTC": pd.Series(DATES).dt.tz_localize("UTC"),
        "datetime Dublin": pd.Series(DATES).dt.tz_localize("Europe/Dublin"),
        "ISO": [date.isoformat() for date in DATES],
        "ISO with a space": [date.isoformat(" ") for date in DATES],
        "ISO with a zone": [date.isoformat() + "+01:00" for date in DATES],
        "seven digits": [f"{date:%Y-%m-%d %H:%M:%S.%f}0" for date in DATES],
    }


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize("kind", times())
def test_durations_and_dates_become_seconds(kind: str, ending: str, tmp_path: Path) -> None:
    if ending == ".csv" and kind.startswith("timedelta"):
        pytest.skip("pandas writes durations as texts of its own")
    frame = pd.DataFrame({**MEASURED, "time_s": times()[kind]})
    path = tmp_path / f"t{ending}"
    frame.to_parquet(path) if ending == ".parquet" else frame.to_csv(path, index=False)
    for recording in (Arrivals, SnrRuns):
        found = read_recording(recording, path)
        np.testing.assert_allclose(found.columns()["time_s"], GAPS_S, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        np.array([0, 1500, 7000], "m8[ms]"),
        np.array(DATES, "M8[us]"),
        DATES,
        [timedelta(seconds=gap) for gap in GAPS_S],
        pd.to_timedelta(GAPS_S, unit="s"),
        list(pd.to_datetime(DATES)),
    ],
)
def test_they_do_so_without_a_file(values: Any) -> None:
    np.testing.assert_allclose(Arrivals(values).time_s, GAPS_S)


def test_times_of_a_nettrack_log_are_read(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(
        "Timestamp,SNR,State\n2019.12.16_23.59.59,3,D\n2019.12.17_00.00.01,-,D\n"
        "2019.12.17_00.00.02,4.5,I\n"
    )
    columns = {"time_s": "Timestamp", "snr_db": "SNR", "run": "State"}
    runs = read_recording(SnrRuns, path, columns, where={"State": "D"}, drop_unusable=True)
    assert runs.time_s.tolist() == [0.0]
    assert runs.notes == ("left out 1 of 2 rows that cannot be used",)
    later = read_recording(Arrivals, path, {"time_s": "Timestamp"})
    assert later.time_s.tolist() == [0.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("kind", "table", "column"),
    [
        (kind, table, column)
        for kind, table in TABLES
        for column in table
        if column not in ("time_s", "task")
    ],
)
@pytest.mark.parametrize("dtype", ["timedelta64[ns]", "datetime64[us]"])
def test_elsewhere_they_are_refused(
    kind: type[Recording], table: dict[str, Any], column: str, dtype: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    times = pd.Series([1, 2, 3]).astype("int64").astype(dtype)
    pd.DataFrame({**table, column: times}).to_parquet(path)
    with pytest.raises(InputError, match=rf"t\.parquet: {column}, row 0"):
        read_recording(kind, path)


@pytest.mark.filterwarnings("ignore:The 'generic' unit")  # NumPy 2.5 will make them no more
@pytest.mark.parametrize("unit", ["", "[Y]", "[M]"])
def test_durations_of_no_fixed_length_are_refused(unit: str) -> None:
    with pytest.raises(InputError, match="time_s, row 0"):
        Arrivals(np.array([0, 1, 2], f"m8{unit}"))


@pytest.mark.parametrize("values", [["soon", "later"], ["10:30", "10:31"], ["03/12/2024"] * 2])
def test_other_texts_are_no_times(values: list[str]) -> None:
    with pytest.raises(InputError, match=f"{values[0]}.*2023-11-16 18:15:46"):
        Arrivals(values)


@pytest.mark.parametrize("names", [["b", "a", "b"], ["7f-00", "7f-01", "7f-00"], [9e9, 8e9, 9e9]])
def test_names_are_numbered_in_order(names: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"time_s": GAPS_S, "session": names}).to_parquet(path)
    for arrivals in (read_recording(Arrivals, path), Arrivals(GAPS_S, names)):
        assert arrivals.session is not None
        assert arrivals.session.tolist() == [0, 1, 0]


def test_numbers_that_fit_stay_as_they_are() -> None:
    session = Arrivals(GAPS_S, ["5", "3", "5"]).session
    assert session is not None
    assert session.tolist() == [5, 3, 5]


@pytest.mark.parametrize("truths", [[True, False], ["true", "FALSE"], ["1", "0"], [1, 0]])
def test_qualities_may_be_truths(truths: list[Any]) -> None:
    assert Outcomes([1, 2], truths, [1, 1]).quality_device.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Outcomes([True, True], [0, 1], [1, 1]), "prompt_tokens"),
        (lambda: Outcomes([1, 2], [0, 1], [1, 1], score=[True, False]), "score"),
        (lambda: Arrivals([True, True]), "time_s"),
        (lambda: Arrivals([0.0, 1.0], [False, True]), "session"),
        (lambda: SnrRuns([0, 0], [0, 1], np.array([True, False])), "snr_db"),
        (lambda: Dialogues(["A"], [0], [True], [1], [1]), "turn"),
    ],
)
def test_truths_are_no_numbers(make: Any, field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}, row 0"):
        make()


@pytest.mark.parametrize("values", ["letters", b"bytes", {1, 2}, [[1], [1, 2]], None, object(), 3])
def test_what_is_no_column_is_refused(values: Any) -> None:
    with pytest.raises(InputError, match="time_s"):
        Arrivals(values)


def test_masked_values_are_refused(tmp_path: Path) -> None:
    masked = np.ma.array([0.0, 1.0], mask=[False, True])
    with pytest.raises(InputError, match="masked"):
        Arrivals(masked)
    with pytest.raises(InputError, match="time_s"):
        Arrivals([1.0, None])


def test_a_trace_refuses_masks_and_truths(rest_trace: Any) -> None:
    columns = dict(rest_trace([0.0, 1.0]).columns)
    for name, values, what in (
        ("snr_db", np.ma.array([1.0, 2.0], mask=[True, False]), "masked"),
        ("prompt_tokens", np.array([True, True]), "bool"),
        ("arrival_s", np.array([0, 1], "m8[s]"), "timedelta64"),
        ("arrival_s", np.array(["2020-01-01", "2020-01-02"], "M8[s]"), "datetime64"),
    ):
        with pytest.raises(InputError, match=rf"{name}.*{what}"):
            Trace({**columns, name: values})


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_character_is_no_text(text: str) -> None:
    with pytest.raises(InputError, match="group, row 0"):
        Outcomes([1], [1], [1], group=[text])

"""A trace survives a file exactly; files are named when bad and never overwritten unasked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgeroute_env import EdgeRouteEnv, InputError, Trace, scenario_names
from edgeroute_env.traces.columns import BASE, BASE_NAMES

ENDINGS = [".parquet", ".csv", ".csv.gz"]
MakeTrace = Callable[..., Trace]


def same(first: Trace, second: Trace) -> bool:
    return len(first) == len(second) and all(
        first[c.name].dtype == second[c.name].dtype == np.dtype(c.dtype)
        and first[c.name].tobytes() == second[c.name].tobytes()
        for c in BASE
    )


def drawn(scenario: str = "paper", **overrides: Any) -> Trace:
    env = EdgeRouteEnv(scenario, overrides=overrides)
    env.reset(seed=12)
    return env.trace


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("scenario", scenario_names())
def test_a_drawn_trace_comes_back_bit_for_bit(tmp_path: Path, ending: str, scenario: str) -> None:
    trace = drawn(scenario, **{"device.count": 3})
    path = tmp_path / f"trace{ending}"
    assert trace.save(path) == path
    assert same(Trace.load(path), trace)
    assert same(Trace.load(str(path)), trace)
    assert list(tmp_path.iterdir()) == [path]  # and no temporary file is left


@pytest.mark.parametrize("ending", ENDINGS)
def test_awkward_values_come_back(tmp_path: Path, ending: str, rest_trace: MakeTrace) -> None:
    trace = rest_trace(
        [0.1 + 0.2, 1 / 3, 1e9 / 7],
        answer_tokens_device=[1, 8_388_607.5, 1.1],
        score=[np.float32(0.1), np.nextafter(np.float32(1), np.float32(0)), 1e-30],
        snr_db=[-20, -0.0, 30],
        device=[0, 2**31 - 1, 5],
        device_evicted=[True, False, True],
    )
    assert same(Trace.load(trace.save(tmp_path / f"trace{ending}")), trace)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_saved_trace_replays_identically(tmp_path: Path, ending: str) -> None:
    trace = drawn()
    path = trace.save(tmp_path / f"trace{ending}")
    live, replay = EdgeRouteEnv(), EdgeRouteEnv(traces=path)
    assert live.reset(seed=12)[0].tobytes() == replay.reset(seed=0)[0].tobytes()
    for turn in range(len(trace)):
        ours, theirs = live.step(turn % 2), replay.step(turn % 2)
        assert ours[0].tobytes() == theirs[0].tobytes()
        assert ours[1:] == theirs[1:]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_trace_gives_the_same_file(tmp_path: Path, ending: str) -> None:
    files = [drawn().save(tmp_path / f"{name}{ending}").read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_is_replaced_only_when_told_to(
    tmp_path: Path, ending: str, rest_trace: MakeTrace
) -> None:
    first, second = rest_trace([0.0]), rest_trace([0.0, 1.0])
    path = first.save(tmp_path / f"trace{ending}")
    with pytest.raises(InputError, match=rf"trace{ending}.*allowed.*overwrite"):
        second.save(path)
    assert same(Trace.load(path), first)
    second.save(path, overwrite=True)
    assert same(Trace.load(path), second)


def test_other_places_and_names_are_refused(tmp_path: Path, rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0])
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    for path, allowed in (
        (tmp_path / "trace.txt", r"\.parquet"),
        (tmp_path / "absent" / "trace.csv", "existing folder"),
        (folder, "not a folder"),
    ):
        with pytest.raises(InputError, match=allowed) as caught:
            trace.save(path, overwrite=True)
        assert path.name in str(caught.value)
    assert list(tmp_path.iterdir()) == [folder]
    for path in (tmp_path / "absent.csv", tmp_path / "notes.txt", folder):
        with pytest.raises(InputError, match="allowed"):
            Trace.load(path)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"", b"not a table\x00\xff\n1,2\n", b"PAR1PAR1"])
def test_a_damaged_file_is_named(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"trace{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"trace{ending}"):
        Trace.load(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_half_a_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = drawn().save(tmp_path / f"trace{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 - 3])
    with pytest.raises(InputError, match=rf"trace{ending}"):
        Trace.load(path)


def test_the_checksum_guards_what_the_pages_do_not(tmp_path: Path) -> None:
    """A file rewritten with other values but the old checksum is refused; one without is read."""
    import pyarrow.parquet as pq

    trace = drawn()
    path = trace.save(tmp_path / "trace.parquet")
    table = pq.read_table(path)
    score = table.schema.get_field_index("score")
    halved = table.set_column(score, table.field("score"), [trace["score"] / 2])
    pq.write_table(halved, path)
    with pytest.raises(InputError, match=r"trace\.parquet.*checksum"):
        Trace.load(path)
    pq.write_table(halved.replace_schema_metadata(None), path)
    assert same(Trace.load(path), Trace({**trace.columns, "score": trace["score"] / 2}))


def write_csv(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index=False)
    return path


def test_a_bad_value_in_a_file_is_named_with_its_row(tmp_path: Path) -> None:
    frame = pd.DataFrame({name: drawn()[name] for name in BASE_NAMES})
    path = tmp_path / "trace.csv"
    cases = [
        ("snr_db", 5, 99.0, "snr_db, row 5.*99"),
        ("score", 7, np.nan, "score, row 7.*nan"),
        ("arrival_s", 9, 0.0, "arrival_s, row 9.*0.0"),
    ]
    for column, row, value, message in cases:
        changed = frame.copy()
        changed.loc[row, column] = value
        with pytest.raises(InputError, match=message) as caught:
            Trace.load(write_csv(path, changed))
        assert "trace.csv" in str(caught.value)
    with pytest.raises(InputError, match=r"trace\.csv.*columns.*rtt_s"):
        Trace.load(write_csv(path, frame.drop(columns="rtt_s")))
    with pytest.raises(InputError, match=r"trace\.csv.*columns.*mood"):
        Trace.load(write_csv(path, frame.assign(mood=1)))
    with pytest.raises(InputError, match=r"trace\.csv.*turns.*0"):
        Trace.load(write_csv(path, frame.iloc[:0]))


def test_a_trace_file_may_order_its_columns_freely(tmp_path: Path) -> None:
    trace = drawn()
    frame = pd.DataFrame({name: trace[name] for name in reversed(BASE_NAMES)})
    assert same(Trace.load(write_csv(tmp_path / "trace.csv", frame)), trace)

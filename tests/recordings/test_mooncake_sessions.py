"""Conversations are found again in a request log whose sessions are known; files made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeroute_env.errors import InputError
from edgeroute_env.recordings import downloads
from edgeroute_env.recordings.importers import mooncake_jsonl


def lines(path: Path, items: list[Any]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def request(time_ms: float, tokens: int, blocks: list[int]) -> dict[str, Any]:
    return {
        "timestamp": time_ms,
        "input_length": tokens,
        "output_length": 9,
        "hash_ids": blocks,
    }


def session_list(tmp_path: Path, requests: list[dict[str, Any]]) -> list[int]:
    arrivals = mooncake_jsonl(lines(tmp_path / "mooncake.jsonl", requests))
    assert arrivals.session is not None
    return arrivals.session.tolist()


def test_the_shared_system_prompt_joins_no_sessions(tmp_path: Path) -> None:
    requests = [
        request(0, 600, [0, 1]),
        request(3000, 1000, [0, 2]),
        request(6000, 1100, [0, 3, 4]),
    ]
    assert session_list(tmp_path, requests) == [0, 1, 2]


def test_a_longer_prompt_continues_the_longest_prefix(tmp_path: Path) -> None:
    requests = [
        request(0, 1300, [0, 1, 2]),
        request(0, 2600, [0, 1, 3, 4, 5, 6]),  # the same document, asked about at greater length
        request(3000, 2700, [0, 1, 3, 4, 5, 7]),
        request(6000, 1500, [0, 1, 8]),  # the document's latest reader went on without it
    ]
    assert session_list(tmp_path, requests) == [0, 1, 1, 3]


@pytest.mark.parametrize(
    "second",
    [
        request(3000, 1300, [0, 1, 2]),  # the same prompt again
        request(0, 1800, [0, 1, 3, 4]),  # at the same moment
        request(3000, 1800, [0, 5, 6, 7]),  # another text
    ],
)
def test_what_does_not_follow_begins_a_session(second: dict[str, Any], tmp_path: Path) -> None:
    assert session_list(tmp_path, [request(0, 1300, [0, 1, 2]), second]) == [0, 1]


def trace_of_sessions(turns: list[tuple[int, int]]) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the requests of interleaved sessions, each turn adding tokens, and the sessions."""
    tokens: dict[int, int] = {}
    full: dict[int, list[int]] = {}
    first: dict[int, int] = {}
    requests, fresh = [], 1
    for index, (session, added) in enumerate(turns):
        tokens[session] = tokens.get(session, 1024) + added
        blocks = full.get(session, [0])
        count = -(-tokens[session] // 512)
        blocks = blocks + list(range(fresh, fresh + count - len(blocks)))
        fresh += count
        requests.append(request(3000 * index, tokens[session], blocks))
        full[session] = blocks[: tokens[session] // 512]
        first.setdefault(session, index)
    return requests, [first[session] for session, _ in turns]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3000)), min_size=1, max_size=60))
def test_interleaved_sessions_are_found_again(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[int, int]]
) -> None:
    requests, expected = trace_of_sessions(turns)
    assert session_list(tmp_path_factory.mktemp("sessions"), requests) == expected


def test_the_reference_reconstruction_is_found_again(tmp_path: Path) -> None:
    path = downloads.data_folder() / "mooncake_conversation.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the data folder")
    import pandas as pd

    table = pd.read_csv(path)
    full: dict[int, list[int]] = {}
    requests, fresh = [], 1
    for row in table.itertuples():
        blocks = full.get(row.session, [0])
        new = row.blocks - len(blocks)
        blocks = blocks + list(range(fresh, fresh + new))
        fresh += new
        requests.append(request(row.t_s * 1e3, row.in_tok, blocks))
        full[row.session] = blocks[: row.in_tok // 512]
    arrivals = mooncake_jsonl(lines(tmp_path / "mooncake.jsonl", requests))
    np.testing.assert_array_equal(arrivals.session, table["session"])
    np.testing.assert_allclose(np.sort(arrivals.follow_up_gaps_s), np.sort(table["gap_s"].dropna()))


@pytest.mark.parametrize(
    "field",
    [
        *["session_id", "session", "conversation_id", "sessionId", "Conversation", "conv_id"],
        *["chat_session_id", "user_session", "dialogue_uuid", "thread_id"],
    ],
)
@pytest.mark.parametrize("names", [["u1", "u1", "u2"], [70, 70, 3], ["", "u1", "u1"]])
def test_a_session_that_is_named_counts(field: str, names: list[Any], tmp_path: Path) -> None:
    blocks = [[46, 47], [90, 91], [46, 47]]
    requests = [
        {**request(3000 * k, 700 + k, blocks[k]), field: name} for k, name in enumerate(names)
    ]
    if "" in names:
        with pytest.raises(InputError, match=f"line 1: {field}"):
            session_list(tmp_path, requests)
    else:
        assert session_list(tmp_path, requests) == [0, 0, 1]
        del requests[1][field]
        with pytest.raises(InputError, match=r"session, row 1.*every line or in none"):
            session_list(tmp_path, requests)


@pytest.mark.parametrize("field", ["chat_id", "parent_chat_id"])
def test_a_chat_without_the_one_before_it_is_refused(field: str, tmp_path: Path) -> None:
    missing = ({"chat_id", "parent_chat_id"} - {field}).pop()
    with pytest.raises(InputError, match=f"line 1.*no '{missing}'"):
        session_list(tmp_path, [{**request(0, 600, [0, 1]), field: 7}])


def test_a_request_that_names_the_one_before_joins_its_session(tmp_path: Path) -> None:
    chats = [(7, -1), (8, 7), (9, -1), (10, 8), (11, 500)]
    requests = [
        {**request(3000 * k, 40, [k]), "chat_id": chat, "parent_chat_id": parent}
        for k, (chat, parent) in enumerate(chats)
    ]
    assert session_list(tmp_path, requests) == [0, 0, 1, 0, 2]


CHAT = {"chat_id": 1, "parent_chat_id": 0}
QWEN = [
    {
        "chat_id": 0,
        "parent_chat_id": -1,
        "timestamp": 1.5,
        "input_length": 40,
        "output_length": 9,
        "hash_ids": [1, 2, 3],
    },
    {
        **CHAT,
        "timestamp": 61.114,
        "input_length": 70,
        "output_length": 12,
        "hash_ids": [1, 2, 3, 4, 5],
    },
]


def test_other_units_are_read_when_told(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.jsonl", QWEN)
    arrivals = mooncake_jsonl(path, time_unit="s", block_tokens=16)
    np.testing.assert_allclose(arrivals.time_s, [1.5, 61.114])
    assert arrivals.notes == (
        "2 requests in 59.614 s, 1 sessions (times in s, a hash for 16 tokens)",
    )
    milliseconds = mooncake_jsonl(
        lines(path, [{**row, "timestamp": 7.5} for row in QWEN]), "ms", 16
    )
    np.testing.assert_allclose(milliseconds.time_s, [0.0075, 0.0075])


def test_other_units_are_refused_when_not(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.jsonl", QWEN)
    with pytest.raises(InputError, match=r"timestamp: got 1\.5.*512 tokens.*--time-unit.*--block"):
        mooncake_jsonl(path)
    with pytest.raises(InputError, match=r"hash_ids: got '3 hashes'.*512 tokens.*--block-tokens"):
        mooncake_jsonl(path, time_unit="s")
    with pytest.raises(InputError, match=r"hash_ids.*one for 32 tokens, as told"):
        mooncake_jsonl(path, time_unit="s", block_tokens=32)
    busy = [request(k, 600, [0, k]) for k in range(3600)]  # a request a second, by the second
    with pytest.raises(InputError, match=r"3600 requests in 3\.599 s.*milliseconds.*--time-unit s"):
        mooncake_jsonl(lines(path, busy))
    for slow in ([0, 10, 27], [17 * 10**8, 17 * 10**8 + 600]):  # a few whole seconds; of a calendar
        with pytest.raises(InputError, match=r"taken as milliseconds.*--time-unit s"):
            mooncake_jsonl(lines(tmp_path / "s.jsonl", [request(t, 600, [0, 1]) for t in slow]))
    with pytest.raises(InputError, match=r"timestamp, row 1.*never decrease"):
        mooncake_jsonl(lines(tmp_path / "s.jsonl", [request(t, 600, [0, 1]) for t in (9, 8)]))
    assert mooncake_jsonl(path, "s").time_s[-1] == 3599.0
    assert mooncake_jsonl(path, "ms").time_s[-1] == 3.599
    for unit, tokens in (("h", 16), ("s", 0)):
        with pytest.raises(InputError, match=r"--time-unit|--block-tokens"):
            mooncake_jsonl(path, unit, tokens)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_length", 600.5),
        ("input_length", -600),
        ("input_length", 0),
        ("input_length", True),
        ("input_length", "600"),
        ("output_length", -1),
        ("output_length", 1.5),
        ("timestamp", -1),
        ("timestamp", float("inf")),
        ("timestamp", float("nan")),
        ("timestamp", 1e400),
        ("timestamp", "0"),
        ("hash_ids", [0, 1.5]),
        ("hash_ids", [0, -1]),
        ("hash_ids", [0, None]),
        ("hash_ids", "01"),
    ],
)
def test_a_field_of_another_kind_is_named(field: str, value: Any, tmp_path: Path) -> None:
    good = request(0, 600, [0, 1])
    path = lines(tmp_path / "m.jsonl", [good, {**good, field: value}])
    with pytest.raises(InputError, match=rf"m\.jsonl, line 2: {field}"):
        mooncake_jsonl(path)


def test_blank_lines_are_none(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.jsonl", [request(0, 600, [0, 1])])
    path.write_text("\n" + path.read_text() + "  \n\n")
    assert len(mooncake_jsonl(path)) == 1
    path.write_text("\n \n")
    with pytest.raises(InputError, match="no lines"):
        mooncake_jsonl(path)


@pytest.mark.parametrize(
    "bad",
    [
        {"timestamp": 0, "input_length": 600, "hash_ids": [0]},
        {"timestamp": "soon", "input_length": 600, "hash_ids": [0, 1]},
        {"timestamp": 0, "hash_ids": [0, 1]},
        {"timestamp": 0, "input_length": 600, "hash_ids": 7},
    ],
)
def test_mooncake_names_the_bad_line(bad: dict[str, Any], tmp_path: Path) -> None:
    path = lines(tmp_path / "m.jsonl", [request(0, 600, [0, 1]), bad])
    with pytest.raises(InputError, match=r"m\.jsonl, line 2"):
        mooncake_jsonl(path)

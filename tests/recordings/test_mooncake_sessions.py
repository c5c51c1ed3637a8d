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

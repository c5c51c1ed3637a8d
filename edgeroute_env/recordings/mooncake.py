"""Mooncake's request traces, and others laid out like them, as arrivals with sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.cells import check_times, numbered
from edgeroute_env.recordings.lines import json_lines, naming_line, number_of
from edgeroute_env.recordings.sessions import BLOCK_TOKENS, Request, session_of_requests
from edgeroute_env.recordings.shapes import Arrivals
from edgeroute_env.recordings.tables import make_recording

TimeUnit = Literal["ms", "s"]
SESSION_FIELD = re.compile(r"\w*(session|conversation|conv|dialog(ue)?|thread)(_?u?u?id)?", re.I)
BUSIEST_PER_S = 20.0  # requests; more than that, and the times are hardly milliseconds
CALENDAR_S = (1e9, 1e11)  # what a time of these years is in seconds; it is more in milliseconds
WHOLE_MS = 1e-3  # a fraction below it is a float's error


def mooncake_jsonl(
    path: str | Path, time_unit: TimeUnit | None = None, block_tokens: int | None = None
) -> Arrivals:
    """Return the arrivals of a Mooncake trace (.jsonl or .jsonl.gz) with their sessions.

    A line has `timestamp`, `input_length` and `output_length` (tokens) and `hash_ids`, a hash for
    every block of input tokens. Where it names its session (such as `session_id`, `sessionId` or
    `conversation`) or the request it follows (`chat_id` and `parent_chat_id`), that counts;
    otherwise sessions are found from the hashes, see `session_of_requests`.

    Args:
        time_unit: of the timestamps, "ms" or "s"; None takes milliseconds, as Mooncake publishes
            them, and refuses fractions, times that would mean more than 20 requests a second, and
            seconds since 1970.
        block_tokens: tokens a hash stands for; None takes Mooncake's 512.
    """
    requests = mooncake_requests(path, time_unit, block_tokens)
    time_s = [request.time_s for request in requests]
    span_s = time_s[-1] - time_s[0]
    check_times(f"{path}: timestamp", np.array(time_s))
    busy = 0.0 < span_s * BUSIEST_PER_S < len(requests) - 1
    if time_unit is None and (busy or CALENDAR_S[0] <= 1e3 * time_s[0] < CALENDAR_S[1]):
        found = f"{len(requests)} requests in {span_s:g} s, taken as milliseconds"
        allowed = "--time-unit s where the times are seconds, --time-unit ms where they are not"
        raise InputError(f"{path}: timestamp", found, allowed)
    names = [request.session for request in requests]
    if all(name is None for name in names):
        session = session_of_requests(requests, block_tokens or BLOCK_TOKENS)
    elif None in names:
        allowed = "a session in every line or in none"
        raise InputError(f"{path}: session, row {names.index(None)}", None, allowed)
    else:
        session = numbered(names)
    read = f"times in {time_unit or 'ms'}, a hash for {block_tokens or BLOCK_TOKENS} tokens"
    note = f"{len(requests)} requests in {span_s:g} s, {len(set(session))} sessions ({read})"
    return make_recording(Arrivals, path, {"time_s": time_s, "session": session, "notes": (note,)})


def mooncake_requests(
    path: str | Path, time_unit: TimeUnit | None = None, block_tokens: int | None = None
) -> list[Request]:
    """Return the requests of a Mooncake trace; see `mooncake_jsonl`."""
    if time_unit not in (None, "ms", "s"):
        raise InputError("--time-unit", time_unit, "ms or s")
    if block_tokens is not None and block_tokens < 1:
        raise InputError("--block-tokens", block_tokens, "a whole number of tokens, 1 or more")
    sessions: dict[str | int, str | int] = {}  # by chat, for traces that name the request before
    requests: list[Request] = []
    for line, item in json_lines(Path(path)):
        with naming_line(path, f"line {line}", "timestamp, input_length, output_length, hash_ids"):
            input_tokens = int(number_of("input_length", item["input_length"], 1, whole=True))
            request = Request(
                time_s=_seconds(item["timestamp"], time_unit),
                input_tokens=input_tokens,
                blocks=_blocks(item["hash_ids"], input_tokens, block_tokens),
                output_tokens=int(number_of("output_length", item["output_length"], 0, whole=True)),
                session=_session(item, sessions),
            )
        requests.append(request)
    return requests


def _seconds(stamp: Any, unit: TimeUnit | None) -> float:
    found = number_of("timestamp", stamp, 0.0)
    if unit is None and abs(found - round(found)) > WHOLE_MS:
        allowed = (
            f"whole milliseconds, as assumed (and a hash for {BLOCK_TOKENS} tokens); other traces "
            "take --time-unit s and --block-tokens NUMBER"
        )
        raise InputError("timestamp", stamp, allowed)
    return found if unit == "s" else found / 1e3


def _blocks(hashes: Any, input_tokens: int, block_tokens: int | None) -> tuple[int, ...]:
    if not isinstance(hashes, list):
        raise InputError("hash_ids", hashes, "a list of whole numbers")
    block, why = (block_tokens, "as told") if block_tokens else (BLOCK_TOKENS, "as assumed")
    due = -(-input_tokens // block)
    if len(hashes) != due:
        allowed = (
            f"{due} for an input_length of {input_tokens}, one for {block} tokens, {why}; "
            "--block-tokens gives another size"
        )
        raise InputError("hash_ids", f"{len(hashes)} hashes", allowed)
    return tuple(int(number_of("hash_ids", value, 0, whole=True)) for value in hashes)


def _session(item: Mapping[str, Any], sessions: dict[str | int, str | int]) -> str | int | None:
    """Return the session that a request names, itself or by the request before it, else None."""
    for field in filter(SESSION_FIELD.fullmatch, item):
        return _name(field, item[field])
    if "chat_id" not in item and "parent_chat_id" not in item:
        return None
    chat = _name("chat_id", item["chat_id"])
    parent = _name("parent_chat_id", item["parent_chat_id"])
    return sessions.setdefault(chat, sessions.get(parent, chat))


def _name(field: str, name: Any) -> str | int:
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise InputError(field, name, "a text or a whole number")
    return name

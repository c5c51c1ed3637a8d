"""The log of what was routed: one JSON line a turn, without prompts, answers, keys or addresses.

A dialogue is named by a salted hash; the salt is not kept, so nobody can look for a known text.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from edgeroute_env.errors import InputError, input_error

Side = Literal["device", "edge"]
ROTATE_BYTES, KEPT_FILES = 64 * 2**20, 5


class Shadow(BaseModel):
    """What the other side made of the same turn, asked for afterwards."""

    model_config = ConfigDict(extra="ignore")

    side: Side
    latency_s: float
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    cached_tokens: int | None = None
    finish: str | None = None


class LoggedTurn(BaseModel):
    """One turn: what was seen, what was decided, what was measured.

    Times are in seconds: `arrival_s` since the start of the proxy, `ttft_s` and `latency_s` from
    the arrival of the request, `upstream_ttft_s` and `upstream_s` from the moment at which the side
    that answered was asked. None is what nobody told: `ttft_s` of an answer that was not streamed,
    tokens of a server that reports no usage. `prompt_tokens` are those of the whole conversation as
    the server counts them; `prompt_tokens_estimate` are those of the turn, `context_tokens` those
    of the history before it, as the router saw them. `observation` is what the router saw, 32
    numbers as in the environment.
    """

    model_config = ConfigDict(extra="ignore")

    arrival_s: float
    started_at: float | None = None  # of the proxy, seconds since 1970: tells runs apart
    dialogue: str
    turn: int
    messages: int = 1
    prompt_tokens_estimate: float
    context_tokens: float | None = None
    context_estimate: float | None = None  # counted in the text of the history
    attachment_bytes: float = 0.0
    request_bytes: int = 0
    score: float | None = None
    scoring_s: float = 0.0
    snr_db: float | None = None
    observation: list[float]
    hidden: list[str] = []
    model: str = "edgeroute"
    router: str = ""
    chosen: Side
    why: str = ""
    tried: list[Side] = []
    side: Side | None = None  # that answered; None: nobody did
    status: int
    error: str | None = None
    streamed: bool = True
    busy: float = 0.0  # turns under way on that side when it was asked
    ttft_s: float | None = None
    latency_s: float
    upstream_ttft_s: float | None = None
    upstream_s: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    cached_tokens: int | None = None
    max_tokens: int | None = None
    timings: dict[str, Any] | None = None
    finish: str | None = None
    shadow: Shadow | None = None


class TurnLog:
    """A file of turns that is begun anew when it is long; the last few are kept."""

    def __init__(
        self, path: Path, rotate_bytes: int = ROTATE_BYTES, kept_files: int = KEPT_FILES
    ) -> None:
        """Append to `path`; OSError where it cannot be written."""
        self._file = RotatingFileHandler(
            path, maxBytes=rotate_bytes, backupCount=kept_files, encoding="utf-8"
        )

    def write(self, turn: LoggedTurn) -> None:
        """Append one turn."""
        line = turn.model_dump_json(exclude_defaults=True)
        self._file.emit(logging.LogRecord("", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_log(paths: Iterable[Path]) -> list[LoggedTurn]:
    """Return the turns of some logs, in the order of their arrival within each run.

    Raises:
        InputError: a file is missing, or a line is no turn; it names the file and the line.
    """
    turns = []
    for path in paths:
        if not path.is_file():
            raise InputError("log", str(path), "a log that edgeroute live serve wrote")
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                turns.append(_turn(line, f"{path}, line {number}"))
    return sorted(turns, key=lambda turn: (turn.started_at or 0.0, turn.arrival_s))


def _turn(line: str, place: str) -> LoggedTurn:
    try:
        return LoggedTurn.model_validate(json.loads(line))
    except ValidationError as error:
        bad = input_error(error, LoggedTurn)
        raise InputError(f"{place}: {bad.field}", bad.value, bad.allowed) from None
    except (ValueError, RecursionError):
        raise InputError(place, line.strip()[:80], "a JSON object a line") from None

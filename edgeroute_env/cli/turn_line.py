"""One turn of an episode as a line of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from edgeroute_env.routing import ROUTES


class Column(NamedTuple):
    """What a column shows, its unit, its width and its format."""

    name: str
    unit: str
    width: int
    form: str


COLUMNS = (
    Column("time", "s", 8, ".1f"),
    Column("turn", "", 4, ".0f"),
    Column("tokens", "", 6, ".0f"),
    Column("score", "", 5, ".2f"),
    Column("SNR", "dB", 5, ".1f"),
    Column("load", "", 4, ".2f"),
    Column("route", "", 7, ""),
    Column("latency", "s", 8, ".2f"),
    Column("first", "s", 7, ".2f"),
    Column("quality", "", 7, ".2f"),
    Column("reward", "", 8, "+.3f"),
)


def heading() -> str:
    """Return two lines: what the columns are, and their units."""
    lines = ([column.name for column in COLUMNS], [column.unit for column in COLUMNS])
    return "\n".join(_line(line) for line in lines)


def turn_line(turn: Mapping[str, Any], reward: float, info: Mapping[str, Any]) -> str:
    """Return a turn's line, from its row of the trace and what the step gave."""
    route = ROUTES[int(info["edge_call"])]
    if info["failed"]:
        route = "failed"
    elif info["refused"]:
        route = "refused"
    before = [turn[name] for name in ("arrival_s", "turn", "prompt_tokens", "score")]
    links = [turn[name] for name in ("snr_db", "edge_load")]
    after = [info[name] for name in ("latency_s", "ttft_s", "quality")]
    values = (*before, *links, route, *after, reward)
    cells = (f"{value:{column.form}}" for column, value in zip(COLUMNS, values, strict=True))
    return _line(cells)


def _line(cells: Iterable[str]) -> str:
    padded = (f"{cell:>{column.width}}" for column, cell in zip(COLUMNS, cells, strict=True))
    return " ".join(padded).rstrip()

"""What a replay holds: every moment and every turn of some routers' episodes on one trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from edgeroute_env.rendering.run import Run
from edgeroute_env.rendering.snapshot import Snapshot
from edgeroute_env.simulator.features import FEATURES

DIGITS = 5  # of each number that is kept


def moments(
    run: Run, on_turn: Callable[[], None] = lambda: None, most: float = math.inf
) -> list[Snapshot]:
    """Route a run to its end; return its snapshots before each turn and after the last.

    `on_turn` is called after each turn; no more than `most` turns are routed.
    """
    shots = [run.shot()]
    while not run.over and len(shots) <= most:
        run.step()
        shots.append(run.shot())
        on_turn()
    return shots


def record(title: str, episodes: Sequence[Sequence[Snapshot]]) -> dict[str, Any]:
    """Return what a page shows of episodes, ready for JSON.

    `runs` has one entry a router: its `moments` (snapshots without the turns before them) and its
    `turns`, each in columns as `columns` gives them; numbers have five significant digits.
    """
    return {
        "title": title,
        "features": [feature._asdict() for feature in FEATURES],
        "runs": [
            {
                "router": shots[0].router,
                "count": len(shots[-1].turns),
                "moments": columns([_moment(shot) for shot in shots]),
                "turns": columns([asdict(turn) for turn in shots[-1].turns]),
            }
            for shots in episodes
        ],
    }


def _moment(shot: Snapshot) -> dict[str, Any]:
    """Return a snapshot without its past, and who wrote its dialogue in short."""
    pieces = [[piece.author, piece.tokens] for piece in shot.dialogue.pieces]
    moment = asdict(replace(shot, turns=(), answered={}))
    moment["dialogue"]["pieces"] = pieces
    return moment


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return nested rows as one list of values a name, such as "phone.heat".

    A column whose values are all equal has one value alone. None stands where a row has no such
    name.
    """
    flat = [dict(_leaves(row)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    table = {name: [row.get(name) for row in flat] for name in names}
    return {
        name: values[:1] if all(value == values[0] for value in values) else values
        for name, values in table.items()
    }


def _leaves(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        elif value is not None:
            yield before + name, _short(value)


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(part) for part in value]
    if not isinstance(value, float):
        return value
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded

"""A trace from a table of one's own: what it holds stays, in its order; the rest is drawn.

A row is a turn. `arrival_s` is all that has to be there; `prompt_tokens` (or `prompt`, the text),
`score`, `quality_device` and `quality_edge` make it one's own workload; any other column of a trace
may follow. `dialogue` (any name) tells which turns belong together, in the order of the rows;
without it and without `turn`, each row is a dialogue of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.recordings.cells import check_times, numbered
from edgeroute_env.recordings.shapes import RULES, ColumnRule
from edgeroute_env.recordings.tables import Picked, picked_fields
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces import draw
from edgeroute_env.traces.columns import BASE, LONGEST_S, ROW, Column
from edgeroute_env.traces.draw import PHONE_ROWS, block_shape, draw_content, pick_item, pick_user
from edgeroute_env.traces.law import ITEM, RECORDED_TURN, TraceLaw, synthetic_law
from edgeroute_env.traces.trace import Trace
from edgeroute_env.traces.world import draw_load, draw_radio

QUALITIES = ("quality_device", "quality_edge")


class OwnTrace(NamedTuple):
    """A trace made from a table, and what there is to say of it."""

    trace: Trace
    notes: tuple[str, ...]


def _rule(column: Column) -> ColumnRule:
    """Return what a table may hold in a trace's column."""
    if column.name == "arrival_s":
        return RULES["time_s"]
    given: Any = "name" if column.name == "device" else "number"
    if column.dtype == "?" or column.name in QUALITIES:
        given = "truth"
    return ColumnRule(float if column.dtype[0] == "f" else int, column.low, column.high, given)


def trace_from_table(
    path: str | Path, scenario: Scenario, pick: Picked | None = None, seed: int = 0
) -> OwnTrace:
    """Return the trace in a table of one's own, completed by a scenario's law.

    Args:
        path: a .parquet, .csv or .csv.gz file, a row a turn in the order of time.
        scenario: what draws the columns that the table does not hold.
        pick: the columns' names in the file and which rows count.
        seed: of what is drawn.

    Raises:
        InputError: a cell or column cannot be used, one quality stands without the other, times
            decrease, or there are more phones than the scenario has.
    """
    rules = {column.name: _rule(column) for column in BASE} | {"dialogue": RULES["dialogue"]}
    picked = picked_fields(path, rules, ["arrival_s"], pick or Picked())
    found = dict(picked.columns)
    if (QUALITIES[0] in found) != (QUALITIES[1] in found):
        present = QUALITIES[0] if QUALITIES[0] in found else QUALITIES[1]
        raise InputError(f"{path}: {present}", "one quality alone", "both qualities, or neither")
    held = [column.name for column in BASE if column.name in found]
    arrival_s = found["arrival_s"]
    with picked.naming_rows():
        check_times("arrival_s", arrival_s)
    if arrival_s.min() < 0.0 or arrival_s.max() > LONGEST_S:  # seconds of a calendar
        found["arrival_s"] = arrival_s - arrival_s[0]
    phones = scenario.device.count
    device = found.setdefault("device", np.zeros(len(arrival_s), np.int64))
    if device.max() >= phones:
        allowed = f"0 to {phones - 1}, the phones of {scenario.name}; --set device.count=NUMBER"
        raise InputError(f"{path}: device", int(device.max()), allowed)
    with picked.naming_rows():
        rows = _completed(found, synthetic_law(scenario), phones, seed)
    held_note = f"from the table: {', '.join(held)}; drawn: the rest, from {scenario.name}"
    columns = {column.name: rows[column.name] for column in BASE}
    return OwnTrace(Trace(columns, str(path)), (*picked.notes, held_note))


def _completed(
    found: dict[str, NDArray[Any]], law: TraceLaw, phones: int, seed: int
) -> NDArray[Any]:
    """Return ROW records of the table's turns, the other columns drawn."""
    turns = len(found["arrival_s"])
    block = seeding.np_random(seed)[0].random(block_shape(turns, phones))
    rows = np.zeros(turns, ROW)
    rows["arrival_s"], rows["device"] = found["arrival_s"], found["device"]
    rows["user"] = [pick_user(law, block, phone) for phone in rows["device"]]
    dialogue = _dialogues(found)
    order = np.argsort(dialogue, kind="stable")  # a dialogue's turns together, as the law has them
    starts = np.flatnonzero(np.diff(dialogue[order], prepend=-1))
    lengths = np.diff([*starts, turns])
    rows["turn"][order] = np.arange(turns) - np.repeat(starts, lengths) + 1
    rows["last_turn"][order] = rows["turn"][order] == np.repeat(lengths, lengths)
    items = np.zeros(len(starts), ITEM)
    for k, row in enumerate(order[starts]):
        u = block[PHONE_ROWS + phones + row, draw.ITEM]
        items[k] = law.items[_item(law, rows["user"][row], u, found, row)]
    items["turns"], items["first_recorded"] = lengths, 1 + starts
    rows["benchmark"] = items["benchmark"][dialogue]
    recorded = np.full(1 + turns, np.nan, RECORDED_TURN)
    for name in set(found).intersection(RECORDED_TURN.names or ()):
        recorded[name][1:] = found[name][order]
    law = law._replace(items=items, recorded=recorded)
    draw_content(law, phones, block, rows, dialogue)
    draw_radio(law, phones, block, rows)
    draw_load(law, phones, block, rows)
    for name in found.keys() - {"dialogue"}:
        rows[name] = found[name]
    return rows


def _item(law: TraceLaw, user: int, u: float, found: dict[str, NDArray[Any]], row: int) -> int:
    """Return the item that a dialogue is taken for: any of the benchmark that the table names."""
    if "benchmark" not in found:
        return int(pick_item(law, user, u))
    benchmark = int(found["benchmark"][row])
    if benchmark >= len(law.benchmarks):
        allowed = f"0 to {len(law.benchmarks) - 1}, the scenario's workload.mix"
        raise InputError(f"benchmark, row {row}", benchmark, allowed)
    first, end = law.first_item[benchmark : benchmark + 2]
    return int(first + u * (end - first))


def _dialogues(found: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return the dialogue that each turn belongs to: 0, 1, 2 ... in order of their first turns."""
    rows = len(found["arrival_s"])
    if "dialogue" in found:
        keys: list[Any] = list(zip(found["device"], found["dialogue"], strict=True))
    elif "turn" in found:
        begun = np.zeros(rows, np.int64)
        for phone in np.unique(found["device"]):
            of_phone = found["device"] == phone
            begun[of_phone] = np.cumsum(found["turn"][of_phone] == 1)
        keys = list(zip(found["device"], begun, strict=True))
    else:
        keys = list(range(rows))
    return np.array(numbered(keys), np.int64)

"""A scenario's recordings as tables to draw traces from.

Recorded questions, dialogues, gaps and SNR runs replace what the scenario's law would draw;
whatever a recording does not hold (a score, the length of an answer, the judge's verdict on a
turn) is still drawn, given what it does hold.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.calibration import Questions
from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Mix, Scenario, Table
from edgeroute_env.traces import recording_files as files
from edgeroute_env.traces.recordings import Arrivals, Dialogues, Outcomes, SnrRuns
from edgeroute_env.traces.registry import data_file
from edgeroute_env.traces.tables import (
    ITEM,
    RECORDED_TURN,
    Tables,
    pooled,
    synthetic_items,
    synthetic_tables,
)

Split = Literal["all", "fit", "evaluation"]


def recorded_files(scenario: Scenario) -> list[str]:
    """Return the names of the files that the scenario's recordings lie in."""
    work = scenario.workload
    of_mix = [table for entry in work.mix for table in (entry.outcomes, entry.dialogues)]
    tables = [*of_mix, work.arrivals, work.follow_ups, scenario.radio.snr_runs]
    return sorted({table.file for table in tables if table is not None})


def recorded_tables(scenario: Scenario, split: Split = "all") -> Tables:
    """Return the tables of a scenario with its recordings, read from the data folder.

    Args:
        scenario: a scenario that names recorded tables.
        split: "fit" and "evaluation" take disjoint halves of the questions, dialogues, SNR runs
            and arrivals, so that nothing is fitted on what it is measured on.

    Raises:
        InputError: the scenario names no recordings, or a file is missing or unusable.
    """
    if not recorded_files(scenario):
        raise InputError(
            "traces", "recorded", f"a scenario with recordings; {scenario.name} has none"
        )
    tables = synthetic_tables(scenario)
    work = scenario.workload
    turns = [tables.recorded]
    pools = []
    for entry in work.mix:
        pool, recorded = _pool(entry, split, first=sum(len(part) for part in turns))
        pools.append(pool)
        turns.append(recorded)
    tables = tables._replace(
        items=pooled([entry.share for entry in work.mix], pools), recorded=np.concatenate(turns)
    )
    if work.arrivals is not None:
        arrivals = _read(files.read_arrivals, work.arrivals)
        tables = tables._replace(recorded_gaps_s=_gaps(arrivals, split, work.dialogue_gap_mean_s))
    if work.follow_ups is not None:
        follow_ups = _read(files.read_arrivals, work.follow_ups).follow_up_gaps_s
        tables = tables._replace(recorded_follow_ups_s=_half(follow_ups, split))
    if scenario.radio.snr_runs is not None:
        snr_db, runs = _snr(_read(files.read_snr_runs, scenario.radio.snr_runs), split)
        tables = tables._replace(snr_db=snr_db, snr_runs=runs)
    return tables


def _read(reader: Any, table: Table) -> Any:
    return reader(data_file(table.file), table.columns)


def _pool(entry: Mix, split: Split, first: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a benchmark's items and recorded turns; `first` is the index of its first turn."""
    if entry.outcomes is not None:
        return _questions(_read(files.read_outcomes, entry.outcomes), split, first)
    if entry.dialogues is not None:
        dialogues = _read(files.read_dialogues, entry.dialogues)
        return _dialogues(dialogues, entry, split, first)
    return synthetic_items(entry.calibration), np.zeros(0, RECORDED_TURN)


def _questions(outcomes: Outcomes, split: Split, first: int) -> tuple[NDArray[Any], NDArray[Any]]:
    turns = np.full(len(outcomes), np.nan, RECORDED_TURN)
    turns["prompt_tokens"] = outcomes.prompt_tokens
    turns["quality_device"] = outcomes.quality_device
    turns["quality_edge"] = outcomes.quality_edge
    for name, values in (
        ("answer_device", outcomes.answer_tokens_device),
        ("answer_edge", outcomes.answer_tokens_edge),
        ("score", outcomes.score),
    ):
        if values is not None:
            turns[name] = values
    items = np.zeros(len(outcomes), ITEM)
    items["weight"] = 1.0
    items["turns"] = 1
    items["first_recorded"] = first + np.arange(len(outcomes))
    return _half(items, split), turns


def _dialogues(
    dialogues: Dialogues, entry: Mix, split: Split, first: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    calibration = entry.calibration
    if isinstance(calibration, Questions):
        raise InputError("dialogues", calibration.name, "a calibration of kind 'dialogues'")
    turns = np.full(len(dialogues), np.nan, RECORDED_TURN)
    turns["prompt_tokens"] = dialogues.prompt_tokens
    turns["answer_device"] = turns["answer_edge"] = dialogues.answer_tokens
    starts = np.flatnonzero(dialogues.turn == 1)
    items = np.zeros(len(starts), ITEM)
    items["weight"] = 1.0
    items["turns"] = np.diff([*starts, len(dialogues)])
    items["first_recorded"] = first + starts
    for item, task in zip(items, dialogues.task[starts], strict=True):
        if task not in calibration.tasks:
            raise InputError("task", str(task), "one of " + ", ".join(calibration.tasks))
        item["device_mean"] = calibration.tasks[task].device
        item["edge_mean"] = calibration.tasks[task].edge
    return _half(items, split), turns


def _half(values: NDArray[Any], split: Split) -> NDArray[Any]:
    """Return every second value: the even ones to fit on, the odd ones to evaluate on."""
    if split == "all":
        return values
    return values[0 if split == "fit" else 1 :: 2]


def _gaps(arrivals: Arrivals, split: Split, mean_s: float) -> NDArray[np.float64]:
    """Return consecutive gaps, stretched to the scenario's mean: a server's log, one user's pace.

    Stretching keeps the variation and the bursts in units of the mean gap.
    """
    gaps = arrivals.gaps_s
    middle = len(gaps) // 2
    if split != "all":  # the order matters, so the halves are the first and the second
        gaps = gaps[:middle] if split == "fit" else gaps[middle:]
    scaled: NDArray[np.float64] = gaps * (mean_s / gaps.mean())
    return scaled


def _snr(runs: SnrRuns, split: Split) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the runs at one sample a second, one after another, with their places."""
    series, places, at = [], [], 0
    for run in _half(np.unique(runs.run), split):
        chosen = runs.run == run
        time_s = runs.time_s[chosen] - runs.time_s[chosen][0]
        seconds = np.arange(int(time_s[-1]) + 1)
        snr_db = runs.snr_db[chosen][np.searchsorted(time_s, seconds, side="right") - 1]
        series.append(snr_db)
        places.append((at, len(snr_db)))
        at += len(snr_db)
    return np.concatenate(series), np.array(places, np.int64)

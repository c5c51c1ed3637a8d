"""From a log to a trace and a scenario, on which routers are replayed, fitted and trained.

A log tells of each turn what one side did. What it cannot tell is imputed: the length of the other
side's answer from the mean lengths of both sides, if no shadow request has measured it; qualities
and whatever else a trace holds are drawn by the scenario's law. A table beside the trace marks it.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.routing import ROUTES
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.tables_io import write_frame
from edgeroute_env.traces.columns import BASE_NAMES
from edgeroute_env.traces.own import trace_from_table
from edgeroute_env.traces.trace import Trace
from edgeroute_live.log import LoggedTurn
from edgeroute_live.observing import Observer

FEWEST_GAPS = 3  # fewer say nothing of a law


class Exported(NamedTuple):
    """What a log became.

    trace: its answered turns. scenario: the given one with the log's own pace. routes: where each
    turn was answered, 0 or 1. measured: the table beside the trace, by column. notes: in words.
    """

    trace: Trace
    scenario: Scenario
    routes: NDArray[np.int64]
    measured: dict[str, NDArray[Any]]
    notes: list[str]


def export(turns: Sequence[LoggedTurn], scenario: Scenario, name: str, seed: int = 0) -> Exported:
    """Return the trace and the scenario of logged turns.

    Args:
        turns: in the order of their arrival.
        scenario: what stood for the two sides; its law draws what the log does not tell.
        name: of the new scenario.
        seed: of what is drawn.

    Raises:
        InputError: no turn was answered.
    """
    answered = [turn for turn in turns if turn.side is not None and turn.error is None]
    if not answered:
        raise InputError("log", f"{len(turns)} turns", "at least one that was answered")
    columns, imputed = _columns(answered, scenario)
    phones = int(columns["device"].max()) + 1
    paced = load_scenario(scenario, {"name": name, **_pace(answered, columns, phones)})
    with tempfile.TemporaryDirectory() as folder:
        table = write_frame(columns, Path(folder) / "turns.csv")
        trace = trace_from_table(table, paced, seed=seed).trace
    drawn = [column for column in BASE_NAMES if column not in columns]
    known = {"turn", "last_turn", "benchmark", "user"}  # follow from the dialogues
    marks = [" ".join(c for c, rows in imputed.items() if rows[k]) for k in range(len(answered))]
    told = ("dialogue", "side", "ttft_s", "latency_s")
    measured = {name: np.array([getattr(turn, name) for turn in answered]) for name in told}
    measured = {"arrival_s": columns["arrival_s"], **measured, "imputed": np.array(marks)}
    guessed = {c: int(sum(rows)) for c, rows in imputed.items() if any(rows)}
    notes = [f"{len(answered)} of {len(turns)} turns were answered and are in the trace"]
    notes += [f"{c}: {n} of {len(answered)} imputed" for c, n in guessed.items()]
    notes.append(f"drawn by the law of {scenario.name}: {', '.join(set_in_order(drawn, known))}")
    if phones > 1:
        notes.append(f"dialogues overlap: they are spread over {phones} phones")
    routes = np.array([ROUTES.index(str(turn.side)) for turn in answered])
    return Exported(trace, paced, routes, measured, notes)


def set_in_order(names: Sequence[str], but: set[str]) -> list[str]:
    """Return the names in their order, without some."""
    return [name for name in names if name not in but]


def _columns(
    turns: Sequence[LoggedTurn], scenario: Scenario
) -> tuple[dict[str, NDArray[Any]], dict[str, list[bool]]]:
    """Return a trace's columns as far as the log tells them, and which cells are imputed."""
    began_at = turns[0].started_at or 0.0
    arrival_s = [turn.arrival_s + (turn.started_at or began_at) - began_at for turn in turns]
    prompt, guessed_prompt = _prompt_tokens(turns)
    predicted = dict(zip(ROUTES, Observer(scenario).predicted_tokens(), strict=True))
    answers, guessed = _answer_tokens(turns, predicted)
    columns: dict[str, Any] = {
        "arrival_s": np.maximum.accumulate(arrival_s),
        "dialogue": [turn.dialogue for turn in turns],
        "device": _phones(turns),
        "prompt_tokens": prompt,
        "attachment_bytes": [turn.attachment_bytes for turn in turns],
        "score": [0.5 if turn.score is None else turn.score for turn in turns],
    }
    imputed = {"prompt_tokens": guessed_prompt}
    imputed["score"] = [turn.score is None for turn in turns]
    for side in ROUTES:
        columns[f"answer_tokens_{side}"] = answers[side]
        imputed[f"answer_tokens_{side}"] = guessed[side]
        columns[f"predicted_tokens_{side}"] = [
            max(1.0, min(predicted[side], turn.max_tokens or predicted[side])) for turn in turns
        ]
    if all(turn.snr_db is not None for turn in turns):
        columns["snr_db"] = [turn.snr_db for turn in turns]
    return {name: np.asarray(values) for name, values in columns.items()}, imputed


def _prompt_tokens(turns: Sequence[LoggedTurn]) -> tuple[list[float], list[bool]]:
    """Return what each turn has added to its dialogue, the template's own tokens included."""
    context: dict[str, float] = {}
    added, guessed = [], []
    for turn in turns:
        before = context.get(turn.dialogue, 0.0)
        whole = turn.prompt_tokens
        guessed.append(whole is None)
        if whole is None:
            added.append(max(1.0, turn.prompt_tokens_estimate))
        else:
            added.append(max(1.0, whole - before))
        context[turn.dialogue] = before + added[-1] + (turn.answer_tokens or 0)
    return added, guessed


def _answer_tokens(
    turns: Sequence[LoggedTurn], predicted: dict[str, float]
) -> tuple[dict[str, list[float]], dict[str, list[bool]]]:
    """Return the lengths of both sides' answers by side, and which are imputed.

    An answer that was not asked for is as much longer as the side's mean answer is.
    """
    told: dict[str, list[float | None]] = {side: [] for side in ROUTES}
    for turn in turns:
        for side in ROUTES:
            tokens = turn.answer_tokens if turn.side == side else None
            if turn.shadow is not None and turn.shadow.side == side:
                tokens = turn.shadow.answer_tokens
            told[side].append(float(tokens) if tokens else None)
    means = {
        side: statistics.fmean(known) if (known := [t for t in found if t]) else predicted[side]
        for side, found in told.items()
    }
    answers: dict[str, list[float]] = {side: [] for side in ROUTES}
    for one, two in zip(told["device"], told["edge"], strict=True):
        for side, own, other in (("device", one, two), ("edge", two, one)):
            rival = ROUTES[1 - ROUTES.index(side)]
            guess = other * means[side] / means[rival] if other else means[side]
            answers[side].append(own or max(1.0, round(guess)))
    return answers, {side: [t is None for t in found] for side, found in told.items()}


def _phones(turns: Sequence[LoggedTurn]) -> list[int]:
    """Return a phone for each turn, so that no two dialogues of one phone overlap."""
    last = {turn.dialogue: k for k, turn in enumerate(turns)}
    phone: dict[str, int] = {}
    busy: dict[int, int] = {}  # phone -> the last turn of its dialogue
    for k, turn in enumerate(turns):
        if turn.dialogue not in phone:
            free = (n for n in range(len(busy) + 1) if busy.get(n, -1) < k)
            phone[turn.dialogue] = next(free)
            busy[phone[turn.dialogue]] = last[turn.dialogue]
    return [phone[turn.dialogue] for turn in turns]


def _pace(
    turns: Sequence[LoggedTurn], columns: dict[str, NDArray[Any]], phones: int
) -> dict[str, Any]:
    """Return the fields of a scenario that the log tells: its length and its users' pace."""
    arrival_s = columns["arrival_s"]
    starts: list[float] = []
    follow_ups: list[float] = []
    previous: dict[str, float] = {}
    for at_s, turn in zip(arrival_s, turns, strict=True):
        if turn.dialogue in previous:
            follow_ups.append(max(0.1, at_s - previous[turn.dialogue]))
        else:
            starts.append(at_s)
        previous[turn.dialogue] = at_s
    fields: dict[str, Any] = {
        "workload.turns": len(turns),
        "device.count": phones,
        "device.scoring_s": float(statistics.median(turn.scoring_s for turn in turns)),
    }
    if len(starts) > FEWEST_GAPS:
        fields["workload.dialogue_gap_mean_s"] = max(0.1, float(np.mean(np.diff(starts))))
    if len(follow_ups) >= FEWEST_GAPS:
        fields["workload.follow_up_median_s"] = float(np.median(follow_ups))
        fields["workload.follow_up_sigma"] = min(4.0, float(np.std(np.log(follow_ups))))
    return fields

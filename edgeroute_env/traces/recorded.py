"""The law from which a scenario's recorded traces are drawn.

Recorded questions, dialogues, gaps and SNR runs replace what the scenario's law would draw;
whatever a recording does not hold (the length of an answer, the judge's verdict on a turn) is
still drawn, given what it does hold. Questions whose texts a packaged recipe knows get the semantic
scorer's scores, out of fold, where the scenario asks for them. They are read, never made here.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.benchmarks import Benchmark, DialogueBenchmark
from edgeroute_env.errors import InputError
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.recordings.shapes import Arrivals, Dialogues, Outcomes, Recording, SnrRuns
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.scenario import Mix, Scenario, Table
from edgeroute_env.semantic.questions import Questions, Recipe, read_questions
from edgeroute_env.semantic.recorded_scores import (
    recorded_scores,
    scoring_command,
    source_of,
    stored_scores,
)
from edgeroute_env.semantic.scorer_settings import By
from edgeroute_env.traces.law import (
    ITEM,
    RECORDED_TURN,
    TraceLaw,
    pooled,
    synthetic_items,
    synthetic_law,
)
from edgeroute_env.traces.links import by_second
from edgeroute_env.traces.sources import Drawn

TraceKind = Literal["synthetic", "recorded"]
Split = Literal["all", "fit", "evaluation"]
R = TypeVar("R", bound=Recording)


def recorded_files(scenario: Scenario) -> list[str]:
    """Return the names of the files that the scenario's recordings lie in."""
    work = scenario.workload
    of_mix = [table for entry in work.mix for table in (entry.outcomes, entry.dialogues)]
    tables = [*of_mix, work.arrivals, work.follow_ups, scenario.radio.snr_runs]
    return sorted({table.file for table in tables if table is not None})


def recorded_law(scenario: Scenario, split: Split = "all") -> TraceLaw:
    """Return the law of a scenario with its recordings, read from the data folder.

    Args:
        split: "fit" and "evaluation" take disjoint halves of the questions, dialogues, SNR runs
            and arrivals, so that nothing is fitted on what it is measured on.

    Raises:
        InputError: the scenario names no recordings, a file is missing or unusable, or scores that
            it asks for are not stored.
    """
    if not recorded_files(scenario):
        allowed = f"a scenario with recordings; {scenario.name} has none"
        raise InputError("traces", "recorded", allowed)
    law = asking_half(synthetic_law(scenario), split)
    work = scenario.workload
    turns = [law.recorded]
    pools = []
    for entry in work.mix:
        pool, recorded = _pool(entry, split, first=sum(len(part) for part in turns))
        pools.append(pool)
        turns.append(recorded)
    items, first_item = pooled(pools)
    recorded = np.concatenate(turns)
    if work.template is not None:
        opens = np.zeros(len(recorded), bool)
        opens[items["first_recorded"]] = True
        for which, first in ((opens, True), (~opens, False)):
            counted = work.template.of_turn(recorded["prompt_tokens"][which], first)
            recorded["prompt_tokens"][which] = counted
    law = law._replace(items=items, first_item=first_item, recorded=recorded)
    if work.arrivals is not None:
        gaps_s = _gaps(_read(Arrivals, work.arrivals), split, work.arrivals)
        law = law._replace(recorded_gaps=gaps_s / gaps_s.mean())
    if work.follow_ups is not None:
        follow_ups = _read(Arrivals, work.follow_ups).follow_up_gaps_s
        kept = _half(follow_ups, split, work.follow_ups)
        law = law._replace(recorded_follow_ups_s=kept)
    if scenario.radio.snr_runs is not None:
        runs = _read(SnrRuns, scenario.radio.snr_runs)
        link, places = by_second(_half_of_runs(runs, split, scenario.radio.snr_runs))
        law = law._replace(link=link, link_runs=places)
    return law


class ScoredTable(NamedTuple):
    """Recorded questions that take the scorer's scores, for one pair of their recipe's models.

    `by` is what the scorer of a question has not seen.
    """

    questions: Questions
    recipe: Recipe
    pair: str
    by: By


def scored_tables(scenario: Scenario) -> list[ScoredTable]:
    """Return a scenario's recorded questions that take the scorer's scores.

    Raises:
        InputError: the scorer cannot score one of the tables, or its file is unusable.
    """
    found = map(_scored_table, scenario.workload.mix)
    return [table for table in found if table is not None]


def missing_scores(scenario: Scenario) -> list[str]:
    """Return the commands that make the scores which a scenario's recorded questions lack.

    Raises:
        InputError: the scorer cannot score one of the tables, or its file is unusable.
    """
    return sorted(
        {
            scoring_command(table.recipe, table.by)
            for table in scored_tables(scenario)
            if stored_scores(table.questions, table.by) is None
        }
    )


def _scored_table(entry: Mix) -> ScoredTable | None:
    """Return the recorded questions of an entry, or None where they take no scorer's scores."""
    table = entry.outcomes
    if table is None or entry.scores == "drawn":
        return None
    source = None if table.where else source_of(table.file, table.columns)
    if source is None:
        allowed = "'drawn', or outcomes whose texts and models a recipe of configs/scorers covers"
        raise InputError("workload.mix.scores", entry.scores, allowed)
    recipe = source.recipe
    by = recipe.held_out if entry.scores == "scorer" else "question"
    return ScoredTable(read_questions(data_file(recipe.file), recipe), recipe, source.pair, by)


def drawn(scenario: Scenario, traces: TraceKind, split: Split = "all") -> Drawn:
    """Return the source of a scenario's traces, from `split` of its users and recordings."""
    if traces == "recorded":
        return Drawn(scenario, recorded_law(scenario, split))
    return Drawn(scenario, asking_half(synthetic_law(scenario), split))


def asking_half(law: TraceLaw, split: Split) -> TraceLaw:
    """Return a law that draws the episodes of every second user, where there are several."""
    if len(law.asking) == 1:
        return law
    return law._replace(asking=_every_second(law.asking, split))


def _read(kind: type[R], table: Table) -> R:
    path = data_file(table.file)
    return read_recording(kind, path, table.columns, table.where, table.drop_unusable)


def _pool(entry: Mix, split: Split, first: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a benchmark's items and recorded turns; `first` is the index of its first turn."""
    if entry.outcomes is not None:
        items, turns = _questions(_read(Outcomes, entry.outcomes), first)
        if (table := _scored_table(entry)) is not None:
            scores = recorded_scores(table.questions, table.recipe, table.by)
            pair = table.questions.pairs.index(table.pair)
            turns["score"] = scores[:, pair, 0]  # P(only the large model is right)
        return _half(items, split, entry.outcomes), turns
    if entry.dialogues is not None:
        read = _read(Dialogues, entry.dialogues)
        items, turns = _dialogues(read, entry.benchmark, entry.dialogues, first)
        return _half(items, split, entry.dialogues), turns
    return synthetic_items(entry.benchmark), np.zeros(0, RECORDED_TURN)


def _questions(outcomes: Outcomes, first: int) -> tuple[NDArray[Any], NDArray[Any]]:
    turns = np.full(len(outcomes), np.nan, RECORDED_TURN)
    for name, values in outcomes.columns().items():
        if name != "group":
            turns[name] = values
    items = np.zeros(len(outcomes), ITEM)
    items["weight"] = 1.0
    items["turns"] = 1
    items["first_recorded"] = first + np.arange(len(outcomes))
    return items, turns


def _dialogues(
    dialogues: Dialogues, benchmark: Benchmark, table: Table, first: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    assert isinstance(benchmark, DialogueBenchmark)  # the scenario's validation saw to it
    turns = np.full(len(dialogues), np.nan, RECORDED_TURN)
    turns["prompt_tokens"] = dialogues.prompt_tokens
    turns["answer_tokens_device"] = turns["answer_tokens_edge"] = dialogues.answer_tokens
    starts = np.flatnonzero(dialogues.turn == 1)
    items = np.zeros(len(starts), ITEM)
    items["weight"] = 1.0
    items["turns"] = np.diff([*starts, len(dialogues)])
    items["first_recorded"] = first + starts
    for item, task in zip(items, dialogues.task[starts], strict=True):
        if task not in benchmark.tasks:
            allowed = f"a task of {benchmark.name}: {', '.join(benchmark.tasks)}"
            raise InputError(f"{table.file}: task", str(task), allowed)
        item["device_mean"] = benchmark.tasks[task].device
        item["edge_mean"] = benchmark.tasks[task].edge
    return items, turns


def _every_second(values: NDArray[Any], split: Split) -> NDArray[Any]:
    """Return every second value: the even ones to fit on, the odd ones to evaluate on."""
    return values if split == "all" else values[0 if split == "fit" else 1 :: 2]


def _half(values: NDArray[Any], split: Split, table: Table) -> NDArray[Any]:
    """Return a split's share of a table's entries; InputError where that is none."""
    chosen = _every_second(values, split)
    if not len(chosen):
        raise InputError(f"{table.file}: entries", len(values), "at least two, one for each half")
    return chosen


def _gaps(arrivals: Arrivals, split: Split, table: Table) -> NDArray[np.float64]:
    """Return consecutive gaps. Their order matters, so the halves are the first and the second.

    The caller stretches them to the scenario's mean: a server's log at one user's pace keeps its
    variation and its bursts in units of the mean gap.
    """
    gaps_s = arrivals.gaps_s
    middle = len(gaps_s) // 2
    if split != "all":
        gaps_s = gaps_s[:middle] if split == "fit" else gaps_s[middle:]
    if not gaps_s.sum() > 0.0:
        raise InputError(f"{table.file}: time_s", f"{len(arrivals)} rows", "times that increase")
    return gaps_s


def _half_of_runs(runs: SnrRuns, split: Split, table: Table) -> SnrRuns:
    """Return the runs of a split, with all that was recorded of them."""
    return runs.taken(np.isin(runs.run, _half(np.unique(runs.run), split, table)))

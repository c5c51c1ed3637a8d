"""How well the recorded questions' scores rank, and how far the law of the judge is saturated."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from edgeroute_env.benchmarks import JUDGE_MAX, DialogueBenchmark
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.semantic.questions import Questions, load_recipe, read_questions
from edgeroute_env.semantic.recorded_scores import recorded_scores
from validation.generated import traces
from validation.section import Floats, Section, recording

RECORDING = "mmlu_outcomes.parquet"
DIALOGUES = "mtbench101"  # the preset whose answers are judged
SEEDS = range(40)
TASKS = ("device", "edge")


class Ranking(NamedTuple):
    """How a pair's scores rank the need of the large model: areas under the ROC curve."""

    pair: str
    in_domain: float  # the scorer saw other questions of the subject
    unseen: float  # it saw none of them
    within: float  # the same scores, but only questions of one subject are compared


def auc(needed: Floats, scores: Floats) -> float:
    """Return the area under the ROC curve; nan where the labels are all alike."""
    yes, no = scores[needed > 0.5], scores[needed <= 0.5]
    if not (yes.size and no.size):
        return float("nan")
    return float(stats.mannwhitneyu(yes, no).statistic / (yes.size * no.size))


def within_groups(needed: Floats, scores: Floats, groups: NDArray[Any]) -> float:
    """Return the share of pairs of one group, one in need and one not, that are in order."""
    areas, pairs = [], []
    for group in np.unique(groups):
        here = groups == group
        yes = needed[here].sum()
        areas.append(auc(needed[here], scores[here]))
        pairs.append(yes * (here.sum() - yes))
    told = np.array(pairs) > 0.0
    return float(np.average(np.array(areas)[told], weights=np.array(pairs)[told]))


def rankings(questions: Questions, in_domain: Floats, unseen: Floats) -> list[Ranking]:
    """Return a row for each pair of models; scores have the shape (n, pairs, 2)."""
    assert questions.groups is not None
    rows = []
    for k, pair in enumerate(questions.pairs):
        needed = questions.labels()[:, k, 0]
        rows.append(
            Ranking(
                pair,
                auc(needed, in_domain[:, k, 0]),
                auc(needed, unseen[:, k, 0]),
                within_groups(needed, unseen[:, k, 0], questions.groups),
            )
        )
    return rows


def saturated(benchmark: DialogueBenchmark) -> list[tuple[str, float]]:
    """Return each side of a task whose mean is above the judge's scale, with that mean."""
    means = {
        f"{name}, {side}": float(getattr(task, side))
        for name, task in benchmark.tasks.items()
        for side in TASKS
    }
    return [(name, mean) for name, mean in means.items() if mean > JUDGE_MAX]


def section() -> Section:
    """Compare scores of subjects that the scorer saw and did not see; count what is saturated."""
    recipe = load_recipe("mmlu")
    questions = read_questions(recording(RECORDING), recipe)
    stored = {by: recorded_scores(questions, recipe, by) for by in ("question", "group")}
    scenario = load_scenario(DIALOGUES)
    benchmark = scenario.workload.mix[0].benchmark
    assert isinstance(benchmark, DialogueBenchmark)
    drawn = traces(scenario, SEEDS)
    data = {
        "questions": len(questions),
        "rankings": rankings(questions, stored["question"], stored["group"]),
        "preset": DIALOGUES,
        "sides": len(TASKS) * len(benchmark.tasks),
        "saturated": saturated(benchmark),
        "highest": JUDGE_MAX,
        "tens": [float((drawn[f"quality_{side}"] == 1.0).mean()) for side in TASKS],
    }
    return Section(data, [])

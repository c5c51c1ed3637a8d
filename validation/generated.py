"""Traces drawn from a scenario for a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.sources import Drawn, Pinned

# Single questions: a new dialogue, hence a drawn gap, at every turn.
QUESTIONS = [{"benchmark": "mmlu-qwen1.5b-qwen72b", "share": 1.0}]


def with_questions(name: str, overrides: Mapping[str, Any]) -> Scenario:
    """Return a scenario whose every turn is a question of its own, with overrides."""
    return load_scenario(name, {"workload.mix": QUESTIONS, **overrides})


def traces(scenario: Scenario, seeds: Sequence[int]) -> NDArray[Any]:
    """Return the scenario's synthetic traces, ROW of shape (seeds, turns)."""
    return Pinned(Drawn(scenario), generators(seeds)).rows

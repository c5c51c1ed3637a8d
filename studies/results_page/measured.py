"""What the page is made of: benchmarks, run now or read again, and what studies have kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeroute_agents import learned_names
from edgeroute_agents.policy import FIGURES, packaged_folder
from edgeroute_baselines import router_names
from edgeroute_baselines.registry import ANALYTIC, spec
from edgeroute_env import load_scenario
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation.results import Results, read_results
from edgeroute_env.parallel import HERE, Plan, Step, Task, Workers, outcome
from edgeroute_env.routing import Role
from edgeroute_env.traces.recorded import TraceKind
from studies import ablation, other_questions, plain_ppo, unseen_subjects, what_can_be_known

TURNS = 128  # of an episode of most presets; where there are more, fewer episodes are run
SLOW = (Role.PLANNER, Role.BOUND)  # a millisecond a turn; all others take less than a hundredth
SHOWN_FIRST = "paper"  # the README's preset: its planners run on all episodes
RECORDED = ("gsm8k", "mmlu", "mtbench101")  # whose questions are recorded
FOLDER = Path("results") / "page"


@dataclass(frozen=True)
class Asked:
    """How much is to be run: episodes of 128 turns, and how many of them by slow routers."""

    episodes: int
    planned: int
    presets: tuple[str, ...]
    by: Workers = HERE

    def of(self, preset: str, slow: bool) -> int:
        """Return the number of episodes on a preset."""
        most = self.planned if slow and preset != SHOWN_FIRST else self.episodes
        turns = load_scenario(preset).workload.turns
        return max(2, min(most, most * TURNS // turns))


@dataclass(frozen=True)
class Row:
    """What there is of one preset and kind of traces."""

    preset: str
    traces: TraceKind
    quick: Results  # every router but the slow ones
    slow: Results  # the slow ones, and what they are compared with, on the first of these episodes
    seeds: Mapping[str, Any]  # by algorithm: what all training seeds earn on such traces

    @property
    def shown(self) -> str:
        """The row's name in tables."""
        return f"`{self.preset}`" + (", recorded" if self.traces == "recorded" else "")


@dataclass(frozen=True)
class Found:
    """All that the page tells."""

    asked: Asked
    rows: list[Row]
    known: Mapping[str, Any]  # by preset
    plain: Mapping[str, Any] | None
    ablation: Mapping[str, Any]  # by preset and variant
    unseen: Mapping[str, Any] | None = None  # what scores on unseen subjects cost the tuned rule
    questions: Mapping[str, Any] = field(default_factory=dict)  # by preset: what other ones change


def routers(slow: bool) -> list[str]:
    """Return the routers of one of the two benchmarks of a row."""
    if slow:
        named = [name for name in router_names() if spec(name).role in SLOW]
        return [ANALYTIC, "linear", *named, *learned_names()]
    return [n for n in router_names() if spec(n).role not in SLOW] + learned_names()


def command(preset: str, traces: str, slow: bool, episodes: object) -> list[str]:
    """Return the arguments of `edgeroute` for one of the two benchmarks of a row."""
    return [
        *("benchmark", preset, "--traces", traces, "--episodes", str(episodes)),
        *("--routers", ",".join(routers(slow)), "--out", str(folder(preset, traces, slow))),
    ]


def folder(preset: str, traces: str, slow: bool) -> Path:
    """Return where one of the two benchmarks of a row lies."""
    return FOLDER / f"{preset}-{traces}-{'slow' if slow else 'quick'}"


def kinds(asked: Asked) -> list[tuple[str, TraceKind]]:
    """Return the presets and traces of the page's rows, in their order."""
    rows: list[tuple[str, TraceKind]] = [(preset, "synthetic") for preset in asked.presets]
    return rows + [(preset, "recorded") for preset in RECORDED if preset in asked.presets]


def run(asked: Asked) -> None:
    """Run the benchmarks that have not been run before on today's scenarios, fits and policies."""
    wanted = [
        command(preset, traces, slow, asked.of(preset, slow))
        for slow in (True, False)  # the long ones first
        for preset, traces in kinds(asked)
    ]
    tasks = [Task(f"edgeroute {' '.join(words)}", _benchmark, (words,)) for words in wanted]
    outcome(_all(tasks), asked.by)


def _all(tasks: Sequence[Task]) -> Plan[None]:
    yield tasks


def _benchmark(step: Step, words: Sequence[str]) -> None:
    whole = [sys.executable, "-m", "edgeroute_env", *words, "--resume", "--quiet"]
    if subprocess.run(whole, stdout=subprocess.DEVNULL).returncode:
        raise InputError("edgeroute", " ".join(words), "a benchmark that succeeds")


def found(asked: Asked) -> Found:
    """Return what the page tells, running what is not kept."""
    run(asked)
    rows = []
    for preset, traces in kinds(asked):
        quick, slow = (
            read_results(folder(preset, traces, slow))[1][preset] for slow in (False, True)
        )
        rows.append(Row(preset, traces, quick, slow, of_seeds(preset, traces)))
    turns = TURNS * asked.planned
    return Found(
        asked,
        rows,
        {preset: what_can_be_known.found(preset, turns) for preset in asked.presets},
        plain_ppo.found() if SHOWN_FIRST in asked.presets else None,
        {
            p: ablation.found(p)
            for p in ablation.PRESETS
            if p in asked.presets and ablation.file(p).is_file()
        },
        unseen_subjects.found() if unseen_subjects.PRESET in asked.presets else None,
        {p: other_questions.found(p) for p in other_questions.PRESETS if p in asked.presets},
    )


def of_seeds(preset: str, traces: TraceKind) -> dict[str, Any]:
    """Return what is packaged of all training seeds, by algorithm."""
    found = {}
    for algorithm in learned_names():
        path = packaged_folder(preset, algorithm) / FIGURES
        if path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            if traces in content:
                found[algorithm] = {**content[traces], "episodes": content["episodes"]}
    return found

"""A changed bit in a file of ours is refused by one error, or changes nothing that it says."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from edgeroute_agents.policy import FILE, PRETRAINED, load_policy
from edgeroute_agents.settings import load_settings
from edgeroute_agents.train import Training
from edgeroute_agents.tuning import HyperparameterSearch, SearchTask
from edgeroute_agents.watching import CHECKPOINT, Follower
from edgeroute_baselines.fitted import (
    fingerprint,
    own_file,
    packaged_file,
    store,
    stored_fits,
)
from edgeroute_env import EdgeRouteEnv, InputError, Trace, load_scenario
from edgeroute_env.config_files import read_yaml
from edgeroute_env.evaluation.results import BENCHMARK_FILES
from edgeroute_env.semantic.head import Head
from edgeroute_env.semantic.questions import load_recipe
from edgeroute_env.semantic.recorded_scores import recorded_scores, store_scores
from edgeroute_env.semantic.scorer import SHIPPED
from edgeroute_env.semantic.training.text_network import MemberState
from edgeroute_env.semantic.training.training_log import TrainingLog
from edgeroute_env.tables_io import read_frame, write_frame
from tests.helpers.learning import BAO_RULE, short, tiny_settings
from tests.helpers.made_up_questions import write_outcomes
from tests.helpers.small_fits import small

pytestmark = [pytest.mark.thorough, pytest.mark.training]

FEW, MANY = 12, 300


class Written(NamedTuple):
    """A file of ours, and what reads it: an InputError, or something to compare by its text."""

    path: Path
    read: Callable[[], Any]


def policy(folder: Path) -> Written:
    load_policy(PRETRAINED / "ppo-paper" / FILE).save(folder / FILE)
    return Written(folder / FILE, lambda: load_policy(folder / FILE))


def training_checkpoint(folder: Path) -> Written:
    follower = Follower()
    follower.judged = lambda *_: follower.stop()
    training = Training(short(), tiny_settings("ppo"), rule=BAO_RULE, reference=BAO_RULE)
    assert not training.run(folder, follower).finished
    stopped = Follower(stops=True)
    return Written(folder / CHECKPOINT, lambda: training.run(folder, stopped, resume=True))


def scorer_checkpoint(folder: Path) -> Written:
    path = folder / "head.checkpoint"
    log = TrainingLog(path)
    log.open("key")
    state = MemberState(1, *(torch.arange(9.0) for _ in MemberState._fields[1:]))
    log.after_epoch(0, state, 1.0, 2.0)

    def read() -> MemberState | None:
        again = TrainingLog(path, resume=True)
        again.open("key")
        return again.start(0)

    return Written(path, read)


def stored(folder: Path) -> Written:
    questions = write_outcomes(folder)
    scores = np.linspace(0.0, 1.0, 6 * len(questions)).reshape(-1, 3, 2)
    path = store_scores(questions, "question", scores)
    recipe = load_recipe("gsm8k")
    return Written(path, lambda: recorded_scores(questions, recipe, "question").tobytes())


def head(folder: Path) -> Written:
    path = folder / "head.safetensors"
    Head.load(SHIPPED / "mmlu.safetensors").save(path)

    def read() -> list[Any]:
        found = Head.load(path)
        return [
            value.tobytes() if isinstance(value, np.ndarray) else value
            for value in vars(found).values()
        ]

    return Written(path, read)


def trace(ending: str) -> Callable[[Path], Written]:
    def make(folder: Path) -> Written:
        env = EdgeRouteEnv("paper", {"workload.turns": 40})
        env.reset(seed=0)
        path = env.trace.save(folder / f"trace{ending}")
        return Written(path, lambda: [c.tobytes() for c in Trace.load(path).columns.values()])

    return make


def table(folder: Path) -> Written:
    columns = {"text": np.array(["one", "two", "ü"]), "number": np.array([1.5, np.nan, -0.0])}
    path = write_frame(columns, folder / "table.parquet")
    return Written(path, lambda: read_frame(path).to_dict("list"))


def results(folder: Path) -> Written:
    said = {"command": "edgeroute benchmark", "versions": {"python": platform.python_version()}}
    BENCHMARK_FILES.write(folder, {**said, "episodes": 4, "gap": 0.125, "scenarios": {}})
    path = folder / BENCHMARK_FILES.json_name
    return Written(path, lambda: BENCHMARK_FILES.read(path, "results"))


def fits(folder: Path) -> Written:
    path = own_file(small(), "synthetic")
    packaged = read_yaml(packaged_file(load_scenario("paper")))["synthetic"]
    routers = {name: packaged["routers"][name] for name in ("bao-multi", "linear")}
    entry = {**packaged, "routers": routers, "fingerprint": fingerprint(small(), "synthetic")}
    store(path, "synthetic", entry)
    return Written(path, lambda: stored_fits(small(), "synthetic"))


def tuned(folder: Path) -> Written:
    start = tiny_settings("ppo", frames=256, validate_every=256)
    task = SearchTask(
        load_scenario("paper"), start, fixed={"n_steps": 64, "batch_size": 64, "widths": [8]}
    )
    search = HyperparameterSearch(task, folder / "found")
    search.open()
    search.run(1)
    path = folder / "found" / "tuned.yaml"
    return Written(path, lambda: load_settings("ppo", tuned=path))


FILES: dict[str, Callable[[Path], Written]] = {
    "policy.safetensors": policy,
    "training.checkpoint": training_checkpoint,
    "a scorer's checkpoint": scorer_checkpoint,
    "stored scores": stored,
    "a score head": head,
    "trace.parquet": trace(".parquet"),
    "trace.csv.gz": trace(".csv.gz"),
    "a table": table,
    "results.json": results,
    "fits": fits,
    "tuned.yaml": tuned,
}


def refuse_flips(written: Written, flips: int) -> None:
    """Change one bit at a time, at places spread over the file; each is refused or harmless."""
    whole, kept = written.path.read_bytes(), repr(written.read())
    ends = np.linspace(0, 8 * len(whole), flips + 1).astype(int)
    refused = 0
    for place in np.random.default_rng(0).integers(ends[:-1], ends[1:]):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << (place % 8)
        written.path.write_bytes(changed)
        try:
            found = written.read()
        except InputError:
            refused += 1
        else:
            assert repr(found) == kept, place
    assert refused > 0.3 * flips


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    monkeypatch.setenv("EDGEROUTE_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_no_changed_bit_is_accepted_with_changed_content(name: str, folder: Path) -> None:
    refuse_flips(FILES[name](folder), FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_none_of_300_changed_bits_is_accepted(name: str, folder: Path) -> None:
    refuse_flips(FILES[name](folder), MANY)

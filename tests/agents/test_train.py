"""Training ends with the best policy, resumes as if nothing had happened, and names a collapse."""

from __future__ import annotations

import errno
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgeroute_agents import Follower, Standing, Training, load_policy, train
from edgeroute_agents.distillation import Expectation
from edgeroute_agents.judging import Validation, Verdict
from edgeroute_agents.policy import FILE
from edgeroute_agents.settings import KINDS
from edgeroute_agents.watching import CHECKPOINT, LOG
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env import InputError
from edgeroute_env.files import unsealed
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.traces.sources import Drawn
from tests.helpers.command_line import Command
from tests.helpers.learning import BAO_RULE, observations, short, tiny_settings

ALGORITHMS = tuple(KINDS)
# One algorithm in `make test`, the other among the slow tests: both share the code around them.
SPARED = ("ppo", pytest.param("dqn", marks=pytest.mark.slow))
_fitted: dict[str, Expectation] = {}


@pytest.fixture(autouse=True)
def expected_qualities_are_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare trainings on the same scenario two seconds each."""

    def fitted(scenario: Scenario) -> Expectation:
        key = scenario_hash(scenario)
        if key not in _fitted:
            _fitted[key] = Expectation(scenario)
        return _fitted[key]

    monkeypatch.setattr(train, "Expectation", fitted)


def training(algorithm: str = "ppo", scenario: Scenario | None = None, **more: Any) -> Training:
    settings = tiny_settings(algorithm, **more.pop("settings", {}))
    return Training(scenario or short(), settings, rule=BAO_RULE, reference=BAO_RULE, **more)


def learned(folder: Path) -> dict[str, Any]:
    """Return what the last checkpoint in a folder holds of the networks."""
    found: dict[str, Any] = torch.load(io.BytesIO(unsealed((folder / CHECKPOINT).read_bytes())))[
        "policy"
    ]
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("algorithm", SPARED)
def test_a_resumed_training_equals_an_uninterrupted_one(algorithm: str, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    made = training(algorithm, settings={"quality": "expected"})
    assert made.run(whole).finished
    follower = Follower()

    def stop_early(standing: Standing, verdict: Verdict) -> None:
        follower.stops = standing.frames > 0

    follower.judged = stop_early
    stopped = made.run(parts, follower)
    assert not stopped.finished
    assert 0 < stopped.frames < made.settings.frames
    assert not same(learned(whole), learned(parts))
    assert made.run(parts, resume=True).finished
    assert same(learned(whole), learned(parts))
    assert (whole / LOG).read_text() == (parts / LOG).read_text()
    assert (whole / FILE).read_bytes() == (parts / FILE).read_bytes()


def test_a_disk_that_fills_up_costs_nothing_but_the_time_since_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert training().run(whole).finished
    full = Follower()
    with monkeypatch.context() as patch:

        def fill(*_: Any) -> None:
            patch.setattr(os, "fsync", no_space)

        full.judged = fill
        with pytest.raises(InputError, match=r"output: got .*No space left"):
            training().run(parts, full)
    assert not list(parts.glob(".*"))
    assert (parts / LOG).read_text() != ""
    assert training().run(parts, resume=True).finished
    for name in (LOG, FILE):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


def no_space(handle: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_equal_trainings_write_equal_checkpoints(algorithm: str, tmp_path: Path) -> None:
    for name in "ab":  # memory that was never written would differ
        training(algorithm, settings={"frames": 256}).run(tmp_path / name)
    assert (tmp_path / "a" / CHECKPOINT).read_bytes() == (tmp_path / "b" / CHECKPOINT).read_bytes()


@pytest.mark.parametrize("algorithm", SPARED)
def test_training_changes_the_network_and_keeps_the_best(algorithm: str, tmp_path: Path) -> None:
    more = {"distilled_turns": 30_000, "validation_episodes": 48, "quality": "expected"}
    dear = short(**{"weights.edge_call": 0.2})  # the rule knows of a lower price
    made = training(algorithm, dear, settings=more)
    first = Follower(stops=True)
    assert not made.run(tmp_path / "start", first).finished
    found = tmp_path / "end"
    standing = made.run(found)
    assert standing.finished
    assert not same(learned(tmp_path / "start"), learned(found))
    paid, source = train.paying(dear, "synthetic", made.settings.quality)
    validation = Validation(paid, source, BAO_RULE, made.settings.validation_episodes)
    verdict = validation.judge(load_policy(found / FILE, dear))
    assert verdict.gap == standing.gap
    assert verdict.surely == standing.surely > 0.0  # the rule, improved upon
    assert list(found.glob("events.out.tfevents.*"))
    assert "best" in (found / LOG).read_text()


@pytest.mark.parametrize("theta", [-10.0, 10.0])
def test_only_what_fresh_episodes_confirm_is_kept(theta: float, tmp_path: Path) -> None:
    dear = short(**{"weights.edge_call": 10.0})
    # Nothing more is learned after the stop.
    made = training("ppo", dear, settings={"frames": 256, "learning_rate": 1e-12})
    assert not made.run(tmp_path, Follower(stops=True)).finished
    constant = LinearRouter({**BAO_RULE.weights, "theta": theta}, "constant")
    load_policy(tmp_path / FILE).as_rule(constant).save(tmp_path / FILE)
    standing = made.run(tmp_path, resume=True)
    assert standing.finished
    better = theta > 0.0  # it never asks for the edge
    kept = constant if better else BAO_RULE
    seen = observations(2000)
    assert np.array_equal(load_policy(tmp_path / FILE).route(seen), kept.route(seen))
    assert f"kept as `{kept.name}`" in (tmp_path / LOG).read_text()
    assert standing.gap == 0.0 or better


@pytest.mark.slow
def test_a_collapse_is_named_in_the_log(tmp_path: Path) -> None:
    # An edge call costs more than any answer can earn, which the rule does not know.
    dear = short(**{"weights.edge_call": 10.0})
    fast = {"learning_rate": 0.05, "frames": 8192, "paired": False, "n_epochs": 10}
    fast |= {"quality": "expected"}
    lines: list[str] = []
    made = training("ppo", dear, settings=fast)
    assert made.run(tmp_path, Follower(say=lines.append)).finished
    log = (tmp_path / LOG).read_text()
    assert log.splitlines() == lines
    assert "routing collapse, every validation turn goes to the device" in log
    first = log.splitlines()[0]
    assert first.lstrip().startswith("the rule")
    assert "collapse" not in first


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    made = training()
    with pytest.raises(InputError, match=r"--resume.*the checkpoint of an interrupted"):
        made.run(tmp_path, resume=True)
    assert made.run(tmp_path).finished
    path = tmp_path / CHECKPOINT
    for other in (training(seed=1), training(settings={"gamma": 0.5})):
        with pytest.raises(InputError, match="a checkpoint of the same scenario and settings"):
            other.run(tmp_path, resume=True)
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="a readable checkpoint"):
            made.run(tmp_path, resume=True)


KILLED = """
from pathlib import Path
import sys
sys.path.insert(0, sys.argv[2])
from edgeroute_agents import Follower, Training
from tests.helpers.learning import BAO_RULE, short, tiny_settings
settings = tiny_settings("ppo", frames=10**9, validate_every=1)
made = Training(short(), settings, rule=BAO_RULE, reference=BAO_RULE)
made.run(Path(sys.argv[1]), Follower(say=lambda line: print("said", flush=True)))
"""


def test_a_kill_leaves_no_unreadable_checkpoint(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), str(root)],
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == b"said\n"
        copies = []
        # Its files at any moment are what a kill at that moment would leave.
        for moment in range(12):
            time.sleep(0.01 + 0.003 * moment)
            copies.append(tmp_path / f"copy-{moment}")
            copies[-1].mkdir()
            for name in (CHECKPOINT, FILE):
                shutil.copy(tmp_path / name, copies[-1] / name)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    for folder in (tmp_path, *copies):
        made = training("ppo", settings={"frames": 10**9, "validate_every": 1})
        assert made.run(folder, Follower(stops=True), resume=True).frames > 0
        assert load_policy(folder / FILE).route(observations(5)).shape == (5,)


def test_the_command_trains_and_refuses(edgeroute: Command, tmp_path: Path) -> None:
    sizes = "num_envs=2 frames=128 n_steps=32 batch_size=16 validate_every=64 widths=[4]"
    sizes += " distilled_turns=0 quality=sampled"
    some = [part for size in sizes.split() for part in ("--set", size)]
    some += ["--set", "validation_episodes=2", "--out", "run", "--quiet"]
    ended = edgeroute("train", "ppo", "-s", "paper", *some)
    assert ended.code == 0, ended.err
    assert "written: run/policy.safetensors" in ended.err
    assert (tmp_path / "run" / FILE).is_file()
    again = edgeroute("train", "ppo", "-s", "paper", *some)
    assert again.code == 2
    assert "a folder without policy.safetensors, --overwrite or --resume" in again.err
    assert edgeroute("train", "ppo", "-s", "paper", *some, "--resume").code == 0
    unknown = edgeroute("train", "a2c")
    assert (unknown.code, unknown.err.strip()) == (
        2,
        "edgeroute: algorithm: got 'a2c'; allowed: one of ppo, dqn",
    )


def test_an_interrupt_stops_after_the_rollout(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build = train.build

    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return build(*arguments)

    some = ["--set", "frames=30000", "--set", "validation_episodes=2", "--out", "run", "--quiet"]
    some += ["--set", "distilled_turns=0", "--set", "quality=sampled"]
    with monkeypatch.context() as patch:
        patch.setattr(train, "build", interrupted)
        ended = edgeroute("train", "ppo", *some)
    assert ended.code == 130
    going_on = shlex.split(ended.err.rpartition("stopped; to go on: edgeroute ")[2])
    assert edgeroute(*going_on).code == 0
    assert np.isfinite(load_policy(tmp_path / "run" / FILE).preferences(observations(5))).all()


def test_a_training_can_start_from_edge_only_with_nothing_fitted(tmp_path: Path) -> None:
    settings = tiny_settings("ppo", rule="edge")
    started = Training(short(), settings, reference=BAO_RULE)
    validation = Validation(short(), Drawn(short()), BAO_RULE, 4)
    rule = train.starting_rule(started, validation)
    assert rule.name == "edge"
    assert validation.judge(rule).collapsed == "edge"

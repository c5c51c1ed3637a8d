"""Training ends with the best policy, resumes as if nothing had happened, and names a collapse."""

from __future__ import annotations

import os
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

from edgeroute_agents import checkpoints
from edgeroute_agents.policy import FILE, load_policy
from edgeroute_agents.settings import KINDS, load_settings
from edgeroute_agents.training import Training
from edgeroute_agents.watching import LOG
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env import InputError
from edgeroute_env.scenario import Scenario
from tests.helpers.command_line import Command
from tests.helpers.learning import BAO_RULE, observations, short, tiny_settings

ALGORITHMS = tuple(KINDS)


def training(folder: Path, algorithm: str, scenario: Scenario | None = None, **more: Any) -> Any:
    folder.mkdir(exist_ok=True)
    settings = tiny_settings(algorithm, **more.pop("settings", {}))
    chosen = scenario or short()
    return Training(chosen, settings, folder, rule=BAO_RULE, reference=BAO_RULE, **more)


def weights(made: Training) -> dict[str, Any]:
    return {name: value.clone() for name, value in made._model.policy.state_dict().items()}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_resumed_training_equals_an_uninterrupted_one(algorithm: str, tmp_path: Path) -> None:
    whole = training(tmp_path / "whole", algorithm)
    assert whole.run()
    stopped = training(tmp_path / "parts", algorithm)
    stopped.watch._tell = lambda frames: setattr(stopped.watch, "stops", frames >= 256)
    stopped.watch._notes["curve"] = 256  # told at 256 frames: after some updates
    assert not stopped.run()
    assert 256 <= stopped._model.num_timesteps < 1024
    resumed = training(tmp_path / "parts", algorithm, resume=True)
    assert resumed.run()
    expected, found = weights(whole), weights(resumed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    lines = [(tmp_path / name / LOG).read_text() for name in ("whole", "parts")]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_training_changes_the_network_and_keeps_the_best(algorithm: str, tmp_path: Path) -> None:
    more = {"distilled_turns": 30_000, "validation_episodes": 48}
    made = training(tmp_path, algorithm, settings=more)
    before = weights(made)
    assert made.run()
    assert any(not torch.equal(value, before[name]) for name, value in weights(made).items())
    best = load_policy(tmp_path / FILE, short())
    verdict = made.watch._validation.judge(best)
    assert verdict.gap == made.watch.best
    assert verdict.surely == made.watch.surely > 0.0  # the rule, improved upon
    assert list(tmp_path.glob("events.out.tfevents.*"))
    assert "best" in (tmp_path / LOG).read_text()


@pytest.mark.parametrize("theta", [-10.0, 10.0])
def test_only_what_fresh_episodes_confirm_is_kept(theta: float, tmp_path: Path) -> None:
    dear = short(**{"weights.edge_call": 10.0})
    stopped = training(tmp_path, "ppo", dear)
    stopped.watch.stops = True
    assert not stopped.run()
    constant = LinearRouter({**BAO_RULE.weights, "theta": theta}, "constant")
    load_policy(tmp_path / FILE).as_rule(constant).save(tmp_path / FILE)
    made = training(tmp_path, "ppo", dear, resume=True)
    made._frames = 0  # nothing more is learned
    assert made.run()
    better = theta > 0.0  # it never asks for the edge
    kept = constant if better else BAO_RULE
    seen = observations(2000)
    assert np.array_equal(load_policy(tmp_path / FILE).route(seen), kept.route(seen))
    assert f"kept as `{kept.name}`" in (tmp_path / LOG).read_text()
    assert made.watch.best == 0.0 or better


def test_a_collapse_is_named_in_the_log(tmp_path: Path) -> None:
    # An edge call costs more than any answer can earn, which the rule does not know.
    dear = short(**{"weights.edge_call": 10.0})
    fast = {"learning_rate": 0.05, "frames": 8192, "paired": False, "n_epochs": 10}
    lines: list[str] = []
    made = training(tmp_path, "ppo", dear, settings=fast, say=lines.append)
    assert made.run()
    log = (tmp_path / LOG).read_text()
    assert log.splitlines() == lines
    assert "routing collapse, every validation turn goes to the device" in log
    first = log.splitlines()[0]
    assert first.lstrip().startswith("the rule")
    assert "collapse" not in first


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--resume.*the checkpoint of an interrupted"):
        training(tmp_path, "ppo", resume=True)
    assert training(tmp_path, "ppo").run()
    path = tmp_path / checkpoints.FILE
    with pytest.raises(InputError, match="a checkpoint of the same scenario and settings"):
        training(tmp_path, "ppo", resume=True, seed=1)
    with pytest.raises(InputError, match="a checkpoint of the same scenario and settings"):
        training(tmp_path, "ppo", resume=True, settings={"gamma": 0.5})
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="a readable checkpoint"):
            training(tmp_path, "ppo", resume=True)


KILLED = """
from pathlib import Path
import sys
sys.path.insert(0, sys.argv[2])
from tests.helpers.learning import BAO_RULE, short, tiny_settings
from edgeroute_agents.training import Training
from edgeroute_baselines import make_router
made = Training(
    short(), tiny_settings("ppo", frames=10**9, validate_every=1), Path(sys.argv[1]),
    rule=BAO_RULE, reference=BAO_RULE,
    say=lambda line: print("said", flush=True),
)
made.run()
"""


def test_a_kill_leaves_no_unreadable_checkpoint(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
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
            for name in (checkpoints.FILE, FILE):
                shutil.copy(tmp_path / name, copies[-1] / name)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    for folder in (tmp_path, *copies):
        made = training(folder, "ppo", resume=True, settings={"frames": 10**9, "validate_every": 1})
        assert made._model.num_timesteps > 0
        assert load_policy(folder / FILE).route(observations(5)).shape == (5,)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_settings_are_checked(algorithm: str) -> None:
    assert isinstance(load_settings(algorithm), KINDS[algorithm])
    assert load_settings(algorithm, {"gamma": 0.5}).gamma == 0.5
    with pytest.raises(InputError, match=r"gamma: got 2.0; allowed: a number from 0 to 1"):
        load_settings(algorithm, {"gamma": 2.0})
    with pytest.raises(InputError, match="gama: got 1; allowed: one of the fields rule, distilled"):
        load_settings(algorithm, {"gama": 1})


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
    assert "a folder without a policy, --overwrite or --resume" in again.err
    assert edgeroute("train", "ppo", "-s", "paper", *some, "--resume").code == 0
    unknown = edgeroute("train", "a2c")
    assert (unknown.code, unknown.err.strip()) == (
        2,
        "edgeroute: algorithm: got 'a2c'; allowed: one of ppo, dqn, recurrent-ppo, qr-dqn",
    )
    without = edgeroute("train", "ppo", "-s", "tiny.yaml", *some, "--overwrite")
    assert without.code == 2
    assert "edgeroute tune -s tiny makes one" in without.err


def test_an_interrupt_stops_after_the_rollout(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = Training.run

    def interrupted(made: Training) -> bool:
        signal.raise_signal(signal.SIGINT)
        return run(made)

    some = ["--set", "frames=30000", "--set", "validation_episodes=2", "--out", "run", "--quiet"]
    some += ["--set", "distilled_turns=0", "--set", "quality=sampled"]
    with monkeypatch.context() as patch:
        patch.setattr(Training, "run", interrupted)
        ended = edgeroute("train", "ppo", *some)
    assert ended.code == 130
    assert "continue with --resume --out run" in ended.err
    assert edgeroute("train", "ppo", *some, "--resume").code == 0
    assert np.isfinite(load_policy(tmp_path / "run" / FILE).preferences(observations(5))).all()

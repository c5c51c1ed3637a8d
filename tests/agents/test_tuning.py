"""A search starts at the packaged settings, keeps the best, resumes and refuses what it should."""

from __future__ import annotations

import math
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeroute_agents import Follower, Standing, load_policy, load_settings, tuning
from edgeroute_agents.judging import Verdict
from edgeroute_agents.policy import FILE
from edgeroute_agents.tuning import PRUNING_STEPS, PRUNING_TRIALS, TUNED
from edgeroute_env import load_scenario
from edgeroute_env.scenario_files import scenario_hash
from tests.helpers.command_line import Command

SIZES = (
    "num_envs=2 frames=256 validate_every=128 distilled_turns=0 validation_episodes=4 n_steps=64"
    " batch_size=64 widths=[8] quality=sampled"
)
SMALL = [part for size in SIZES.split() for part in ("--set", size)]
LAST = {"ppo": 7, "dqn": 5}  # validation of a stub's training, by the packaged settings
SEARCHED = {"learning_rate", "n_epochs", "gae_lambda", "clip_range", "ent_coef"}


def worth(settings: Any) -> float:
    """Return what the stub's trainings earn: one learning rate is best, not the packaged one."""
    return 3.0 - abs(math.log10(settings.learning_rate / 1e-4))


class Stub:
    """A training whose worth is known, validation by validation."""

    made: list[Any]  # the settings of all trainings so far
    interrupted_at: int | None  # training that Ctrl-C hits, by its place in `made`

    def __init__(self, scenario: Any, settings: Any, *_: Any) -> None:
        self.settings = settings
        Stub.made.append(settings)

    def run(self, folder: Path, follower: Follower) -> Standing:
        folder.mkdir()
        (folder / FILE).write_text(str(worth(self.settings)))
        verdict = Verdict(
            gap=0.0,
            half_width=0.0,
            surely=0.0,
            quality=0.5,
            latency_s=1.0,
            edge_share=0.5,
            collapsed=None,
        )
        every = self.settings.validate_every
        standing = Standing()
        for step in range(self.settings.frames // every):
            standing.frames = step * every
            standing.learned = worth(self.settings) * step
            follower.judged(standing, verdict)
            if step == 5 and len(Stub.made) - 1 == Stub.interrupted_at:
                signal.raise_signal(signal.SIGINT)
            if follower.stops:
                return standing
        standing.finished = True
        return standing


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[Stub]:
    Stub.made, Stub.interrupted_at = [], None
    monkeypatch.setattr(tuning, "Training", Stub)
    return Stub


def tuned(folder: str | Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((Path(folder) / TUNED).read_text("utf-8"))
    return content


def test_the_search_writes_what_it_found_and_train_takes_it(edgeroute: Command) -> None:
    ended = edgeroute("tune", "ppo", "-s", "paper", "--trials", "2", "--out", "found", *SMALL)
    assert ended.code == 0, ended.err
    assert f"written: found/{TUNED}" in ended.err
    found = tuned("found")
    packaged = load_settings("ppo", {k: yaml.safe_load(v) for k, v in pairs(SIZES)})
    assert found["start"] == packaged.model_dump(mode="json")
    assert found["command"].startswith("edgeroute tune ppo -s paper --trials 2")
    assert {"optuna", "torch", "stable-baselines3", "edgeroute"} <= set(found["versions"])
    assert found["scenario"] == "paper"
    assert found["scenario_hash"] == scenario_hash(load_scenario("paper"))
    assert (found["seed"], found["training_seeds"]) == (0, "100000 to 100001")
    assert found["validation_seeds"] == "900000 to 900003"  # training seeds end at 1,000,000
    assert found["trials_asked"] == len(found["trials"]) == 2
    for number, trial in enumerate(found["trials"]):
        assert set(trial["settings"]) == SEARCHED
        assert set(trial["validations"]) == {0, 1}  # of every 128 frames; the last is the value
        about = load_policy(Path("found") / f"trial-{number:03d}" / FILE).about
        assert about["settings"] == {**found["start"], **trial["settings"]}
    assert found["trials"][0]["settings"].items() <= found["start"].items()
    assert found["trials"][1]["settings"] != found["trials"][0]["settings"]
    best = found["trials"][found["best"]["trial"]]
    assert found["settings"] == {**found["start"], **best["settings"]}

    words = ("train", "ppo", "--settings", f"found/{TUNED}", "--set", "gamma=0.5", "--quiet")
    ended = edgeroute(*words, "--out", "run")
    assert ended.code == 0, ended.err
    about = load_policy(Path("run") / FILE).about
    assert about["settings"] == {**found["settings"], "gamma": 0.5}


def pairs(sizes: str) -> list[tuple[str, str]]:
    return [(field, value) for field, _, value in (size.partition("=") for size in sizes.split())]


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_the_first_trial_is_packaged_and_the_best_is_no_worse(
    algorithm: str, edgeroute: Command, stub: type[Stub]
) -> None:
    ended = edgeroute("tune", algorithm, "--trials", "8", "--out", "found", "--quiet")
    assert ended.code == 0, ended.err
    found = tuned("found")
    assert stub.made[0] == load_settings(algorithm)
    complete = [k for k, trial in enumerate(found["trials"]) if trial["state"] == "complete"]
    best = max(complete, key=lambda k: worth(stub.made[k]))
    assert worth(stub.made[best]) > worth(stub.made[0])
    assert found["best"] == {
        "trial": best,
        "value": pytest.approx(LAST[algorithm] * worth(stub.made[best])),
    }
    assert load_settings(algorithm, tuned=Path("found") / TUNED) == stub.made[best]


@pytest.mark.parametrize("scenario", ["paper", "quota", "busy-cell"])
def test_the_lambda_that_counts_is_searched(
    scenario: str, edgeroute: Command, stub: type[Stub]
) -> None:
    words = ("tune", "ppo", "-s", scenario, "--trials", "2", "--out", "found", "--quiet")
    ended = edgeroute(*words, "--set", "clip_range=0.3")
    assert ended.code == 0, ended.err
    first, second = stub.made
    assert (first.gae_lambda == second.gae_lambda) == (scenario != "paper")
    assert (first.gae_lambda_budget == second.gae_lambda_budget) == (scenario == "paper")
    assert first.clip_range == second.clip_range == 0.3
    assert "clip_range" not in tuned("found")["space"]


def test_a_resumed_search_equals_an_uninterrupted_one(edgeroute: Command, stub: type[Stub]) -> None:
    trials = PRUNING_TRIALS + 9
    words = ("tune", "ppo", "--trials", str(trials), "--quiet")
    assert edgeroute(*words, "--out", "whole").code == 0
    whole, uninterrupted = tuned("whole"), stub.made
    states = [trial["state"] for trial in whole["trials"]]
    assert "pruned" in states
    assert "pruned" not in states[:PRUNING_TRIALS]
    for trial in whole["trials"]:
        if trial["state"] == "pruned":
            assert max(trial["validations"]) >= PRUNING_STEPS
            assert trial["value"] < whole["best"]["value"]

    # Ctrl-C in the first trial, and late enough that some have been cut short.
    stub.made, stub.interrupted_at = [], 0
    stopped = edgeroute(*words, "--out", "parts")
    assert stopped.code == 130
    assert "stopped; to go on: edgeroute tune " in stopped.err
    assert not (Path("parts") / TUNED).exists()
    refused = edgeroute(*words, "--out", "parts")
    assert refused.err == (
        "edgeroute: --out: got 'parts'; allowed: a folder without trial-000/"
        "policy.safetensors, --overwrite or --resume\n"
    )
    last = max(k for k, state in enumerate(states) if state == "complete")
    same = {"command": "", "sha256": ""}
    stub.made, stub.interrupted_at = [], last
    assert edgeroute(*words, "--out", "parts", "--resume").code == 130
    assert tuned("parts")["trials"] == whole["trials"][:last]
    stub.made, stub.interrupted_at = [], None
    assert edgeroute(*words, "--out", "parts", "--resume").code == 0
    assert stub.made == uninterrupted[last:]
    assert {**tuned("parts"), **same} == {**whole, **same}

    # Nothing left; then more.
    assert edgeroute(*words, "--out", "parts", "--resume").code == 0
    more = ("tune", "ppo", "--trials", str(trials + 1), "--quiet", "--out", "parts", "--resume")
    assert edgeroute(*more).code == 0
    assert len(stub.made) == trials - last + 1


def test_results_are_replaced_or_resumed_only_where_that_was_asked_for(
    edgeroute: Command, stub: type[Stub], tmp_path: Path
) -> None:
    words = ("tune", "ppo", "--out", "found", "--quiet", "--trials")
    assert edgeroute(*words, "3").code == 0
    before = (tmp_path / "found" / TUNED).read_bytes()
    for more, message in {
        (): "--out: got 'found'; allowed: a folder without tuned.yaml, --overwrite or --resume",
        ("--resume", "--seed", "1"): "these differ: seed, training_seeds",
        ("--resume", "--set", "gamma=0.9"): "these differ: start",
        ("--overwrite", "--seed", "800"): "seed: got 800; allowed: a whole number from 0 to 799",
    }.items():
        refused = edgeroute(*words, "2", *more)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert message in refused.err
        assert (tmp_path / "found" / TUNED).read_bytes() == before
    assert len(stub.made) == 3
    assert edgeroute(*words, "2", "--overwrite").code == 0
    assert len(tuned("found")["trials"]) == 2
    assert not (tmp_path / "found" / "trial-002").exists()
    assert edgeroute(*words, "3", "--resume").code == 0
    assert [trial["state"] for trial in tuned("found")["trials"]] == ["complete"] * 3
    path = tmp_path / "found" / TUNED
    whole = path.read_text()
    for damaged in ("nonsense\n" + whole, "[]\n", whole.replace("seed: 0", "seed: 1")):
        path.write_text(damaged)
        refused = edgeroute(*words, "2", "--resume")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert TUNED in refused.err
    assert len(stub.made) == 6


ALL_OF_DQN = (
    "learning_rate=0.001 gamma=0.9 target_update_interval=9 exploration_fraction=0.1"
    " exploration_initial_eps=0.1 exploration_final_eps=0.1 batch_size=32 widths=[4]"
)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("pacing", "algorithm: got 'pacing'; allowed: one of ppo, dqn"),
        ("ppo --set gamma=2", "gamma: got 2; allowed: a number from 0 to 1"),
        ("ppo --set gama=1", "gama: got 1; allowed: one of the fields rule, "),
        ("ppo --traces maybe", "--traces: got 'maybe'; allowed: auto, synthetic or recorded"),
        ("ppo --out tiny.yaml", "--out: got 'tiny.yaml'; allowed: a usable folder"),
        (
            "dqn " + " ".join(f"--set {size}" for size in ALL_OF_DQN.split()),
            "allowed: any but all of learning_rate, gamma, ",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    edgeroute: Command, stub: type[Stub], words: str, message: str
) -> None:
    before = sorted(Path().iterdir())
    refused = edgeroute("tune", *words.split(), "--quiet")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert message in refused.err
    assert stub.made == []
    assert sorted(Path().iterdir()) == before


def test_optuna_is_asked_for_where_it_is_absent(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "edgeroute_agents.tuning")
    monkeypatch.setitem(sys.modules, "optuna", None)
    refused = edgeroute("tune", "ppo", "--out", "found")
    assert refused.code == 2
    assert refused.err == (
        "edgeroute: optuna: got 'not installed'; allowed: pip install 'edgeroute[agents]' for "
        "edgeroute tune\n"
    )
    assert not Path("found").exists()


@pytest.mark.parametrize("content", ["algorithm: dqn\nsettings: {}\n", "gamma: 1.0\n"])
def test_train_refuses_settings_that_no_search_wrote(edgeroute: Command, content: str) -> None:
    Path("other.yaml").write_text(content)
    refused = edgeroute("train", "ppo", "--settings", "other.yaml")
    assert refused.code == 2
    assert "--settings: got 'other.yaml'; allowed: a file as edgeroute tune wrote it" in refused.err

"""Every command that a message suggests works as it is printed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from edgeroute_agents.policy import PRETRAINED
from edgeroute_agents.settings import KINDS, load_settings
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_env import InputError, Trace, load_scenario
from edgeroute_env.recordings import builders, downloads
from edgeroute_env.scenario_files import parse_overrides
from edgeroute_env.semantic.questions import load_recipe
from edgeroute_env.semantic.recorded_scores import scoring_command
from tests.conftest import ROOT
from tests.helpers.command_line import Command

COMMANDS = (
    "run|train|tune|fit|benchmark|report|sweep|scenarios|data get|trace import|score recorded"
)
SUGGESTED = re.compile(rf"edgeroute (?:{COMMANDS}) [^;`\n]*?(?=, edgeroute|[;`\n]|$)")


def suggested(text: str) -> list[list[str]]:
    """Return the words of each command in a text, without `edgeroute`."""
    return [shlex.split(found)[1:] for found in SUGGESTED.findall(text)]


def parsed(words: list[str], edgeroute: Command) -> bool:
    """Return whether a command line is understood; what downloads or scores is not run for it."""
    return edgeroute(*words, "--help").code == 0


def training(edgeroute: Command) -> str:
    return edgeroute("run", "-s", "tiny.yaml", "--router", "ppo").err


CHANGED = ("-s", "paper", "--set", "workload.turns=8", "--set", "radio.uplink_hz=6e6")


def training_with_overrides(edgeroute: Command) -> str:
    return edgeroute("run", *CHANGED, "--router", "dqn").err


def a_policy(edgeroute: Command) -> str:
    (words,) = suggested(training_with_overrides(edgeroute))
    return edgeroute(*words).err


def fitting(edgeroute: Command) -> str:
    changed = load_scenario("tiny.yaml").model_copy(update={"name": "paper"})
    with pytest.raises(InputError, match="fit_missing") as not_the_preset:
        fitted_parameters(changed, "synthetic", "linear")
    assert not suggested(str(not_the_preset.value))  # the preset's fit would not help
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgeroute_baselines.fitted.packaged_file", lambda scenario: Path("none"))
        with pytest.raises(InputError) as refused:
            fitted_parameters(load_scenario("paper"), "synthetic", "length-threshold")
    return str(refused.value)


def a_trace(edgeroute: Command) -> str:
    pd.DataFrame({"arrival_s": [0, 1, 5]}).to_csv("my trace.csv", index=False)
    with pytest.raises(InputError) as refused:
        Trace.load("my trace.csv")
    return str(refused.value)


MESSAGES: dict[str, Callable[[Command], str]] = {
    "train": training,
    "train, with --set": training_with_overrides,
    "benchmark a policy": a_policy,
    "fit": fitting,
    "import a trace": a_trace,
}


@pytest.fixture
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `edgeroute train` end soon with its packaged settings."""
    pytest.importorskip("stable_baselines3")
    short = {"frames": 200, "num_envs": 4, "distilled_turns": 0, "validation_episodes": 4}
    more = {"quality": "sampled", **short}
    made = {name: load_settings(name, more).model_dump() for name in KINDS}
    made["ppo"] |= {"n_steps": 25, "batch_size": 50}
    monkeypatch.setattr("edgeroute_agents.settings.read_yaml", lambda path: made[path.stem])


@pytest.mark.parametrize("case", MESSAGES)
def test_it_runs_as_printed(case: str, edgeroute_small: Command, short_trainings: None) -> None:
    text = MESSAGES[case](edgeroute_small)
    (words,) = suggested(text)
    ended = edgeroute_small(*words)
    assert ended.code == 0, (words, ended.err)


def test_what_is_trained_as_told_plays_what_was_asked_for(
    edgeroute_small: Command, short_trainings: None
) -> None:
    (words,) = suggested(training_with_overrides(edgeroute_small))
    assert edgeroute_small(*words).code == 0
    policy = ("--router", "dqn", "--policy", "runs/paper-dqn-0/policy.safetensors")
    assert edgeroute_small("run", *CHANGED, *policy).code == 0


def test_what_is_published_is_got_as_printed(
    edgeroute_small: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def built(name: str, *_: object) -> builders.Built:
        asked.append(name)
        return builders.Built(Path(name), 1, (), "")

    monkeypatch.setattr(downloads, "download", lambda name, **_: {})
    monkeypatch.setattr(builders, "build_table", built)
    title = edgeroute_small("run", "-s", "mmlu", "--router", "edge").out.partition("    time")[0]
    commands = suggested(" ".join(title.split()).replace("·", "\n"))
    assert len(commands) > 1
    for words in commands:
        assert edgeroute_small(*words).code == 0, words
    assert [words[-1] for words in commands] == asked
    command = scoring_command(load_recipe("mmlu"), "group")
    assert parsed(shlex.split(command)[1:], edgeroute_small)


def test_packaged_policies_tell_a_command_that_is_understood(edgeroute: Command) -> None:
    cards = sorted(PRETRAINED.glob("*/*.md"))
    assert cards
    for card in cards:
        (words,) = suggested(card.read_text("utf-8"))
        settings = [value for flag, value in pairwise(words) if flag == "--set"]
        load_settings(words[1], parse_overrides(settings))
        assert parsed(words, edgeroute), card


def test_every_place_that_suggests_a_command_is_tried() -> None:
    tried = {"downloads", "episode", "fitted", "pretraining", "recorded_scores", "trace", "train"}
    found = set()
    for folder in ("edgeroute_env", "baselines", "agents"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if any(map(suggests, ast.walk(ast.parse(path.read_text("utf-8"))))):
                found.add(path.stem)
    # What `options` makes, to resume, is run by the tests of trainings that are interrupted;
    # `result_files` states the command that was run, the fit of `live_measure` is part of the walk
    # through docs/live-own-models.md.
    assert found == tried | {"options", "result_files", "live_measure"}


def suggests(node: ast.AST) -> bool:
    """Return whether code makes a command to copy: a formatted text, or a list of words."""
    if isinstance(node, ast.List) and node.elts:
        return isinstance(node.elts[0], ast.Constant) and node.elts[0].value == "edgeroute"
    text = ast.unparse(node) if isinstance(node, ast.JoinedStr) else ""
    return bool(re.search(rf"edgeroute (?:{COMMANDS}) \S", text)) and " wrote" not in text

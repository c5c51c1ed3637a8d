"""The command line explains itself, plays episodes, and answers bad input with one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import edgeroute_env
from edgeroute_baselines import make_router, router_names
from edgeroute_baselines.registry import spec
from edgeroute_env import EdgeRouteEnv, scenario_names
from edgeroute_env.cli.app import app
from edgeroute_env.routing import Insider, Learner
from tests.helpers.command_line import Command, Ended
from tests.helpers.settings import ordinary


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with the words that lead to it, the groups included."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            waiting.append(((*words, name), inner))


COMMANDS = {" ".join(words) or "edgeroute": (words, command) for words, command in commands()}


# --- help


def test_the_commands_are_the_documented_ones() -> None:
    expected = "benchmark run sweep fit train tune scenarios trace data".split()
    assert set(expected) <= set(COMMANDS)
    assert {"trace make", "trace import", "trace info"} <= set(COMMANDS)
    assert {"data list", "data get", "data path"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_command_and_option(name: str, edgeroute: Command) -> None:
    words, command = COMMANDS[name]
    ended = edgeroute(*words, "--help")
    assert ended.code == 0
    shown = " ".join(re.sub("[│╭╮╰╯─]", " ", ended.out).split())
    assert command.help
    assert command.help.split()[0] in shown
    for inner, described in getattr(command, "commands", {}).items():
        assert inner in shown
        assert described.get_short_help_str(200).rstrip(".") in shown
    for parameter in command.params:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert option in shown
        if parameter.name != "help":
            assert parameter.help
            assert parameter.help in shown


# --- scenarios


def test_scenarios_lists_every_preset_and_its_id(edgeroute: Command) -> None:
    ended = edgeroute("scenarios")
    assert ended.code == 0
    for name in scenario_names():
        assert f"EdgeRoute-{name}-v0" in ended.out


# --- run


def turns_of(ended: Ended) -> list[list[str]]:
    """Return the words of each turn's line: what follows two lines of heading, before the sum."""
    lines = ended.out.splitlines()
    names = next(i for i, line in enumerate(lines) if line.split()[:2] == ["time", "turn"])
    return [line.split() for line in lines[names + 2 : -1]]


@pytest.mark.parametrize(
    ("router", "parameters"),
    [("edge", {}), ("random", {}), ("bao-multi-queue", {"alpha_per_s": 0.05, "theta": 0.2})],
)
def test_run_prints_each_turn_and_the_sum_of_its_rewards(
    router: str, parameters: dict[str, float], edgeroute: Command
) -> None:
    given = [text for name, value in parameters.items() for text in ("--param", f"{name}={value}")]
    ended = edgeroute("run", "--router", router, *given, "--seed", "7", "--set", "workload.turns=9")
    assert ended.code == 0
    rewards = [float(words[-1]) for words in turns_of(ended)]
    assert len(rewards) == 9
    env, chooser = EdgeRouteEnv(overrides={"workload.turns": 9}), make_router(router, parameters)
    observation, total, expected = env.reset(seed=7)[0], 0.0, []
    for _ in rewards:
        observation, reward, *_ = env.step(int(chooser.route(observation[None])[0]))
        expected.append(round(reward, 3))
        total += reward
    assert rewards == expected
    assert ended.out.splitlines()[-1] == f"return {total:.3f} over 9 turns"
    assert "edge" in {words[6] for words in turns_of(ended)}


def test_run_repeats_and_follows_its_seed(edgeroute: Command) -> None:
    arguments = ("run", "-s", "tiny.yaml", "--router", "random")
    first = edgeroute(*arguments, "--seed", "3")
    assert len(turns_of(first)) == 6
    assert edgeroute(*arguments, "--seed", "3").out == first.out
    assert edgeroute(*arguments, "--seed", "4").out != first.out


def test_run_replays_a_trace_file(edgeroute: Command) -> None:
    arguments = ("-s", "tiny.yaml", "--seed", "3")
    edgeroute("trace", "make", "--out", "three.parquet", *arguments)
    drawn = edgeroute("run", "--router", "edge", *arguments)
    replayed = ("run", "--router", "edge", "-s", "tiny.yaml", "--trace", "three.parquet")
    assert turns_of(edgeroute(*replayed)) == turns_of(drawn)
    assert "tiny · trace three.parquet · edge" in edgeroute(*replayed).out


# --- bad input

RUN = ("run", "--router", "edge")
BENCHMARK = ("benchmark", "--episodes", "2", "--out", "results", "--quiet")
SET = (*RUN, "--set")
PRESETS = ", ".join(scenario_names())
BAD: list[tuple[tuple[str, ...], list[str]]] = [
    (("benchmark", "nowhere", "--out", "x"), ["scenario", "'nowhere'", PRESETS]),
    ((*RUN, "-s", "nowhere"), ["scenario", "'nowhere'", "paper"]),
    ((*RUN, "-s", "absent.yaml"), ["absent.yaml", "No such file"]),
    ((*RUN, "-s", "list.yaml"), ["list.yaml", "list", "mapping"]),
    (("scenarios", "nowhere"), ["scenario", "'nowhere'", "paper"]),
    ((*SET, "radio.colour=3"), ["radio.colour", "3", "carrier_ghz"]),
    ((*SET, "radio.uplink_hz=-1"), ["radio.uplink_hz", "-1", "from 100 to"]),
    ((*SET, "workload.turns=many"), ["workload.turns", "'many'", "whole number"]),
    ((*SET, "radio.carrier_ghz"), ["--set", "'radio.carrier_ghz'", "FIELD=VALUE"]),
    ((*SET, "workload.mix.7.share=1"), ["workload.mix.7.share", "'7'", "0 to 2"]),
    ((*SET, "device.model.name=x"), ["device.model.name", "'x'", "mapping"]),
    ((*BENCHMARK, "tiny.yaml", "--set", "edge.max_sequences=0"), ["edge.max_sequences", "0", "1"]),
    (("run", "--router", "best"), ["router", "'best'", "bao-multi-queue"]),
    ((*BENCHMARK, "tiny.yaml", "--reference", "best"), ["--reference", "'best'", "edge"]),
    ((*RUN, "--traces", "real"), ["--traces", "'real'", "synthetic"]),
    ((*BENCHMARK, "tiny.yaml", "--traces", "real"), ["--traces", "'real'", "recorded"]),
    ((*RUN, "--traces", "recorded"), ["traces", "'recorded'", "paper has none"]),
    ((*RUN, "-s", "mmlu", "--traces", "recorded"), ["no such file", "EDGEROUTE_DATA"]),
    ((*RUN, "--trace", "absent.csv"), ["absent.csv", "existing"]),
    ((*RUN, "--trace", "tiny.yaml"), ["tiny.yaml", ".parquet"]),
    ((*RUN, "--trace", "noise.parquet"), ["noise.parquet", "readable parquet"]),
    ((*RUN, "--trace", "noise.csv"), ["noise.csv", "columns", "arrival_s"]),
    ((*RUN, "--param", "theta=1"), ["edge: parameters", "theta", "none"]),
    (("run", "--router", "static-split", "-s", "tiny.yaml"), ["--param", "'none'", "edge_share"]),
    (("run", "--router", "bao-single", "--param", "theta=1"), ["parameters", "alpha_per_s"]),
    (("run", "--router", "score-threshold", "--param", "theta=x"), ["--param", "'theta=x'"]),
    ((*BENCHMARK[:-2], "tiny.yaml", "tiny.yaml"), ["--out", "tiny.yaml", "folder"]),
    (("data", "get", "everything"), ["dataset", "'everything'", "mooncake"]),
    (("trace", "info", "absent.csv"), ["absent.csv", "existing"]),
    (("trace", "make", "--out", "trace.txt"), ["trace.txt", ".parquet"]),
    (("trace", "make", "--out", "."), ["output", "a file, not a folder"]),
    (("trace", "make", "--out", "absent/trace.csv"), ["output", "absent", "existing folder"]),
    (("trace", "import", "excel", "noise.csv", "--out", "x.csv"), ["'excel'", "routellm"]),
    (("trace", "import", "azure", "noise.csv", "--out", "x.csv"), ["noise.csv", "TIMESTAMP"]),
]


@pytest.mark.parametrize(("arguments", "named"), BAD)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], named: list[str], edgeroute: Command
) -> None:
    Path("noise.parquet").write_bytes(b"\0\1\2 no table")
    Path("noise.csv").write_text("a,b\n1,2\n")
    Path("list.yaml").write_text("- extends: paper\n")
    before = set(Path().rglob("*"))
    ended = edgeroute(*arguments)
    assert ended.code == 2
    assert re.fullmatch(r"edgeroute: .+: got .+; allowed: .+\n", ended.err)
    for part in named:
        assert part in ended.err
    assert "Traceback" not in ended.out + ended.err
    assert set(Path().rglob("*")) == before  # nothing is left behind


@pytest.mark.parametrize(
    "arguments",
    [
        ("benchmark", "tiny.yaml", "--episodes", "1000001", "--quiet", "--out", "x"),
        ("run", "--router", "score-threshold", "--param", "theta=nan"),
        ("run", "--router", "bao-multi", "--param", "theta=0", "--param", "alpha_per_s=-1"),
    ],
)
def test_other_bad_input_has_exit_code_2(arguments: tuple[str, ...], edgeroute: Command) -> None:
    assert edgeroute(*arguments).code == 2


@pytest.mark.parametrize(
    "arguments", [("fly",), ("run", "--fly"), ("run", "--seed", "-1"), ("trace", "make")]
)
def test_a_misspelt_command_line_has_exit_code_2(
    arguments: tuple[str, ...], edgeroute: Command
) -> None:
    ended = edgeroute(*arguments)
    assert ended.code == 2
    assert "--help" in ended.err
    assert "Traceback" not in ended.err


# --- the program itself


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("run", "--router", "edge", "--set", "workload.turns=2"), 0), (("scenarios", "x"), 2)],
)
def test_the_module_runs_as_a_program(arguments: tuple[str, ...], code: int) -> None:
    command = [sys.executable, "-W", "error::UserWarning", "-m", "edgeroute_env", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, check=False)
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert (ended.stdout == "") == (code == 2)
    assert "edgeroute: scenario: got 'x'" in ended.stderr or code == 0


def test_every_router_that_needs_observations_alone_can_be_run_by_name(
    edgeroute: Command,
) -> None:
    for name in router_names():
        if isinstance(make_router(name, ordinary(name)), Insider | Learner):
            given = [t for k in spec(name).parameters for t in ("--param", f"{k}=0.1")]
            refused = edgeroute("run", "-s", "tiny.yaml", "--router", name, *given)
            assert (refused.code, refused.err.count("\n")) == (2, 1)
            assert f"--router: got '{name}'" in refused.err
            continue
        given = [f"{parameter}=0.05" for parameter in spec(name).parameters]
        parameters = [text for one in given for text in ("--param", one)]
        ended = edgeroute("run", "-s", "tiny.yaml", "--router", name, *parameters)
        assert (ended.code, len(turns_of(ended))) == (0, 6)


def test_the_version_is_told_and_commands_are_grouped(edgeroute: Command) -> None:
    assert edgeroute("--version").out == f"{edgeroute_env.__version__}\n"
    told = edgeroute("--help").out
    groups = ("Simulate", "Compare", "Fit and learn", "Data and scores")
    assert [told.index(f" {group} ") for group in groups] == sorted(
        told.index(f" {group} ") for group in groups
    )

"""Users that cannot be drawn get one error that names the law, its value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeroute_env import EdgeRouteEnv, InputError, load_scenario
from tests.helpers.command_line import Command

FAR = "radio.distance_max_m"
# Draws, and what the message names.
BAD_DRAWS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a field that may not vary": (
        {"workload.turns": {"choice": [8, 16]}},
        ("users.draws", "'workload.turns'", "device", "weights"),
    ),
    "shared hardware": (
        {"edge.max_sequences": {"choice": [8, 16]}},
        ("users.draws", "'edge.max_sequences'", "edge.background.utilisation"),
    ),
    "the number of phones": (
        {"device.count": {"choice": [1, 2]}},
        ("users.draws.device.count", "got 2", "same device.count"),
    ),
    "the number of phones, hidden in a mapping": (
        {"device": {"choice": [{"count": 2}]}},
        ("users.draws.device", "same device.count"),
    ),
    "the law of rates": (
        {"radio.rate": {"choice": ["shannon"]}},
        ("users.draws.radio.rate", "same radio.rate"),
    ),
    "an unknown field": (
        {"radio.colour": {"choice": ["red"]}},
        ("users.draws.radio.colour", "'colour'", "one of environment, path_loss"),
    ),
    "an unknown field in a mapping": (
        {"device": {"choice": [{"colour": "red"}]}},
        ("users.draws.device", "'colour'", "one of count, model, speed"),
    ),
    "a benchmark that is not there": (
        {"workload.mix.7.share": {"uniform": [0.1, 0.2]}},
        ("users.draws.workload.mix.7.share", "'7'", "one of 0, 1, 2"),
    ),
    "two laws at once": (
        {FAR: {"uniform": [50, 300], "choice": [60]}},
        (f"users.draws.{FAR}", "'uniform, choice'", "exactly one"),
    ),
    "no law": ({FAR: {}}, (f"users.draws.{FAR}", "'none'", "exactly one")),
    "an unknown law": (
        {FAR: {"triangle": [50, 300]}},
        (f"users.draws.{FAR}.triangle", "uniform", "log_uniform", "choice"),
    ),
    "shares of the wrong length": (
        {FAR: {"choice": [60, 70], "shares": [1]}},
        (f"users.draws.{FAR}.shares", "[1.0]", "one share a choice"),
    ),
    "shares without a choice": (
        {FAR: {"uniform": [60, 70], "shares": [1, 1]}},
        (f"users.draws.{FAR}.shares", "one share a choice"),
    ),
    "a share of nothing": (
        {FAR: {"choice": [60, 70], "shares": [1, 0]}},
        (f"users.draws.{FAR}.shares.1", "got 0", "from 1e-12"),
    ),
    "nothing to choose from": ({FAR: {"choice": []}}, (f"users.draws.{FAR}.choice", "1 item")),
    "a reversed range": (
        {FAR: {"uniform": [300, 50]}},
        (f"users.draws.{FAR}.uniform", "[300.0, 50.0]", "lower end first"),
    ),
    "a reversed log range": (
        {FAR: {"log_uniform": [300, 50]}},
        (f"users.draws.{FAR}.log_uniform", "lower end first"),
    ),
    "a log range from 0": (
        {FAR: {"log_uniform": [0, 50]}},
        (f"users.draws.{FAR}.log_uniform.0", "got 0", "from 1e-12"),
    ),
    "an end that is no number": (
        {FAR: {"uniform": [50, "far"]}},
        (f"users.draws.{FAR}.uniform.1", "'far'", "number"),
    ),
    "a drawn value its field refuses": (
        {"workload.score_auc": {"uniform": [0.4, 0.9]}},
        ("users.draws.workload.score_auc", "got 0.4", "0.5"),
    ),
    "a drawn value another field refuses": (
        {FAR: {"uniform": [5, 50]}},
        (f"users.draws.{FAR}", "at least distance_min_m = 10"),
    ),
    "a choice its field refuses": (
        {"device.speed": {"choice": ["jetson-orin-nano/qwen2.5-1.5b", "nokia"]}},
        ("users.draws.device.speed", "'nokia'", "snapdragon-8-elite/qwen2.5-1.5b"),
    ),
    "no law at all": ({}, ("users.draws", "1 item")),
}
each_bad = pytest.mark.parametrize("case", BAD_DRAWS)


def refused(call: Any, *named: str) -> str:
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for part in (*named, "allowed"):
        assert part in message
    return message


@each_bad
def test_bad_draws_are_named(case: str) -> None:
    draws, named = BAD_DRAWS[case]
    users = {"count": 4, "draws": draws}
    message = refused(lambda: load_scenario("paper", {"users": users}), *named)
    mapping = {**load_scenario("paper").model_dump(), "users": users}
    assert refused(lambda: EdgeRouteEnv(mapping), *named) == message


@each_bad
def test_the_command_line_names_bad_draws_in_one_line(case: str, edgeroute: Command) -> None:
    draws, named = BAD_DRAWS[case]
    users = {"count": 4, "draws": draws}
    flow = yaml.safe_dump(users, default_flow_style=True, width=10_000).strip()
    by_option = edgeroute("run", "-s", "tiny.yaml", "--set", f"users={flow}")
    text = Path("tiny.yaml").read_text().replace("name: tiny", "name: peopled")
    Path("peopled.yaml").write_text(text + yaml.safe_dump({"users": users}))
    by_file = edgeroute("run", "-s", "peopled.yaml")
    for ended in (by_option, by_file):
        assert (ended.code, ended.out) == (2, "")
        message = " ".join(ended.err.split())
        assert message.startswith("edgeroute: users.draws")
        for part in named:
            assert part in message
    assert by_option.err == by_file.err


@pytest.mark.parametrize(("count", "allowed"), [(1, "2"), (0, "2"), (4097, "4096"), (2.5, "whole")])
def test_a_population_has_a_few_to_some_thousand_users(
    count: Any, allowed: str, edgeroute: Command
) -> None:
    refused(lambda: load_scenario("fleet", {"users.count": count}), "users.count", allowed)
    ended = edgeroute("run", "-s", "fleet", "--set", f"users.count={count}")
    assert ended.code == 2
    assert "users.count" in ended.err
    assert load_scenario("fleet", {"users.count": 2}).users.count == 2


def test_good_users_are_taken_from_options_and_files(edgeroute: Command) -> None:
    option = "users={count: 3, draws: {weights.edge_call: {choice: [0.1, 0.2]}}}"
    assert edgeroute("run", "-s", "tiny.yaml", "--router", "edge", "--set", option).code == 0
    text = Path("tiny.yaml").read_text().replace("name: tiny", "name: peopled")
    draws = "{weights.edge_call: {choice: [0.1, 0.2]}}"
    Path("peopled.yaml").write_text(f"{text}users:\n  count: 3\n  draws: {draws}\n")
    population = load_scenario("peopled.yaml").population
    assert len(population) == 3
    assert {user.weights.edge_call for user in population} <= {0.1, 0.2}


# Each end of each law is fine by itself; what comes of them is not.
UNFIT = {
    "whole numbers drawn from a range": {"budgets.edge_calls": {"uniform": [1, 5]}},
    "two fields that need each other": {
        "radio.distance_min_m": {"uniform": [10, 100]},
        FAR: {"uniform": [60, 150]},
    },
}


@pytest.mark.parametrize("case", UNFIT)
def test_draws_that_only_fail_once_drawn_are_named(case: str) -> None:
    users = {"count": 64, "draws": UNFIT[case]}
    refused(lambda: EdgeRouteEnv("paper", {"users": users}), "users.draws")

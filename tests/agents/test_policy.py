"""A policy's file comes back or is refused; learned routers by name; nothing heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeroute_agents
from edgeroute_agents import Policy, learned_names, learned_router, load_policy, packaged
from edgeroute_agents import policy as policies
from edgeroute_agents.policy import (
    FIGURES,
    FILE,
    LAYOUT,
    packaged_folder,
    pretrained_scenarios,
)
from edgeroute_baselines.fitted import stored_parameters
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env import InputError, load_scenario
from edgeroute_env.scenario_files import scenario_hash, scenario_names
from tests.helpers.command_line import Command
from tests.helpers.learning import BAO_RULE, LINEAR_RULE, RULES, made, observations, short


def test_a_saved_policy_comes_back(tmp_path: Path) -> None:
    seen = observations(500)
    _, policy = made("ppo", LINEAR_RULE, learned=True)
    policy.save(tmp_path / "p.safetensors")
    found = load_policy(tmp_path / "p.safetensors", short())
    assert (found.name, found.rule, found.about) == (policy.name, policy.rule, policy.about)
    assert np.array_equal(found.preferences(seen), policy.preferences(seen))


def test_bad_policies_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.safetensors"
    with pytest.raises(InputError, match=r"policy: got .*p.safetensors.*edgeroute train wrote"):
        load_policy(path)
    made("ppo", BAO_RULE)[1].save(path)
    with pytest.raises(InputError, match="trained on short'; allowed: trained on quota"):
        load_policy(path, load_scenario("quota"))
    with pytest.raises(InputError, match="trained on short as it is now"):
        load_policy(path, short(**{"weights.edge_call": 0.5}))
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[:100], whole[:-40], b"\xff" * 400):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="a readable policy"):
            load_policy(path)
    path.write_bytes(whole)
    monkeypatch.setattr(policies, "LAYOUT", "another")
    with pytest.raises(InputError, match=f"layout {LAYOUT}'; allowed: layout another"):
        load_policy(path)


def test_a_policy_whose_weights_do_not_fit_is_refused(tmp_path: Path) -> None:
    _, policy = made("ppo", BAO_RULE)
    (first, bias), *rest = policy.layers
    broken = Policy(policy.name, policy.rule, ((first[:, :-3], bias), *rest), policy.about)
    broken.save(tmp_path / "p.safetensors")
    with pytest.raises(InputError, match="a readable policy"):
        load_policy(tmp_path / "p.safetensors")


def test_a_policy_whose_rule_lacks_a_weight_is_refused(tmp_path: Path) -> None:
    _, policy = made("ppo", BAO_RULE)
    path = tmp_path / "p.safetensors"
    policy.save(path)
    path.write_bytes(path.read_bytes().replace(b"stale_wait_s", b"stale_wait_h"))
    with pytest.raises(InputError, match="a readable policy"):
        load_policy(path)


def test_packaged_policies_load_and_route() -> None:
    for name in learned_names():
        for scenario in pretrained_scenarios(name):
            assert scenario in scenario_names()
            policy = learned_router(name, load_scenario(scenario))
            assert policy.name == name
            assert set(policy.route(observations(500, scenario))) <= {0, 1}
            assert policy.fits(load_scenario(scenario))
            folder = packaged_folder(scenario, name)
            assert f"# {name} on `{scenario}`" in (folder / "README.md").read_text("utf-8")
            figures = json.loads((folder / FIGURES).read_text("utf-8"))
            assert figures["kept"] == policy.about["seed"]


def test_every_preset_has_a_policy_of_both_algorithms() -> None:
    for name in ("ppo", "dqn"):
        assert pretrained_scenarios(name) == sorted(scenario_names())


def test_packaged_policies_are_for_the_very_scenario() -> None:
    found = packaged(load_scenario("paper"))
    assert [policy.name for policy in found] == ["ppo", "dqn"]
    assert len({policy.fingerprint() for policy in found}) == 2
    assert packaged(load_scenario("paper", {"weights.edge_call": 0.5})) == []
    assert packaged(short()) == []


def test_unknown_names_and_untrained_scenarios_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"router: got 'a2c'; allowed: one of ppo, dqn$"):
        learned_router("a2c", short())
    with pytest.raises(InputError, match="scenario: got 'short'; allowed: a scenario that ppo"):
        learned_router("ppo", short())
    path = tmp_path / FILE
    made("ppo", RULES[0])[1].save(path)
    assert learned_router("ppo", short(), path).name == "ppo"
    with pytest.raises(InputError, match="trained by ppo'; allowed: a policy of dqn"):
        learned_router("dqn", short(), path)


def test_a_policy_runs_from_the_command_line(edgeroute: Command, tmp_path: Path) -> None:
    scenario = load_scenario("tiny.yaml")
    rule = LinearRouter(stored_parameters(load_scenario("paper"), "synthetic", "linear") or {})
    untrained = made("ppo", rule)[1]
    about = {**untrained.about, "scenario_hash": scenario_hash(scenario)}
    Policy("ppo", rule, untrained.layers, about).save(tmp_path / "p.safetensors")
    some = ("run", "-s", "tiny.yaml", "--router")
    ended = edgeroute(*some, "ppo", "--policy", "p.safetensors")
    assert ended.code == 0, ended.err
    assert "return" in ended.out
    assert edgeroute(*some, "ppo").code == 2
    assert edgeroute(*some, "edge", "--policy", "p.safetensors").code == 2
    assert edgeroute(*some, "ppo", "--policy", "p.safetensors", "--param", "theta=1").code == 2
    assert edgeroute(*some[:1], "--router", "ppo", "--policy", "p.safetensors").code == 2


ROUTES = """
import sys
import numpy as np
import edgeroute_agents
from edgeroute_env import load_scenario
policy = edgeroute_agents.packaged(load_scenario("paper"))[0]
policy.route(np.zeros((3, 32), np.float32))
print(*sys.modules)
"""


def test_a_packaged_policy_routes_without_a_heavy_package() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ROUTES], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.split())
    assert {"edgeroute_agents.policy", "safetensors"} <= loaded
    assert loaded & {"torch", "stable_baselines3", "optuna", "onnx", "tensorboard"} == set()


def test_what_users_need_comes_from_one_place() -> None:
    for name in edgeroute_agents.__all__:
        assert getattr(edgeroute_agents, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edgeroute_agents.nonsense  # noqa: B018


def test_a_policy_that_is_no_more_than_its_rule_is_shown_as_the_rule(
    edgeroute: Command, tmp_path: Path
) -> None:
    scenario = load_scenario("cr2", {"workload.turns": 12})
    about = {"scenario": "cr2", "scenario_hash": scenario_hash(scenario), "layout": LAYOUT}
    policy = replace(made("ppo", BAO_RULE, learned=True)[1], about=about)
    assert policy.bare_rule == ""
    asked = ["benchmark", "cr2", "--set", "workload.turns=12", "--routers", "edge", "--quiet"]
    asked += ["--episodes", "2", "--traces", "synthetic"]
    for name, each in (("learned", policy), ("bare", policy.as_rule(BAO_RULE))):
        path = tmp_path / f"{name}.safetensors"
        each.save(path)
        told = edgeroute(*asked, "--policy", str(path), "--out", name)
        assert told.code == 0, told.err
        shown = f"{each.name} ({BAO_RULE.name})"
        assert (shown in told.out) == (name == "bare")
        assert (shown in Path(name, "tables.txt").read_text("utf-8")) == (name == "bare")

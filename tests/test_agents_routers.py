"""Learned routers by name, from a file, in ONNX: the same decisions, and clear refusals."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Command
from learning import RULES, observations, short
from test_agents_policy import MANY, made

from agents import card as cards
from agents import routers
from agents.policy import FILE, Policy
from agents.routers import learned_names, learned_router, pretrained_scenarios
from baselines.fitted import stored_parameters
from baselines.linear import LinearRouter
from edgeroute_env import InputError, load_scenario
from edgeroute_env.scenario_files import scenario_names


def test_packaged_policies_load_and_route() -> None:
    for name in learned_names():
        for scenario in pretrained_scenarios(name):
            assert scenario in scenario_names()
            policy = learned_router(name, load_scenario(scenario))
            assert policy.name == name
            assert set(policy.route(observations(500, scenario))) <= {0, 1}
            card = routers.PRETRAINED / f"{scenario}-{name}" / "README.md"
            assert policy.about["scenario"] in card.read_text("utf-8")


def test_a_card_tells_the_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "EPISODES", 4)
    policy = learned_router("ppo", load_scenario("paper"))
    text = cards.card(policy, load_scenario("paper"))
    assert text.startswith("# ppo on `paper`")
    for name in ("device", "edge", "bao-multi-queue", "linear"):
        assert f"| `{name}` |" in text
    packaged = (routers.PRETRAINED / "paper-ppo" / "README.md").read_text("utf-8")
    assert packaged.splitlines()[:5] == text.splitlines()[:5]


def test_unknown_names_and_untrained_scenarios_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="router: got 'a2c'; allowed: one of ppo, dqn, recurrent-ppo, qr-dqn"
    ):
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
    about = {**untrained.about, "scenario_hash": routers_hash(scenario)}
    Policy("ppo", rule, untrained.layers, about).save(tmp_path / "p.safetensors")
    some = ("run", "-s", "tiny.yaml", "--router")
    ended = edgeroute(*some, "ppo", "--policy", "p.safetensors")
    assert ended.code == 0, ended.err
    assert "return" in ended.out
    assert edgeroute(*some, "ppo").code == 2
    assert edgeroute(*some, "edge", "--policy", "p.safetensors").code == 2
    assert edgeroute(*some, "ppo", "--policy", "p.safetensors", "--param", "theta=1").code == 2
    assert edgeroute(*some[:1], "--router", "ppo", "--policy", "p.safetensors").code == 2


def routers_hash(scenario: Any) -> str:
    from agents.policy import scenario_hash

    return scenario_hash(scenario)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn", "qr-dqn"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_exported_graph_decides_alike(
    algorithm: str, rule: LinearRouter, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from agents.export import export, session

    _, policy = made(algorithm, rule, learned=True)
    export(policy, tmp_path / "p.onnx")
    running = session(tmp_path / "p.onnx")
    seen = observations(MANY, seed=9)
    expected = policy.route(seen)
    assert 0.02 < expected.mean() < 0.98
    assert np.array_equal(running.run(None, {"observations": seen})[0], expected)
    start = time.process_time()
    for row in range(500):
        running.run(None, {"observations": seen[row : row + 1]})
    assert (time.process_time() - start) / 500 < 0.005  # s; about 0.07 ms where it was written

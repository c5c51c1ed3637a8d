"""Learned routers by name, from a file, in ONNX: the same decisions, and clear refusals."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_agents import pretraining, routers, training
from edgeroute_agents.policy import FILE, Policy, load_policy
from edgeroute_agents.routers import learned_names, learned_router, packaged, pretrained_scenarios
from edgeroute_baselines import make_router
from edgeroute_baselines.fitted import stored_parameters
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env import InputError, load_scenario
from edgeroute_env.evaluation.episodes import EVALUATION_SEEDS, generators, run_episodes
from edgeroute_env.scenario_files import scenario_names
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.command_line import Command
from tests.helpers.learning import MANY, RULES, made, observations, short, tiny_settings
from tests.helpers.settings import ordinary


def test_packaged_policies_load_and_route() -> None:
    for name in learned_names():
        for scenario in pretrained_scenarios(name):
            assert scenario in scenario_names()
            policy = learned_router(name, load_scenario(scenario))
            assert policy.name == name
            assert set(policy.route(observations(500, scenario))) <= {0, 1}
            assert policy.fits(load_scenario(scenario))
            folder = routers.packaged_folder(scenario, name)
            assert f"# {name} on `{scenario}`" in (folder / "README.md").read_text("utf-8")
            figures = json.loads((folder / routers.FIGURES).read_text("utf-8"))
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


@pytest.mark.parametrize("algorithm", ["dqn"])
def test_pretraining_keeps_the_best_seed_and_tells_what_all_earn(
    algorithm: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fits = {name: ordinary(name) for name in pretraining.OTHERS}
    monkeypatch.setattr(pretraining, "SEEDS", {"ppo": 2, "dqn": 2})
    monkeypatch.setattr(pretraining, "EPISODES", 6)
    monkeypatch.setattr(pretraining, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(routers, "PRETRAINED", tmp_path)
    monkeypatch.setattr(pretraining, "load_settings", lambda name: tiny_settings(name))
    for module in (pretraining, training):
        monkeypatch.setattr(module, "fitted", lambda scenario, traces, name: fits[name])
    folder = pretraining.pretrain(short(), algorithm)
    figures = json.loads((folder / routers.FIGURES).read_text("utf-8"))
    kept = figures["kept"]
    assert figures["validation_gaps"][kept] == max(figures["validation_gaps"])
    policy = load_policy(folder / FILE, short())
    assert (policy.name, policy.about["seed"]) == (algorithm, kept)
    seeds = EVALUATION_SEEDS[:6]
    pinned = Pinned(drawn(short(), "synthetic", "evaluation"), generators(seeds))
    own, theirs = (
        run_episodes(router, short(), pinned, seeds).returns()
        for router in (policy, make_router("edge"))
    )
    row = figures["synthetic"]["routers"]["edge"]
    assert row["return"] == pytest.approx(theirs.mean())
    assert row["less"][kept]["mean"] == pytest.approx((own - theirs).mean())
    assert f"{row['less'][kept]['mean']:+.2f} [" in (folder / "README.md").read_text("utf-8")
    before = (tmp_path / "runs" / f"short-{algorithm}-0" / FILE).stat().st_mtime_ns
    pretraining.pretrain(short(), algorithm)  # what is trained stays
    assert (tmp_path / "runs" / f"short-{algorithm}-0" / FILE).stat().st_mtime_ns == before


def test_a_benchmark_shows_what_is_packaged_or_trained(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["benchmark", "paper", "--traces", "synthetic", "--episodes", "2", "--quiet"]
    assert edgeroute(*asked, "--out", "packaged").code == 0
    monkeypatch.setattr("edgeroute_agents.settings.load_settings", lambda name: tiny_settings(name))
    assert edgeroute(*asked, "--out", "trained", "--train").code == 0
    found = [
        json.loads(Path(folder, "results.json").read_text("utf-8"))["scenarios"]["paper"]
        for folder in ("packaged", "trained")
    ]
    for result in found:
        assert {"ppo", "dqn"} <= set(result["routers"])
        assert set(result["policies"]) == {"ppo", "dqn"}
    assert found[0]["policies"] != found[1]["policies"]
    assert Path("trained/policies/paper-ppo", FILE).is_file()


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
    from edgeroute_agents.policy import scenario_hash

    return scenario_hash(scenario)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn", "qr-dqn"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_exported_graph_decides_alike(
    algorithm: str, rule: LinearRouter, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from edgeroute_agents.export import export, session

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

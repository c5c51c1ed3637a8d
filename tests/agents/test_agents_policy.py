"""A policy begins as its rule, decides alike in torch and NumPy, and bad files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgeroute_agents import policy as policies
from edgeroute_agents.export import Lazy
from edgeroute_agents.policy import LAYOUT, Policy, load_policy
from edgeroute_agents.settings import KINDS
from edgeroute_agents.vec_env import with_margin
from edgeroute_baselines.linear import LinearRouter, margin
from edgeroute_env import InputError, decode, load_scenario
from tests.helpers.learning import (
    BAO_RULE,
    LINEAR_RULE,
    MANY,
    RULES,
    made,
    observations,
    short,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("algorithm", KINDS)
def test_an_untrained_policy_is_its_rule(algorithm: str, rule: LinearRouter) -> None:
    seen = observations(MANY)
    expected = rule.route(seen)
    assert 0.05 < expected.mean() < 0.95
    model, policy = made(algorithm, rule)
    policy.reset(MANY)
    assert np.array_equal(policy.route(seen), expected)
    actions, _ = model.predict(with_margin(seen, rule), deterministic=True)
    assert np.array_equal(actions, expected)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn", "qr-dqn"])
def test_numpy_and_torch_decide_alike(algorithm: str) -> None:
    seen = observations(MANY, seed=3)
    model, policy = made(algorithm, LINEAR_RULE, learned=True)
    inputs = with_margin(seen, LINEAR_RULE)
    with torch.no_grad():
        if algorithm == "dqn":
            expected = model.q_net(torch.as_tensor(inputs)).numpy()
        elif algorithm == "qr-dqn":
            expected = model.quantile_net(torch.as_tensor(inputs)).mean(dim=1).numpy()
        else:
            expected = model.policy.get_distribution(torch.as_tensor(inputs)).distribution.logits
            expected = expected.numpy()
    found = policy.preferences(seen)
    gaps = expected[:, 1] - expected[:, 0]
    np.testing.assert_allclose(found[:, 1] - found[:, 0], gaps, rtol=1e-3, atol=1e-4)
    actions, _ = model.predict(inputs, deterministic=True)
    assert np.array_equal(policy.route(seen), actions)
    assert 0.02 < actions.mean() < 0.98


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_in_torch_is_the_rule(rule: LinearRouter) -> None:
    seen = observations(MANY, "quota")
    lazy = {name: Lazy(torch.as_tensor(values)) for name, values in decode(seen).items()}
    found = margin(lazy, rule.weights).tensor.numpy()
    np.testing.assert_allclose(found, rule.margins(seen), rtol=0, atol=1e-12)


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
    with pytest.raises(InputError, match="trained on short'; allowed: a policy trained on quota"):
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

"""A model begins as its rule, and decides in torch as its policy does in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgeroute_agents import EdgeRouteSB3VecEnv
from edgeroute_agents.networks import ACTOR_INPUTS, build
from edgeroute_agents.settings import KINDS
from edgeroute_agents.vec_env import with_margin
from edgeroute_baselines.linear import LinearRouter
from tests.helpers.learning import (
    BAO_RULE,
    LINEAR_RULE,
    MANY,
    RULES,
    made,
    observations,
    short,
    tiny_settings,
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


@pytest.mark.parametrize("algorithm", KINDS)
def test_numpy_and_torch_decide_alike(algorithm: str) -> None:
    seen = observations(MANY, seed=3)
    model, policy = made(algorithm, LINEAR_RULE, learned=True)
    inputs = with_margin(seen, LINEAR_RULE)
    with torch.no_grad():
        if algorithm == "dqn":
            expected = model.q_net(torch.as_tensor(inputs)).numpy()
        else:
            expected = model.policy.get_distribution(torch.as_tensor(inputs)).distribution.logits
            expected = expected.numpy()
    found = policy.preferences(seen)
    gaps = expected[:, 1] - expected[:, 0]
    np.testing.assert_allclose(found[:, 1] - found[:, 0], gaps, rtol=1e-3, atol=1e-4)
    actions, _ = model.predict(inputs, deterministic=True)
    assert np.array_equal(policy.route(seen), actions)
    assert 0.02 < actions.mean() < 0.98


def test_the_actor_does_not_see_what_the_rule_sees() -> None:
    env = EdgeRouteSB3VecEnv(4, short(), rule=BAO_RULE, paired=True)
    policy: Any = build(tiny_settings("ppo"), env, seed=0).policy
    with torch.no_grad():
        for weights in policy.parameters():
            weights += 0.3 * torch.randn_like(weights)
    one = torch.rand(6, 65)
    other = torch.cat((one[:, :ACTOR_INPUTS], torch.rand(6, 65 - ACTOR_INPUTS)), dim=1)
    logits = [policy.get_distribution(inputs).distribution.logits for inputs in (one, other)]
    values = [policy.predict_values(inputs) for inputs in (one, other)]
    assert torch.equal(*logits)
    assert not torch.allclose(*values)

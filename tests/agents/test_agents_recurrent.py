"""A recurrent policy: it begins as the memoryless one, and its memory is its episode's alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgeroute_agents
from edgeroute_agents.export import export
from edgeroute_agents.memory import Memory
from edgeroute_agents.models import build, layers_of, memory_of, start_at
from edgeroute_agents.network import ACTOR_INPUTS, layers, squashed
from edgeroute_agents.policy import Policy, load_policy
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv, with_margin
from edgeroute_env import InputError
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.learning import BAO_RULE, LINEAR_RULE, made, observations, short, tiny_settings

TURNS, EPISODES = 30, 20
CONTRIBUTED = ("recurrent-ppo", "qr-dqn")


def seen() -> Any:
    """Return what random routing sees, shape (turns, episodes, 32)."""
    return observations(TURNS * EPISODES, seed=5).reshape(TURNS, EPISODES, -1)


def test_numpy_and_torch_remember_alike() -> None:
    model, policy = made("recurrent-ppo", LINEAR_RULE, learned=True)
    states = (torch.zeros(1, EPISODES, 4), torch.zeros(1, EPISODES, 4))
    found, expected = [], []
    policy.reset(EPISODES)
    for turn, now in enumerate(seen()):
        inputs = torch.as_tensor(with_margin(now, LINEAR_RULE))
        starts = torch.full((EPISODES,), float(turn == 0))
        with torch.no_grad():
            chosen, states = model.policy.get_distribution(inputs, states, starts)
        expected.append(chosen.distribution.logits.numpy())
        found.append(policy.preferences(now))
    gaps, theirs = (np.diff(np.stack(both), axis=2)[..., 0] for both in (found, expected))
    np.testing.assert_allclose(gaps, theirs, rtol=1e-3, atol=1e-4)
    assert 0.02 < (gaps > 0.0).mean() < 0.98


def test_a_sequence_at_once_is_its_turns_one_by_one() -> None:
    """What an update computes is what the rollout did, also where an episode starts."""
    policy = made("recurrent-ppo", LINEAR_RULE, learned=True)[0].policy
    features = squashed(torch.as_tensor(with_margin(seen().reshape(-1, 32), LINEAR_RULE)))
    features = features.reshape(TURNS, EPISODES, -1)
    torch.manual_seed(0)
    before = (torch.rand(1, EPISODES, 4), torch.rand(1, EPISODES, 4))
    starts = torch.zeros(TURNS, EPISODES)
    starts[0, ::2] = 1.0
    process, lstm = policy._process_sequence, policy.lstm_actor
    states, turns = before, []
    with torch.no_grad():
        for turn in range(TURNS):
            after, states = process(features[turn], states, starts[turn], lstm)
            turns.append(after)
        rows = features.swapaxes(0, 1).flatten(end_dim=1)
        at_once, last = process(rows, before, starts.T.flatten(), lstm)
    torch.testing.assert_close(
        at_once.reshape(EPISODES, TURNS, -1).swapaxes(0, 1), torch.stack(turns)
    )
    torch.testing.assert_close(last, states)
    fresh, _ = process(features[0], tuple(0.0 * s for s in before), starts[0], lstm)
    kept = (fresh - turns[0]).abs().amax(dim=1) > 1e-6
    assert kept.tolist() == [False, True] * (EPISODES // 2)


def test_it_begins_as_the_memoryless_policy_begins() -> None:
    torch.manual_seed(0)
    worth = nn.Sequential(*layers(ACTOR_INPUTS, (8,)), nn.Linear(8, 1))
    models = [made(name, BAO_RULE)[0] for name in ("ppo", "recurrent-ppo")]
    for model in models:
        start_at(model, worth)
    plain, recurrent = (Policy("", BAO_RULE, layers_of(m), {}, memory_of(m)) for m in models)
    recurrent.reset(EPISODES)
    for now in seen():
        np.testing.assert_allclose(
            recurrent.preferences(now), plain.preferences(now), rtol=1e-5, atol=1e-5
        )
    every = seen().reshape(-1, 32)
    assert not np.array_equal(plain.route(every), BAO_RULE.route(every))


def test_the_actor_does_not_see_what_the_rule_sees() -> None:
    env = EdgeRouteSB3VecEnv(4, short(), rule=BAO_RULE, paired=True)
    policy: Any = build(tiny_settings("recurrent-ppo"), env, seed=0).policy
    with torch.no_grad():
        for weights in policy.parameters():
            weights += 0.3 * torch.randn_like(weights)
    one = torch.rand(6, 65)
    other = torch.cat((one[:, :ACTOR_INPUTS], torch.rand(6, 65 - ACTOR_INPUTS)), dim=1)
    states, starts = (torch.rand(1, 6, 4), torch.rand(1, 6, 4)), torch.zeros(6)
    logits, values = [], []
    for inputs in (one, other):
        logits.append(policy.get_distribution(inputs, states, starts)[0].distribution.logits)
        values.append(policy.predict_values(inputs, states, starts))
    assert torch.equal(*logits)
    assert not torch.allclose(*values)


def test_it_remembers_an_episode_and_forgets_it_at_the_next() -> None:
    policy = made("recurrent-ppo", LINEAR_RULE, learned=True)[1]
    policy.reset(EPISODES)
    first, second = policy.preferences(seen()[0]), policy.preferences(seen()[0])
    assert not np.allclose(first, second)
    policy.reset(EPISODES)
    assert np.array_equal(policy.preferences(seen()[0]), first)
    seeds, scenario = range(6), short()
    traces = Pinned(drawn(scenario, "synthetic", "fit"), generators(seeds))
    runs = [run_episodes(policy, scenario, traces, seeds).actions for _ in range(2)]
    assert np.array_equal(*runs)


def test_its_file_comes_back_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    policy = made("recurrent-ppo", LINEAR_RULE, learned=True)[1]
    policy.save(path)
    found = load_policy(path, short())
    for now in seen()[:, :1]:
        assert np.array_equal(found.preferences(now), policy.preferences(now))
    with pytest.raises(InputError, match="trained on short as it is now"):
        load_policy(path, short(**{"weights.edge_call": 0.5}))
    assert policy.memory is not None
    arrays = policy.memory.arrays
    for broken in (None, Memory({**arrays, "inputs": arrays["inputs"][:, :-1]})):
        Policy(policy.name, policy.rule, policy.layers, policy.about, broken).save(path)
        with pytest.raises(InputError, match="a readable policy"):
            load_policy(path)
    with pytest.raises(InputError, match="policy: got 'recurrent-ppo'; allowed: a policy without"):
        export(policy, path)


@pytest.mark.parametrize("algorithm", CONTRIBUTED)
def test_a_missing_package_is_named(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    env = EdgeRouteSB3VecEnv(2, short(), rule=BAO_RULE)
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    for name in ("quantiles", "recurrent"):
        monkeypatch.delitem(sys.modules, f"agents.{name}", raising=False)
    with pytest.raises(InputError, match=r"sb3-contrib: .*pip install 'edgeroute\[agents\]'"):
        build(tiny_settings(algorithm), env, seed=0)
    build(tiny_settings("ppo"), env, seed=0)


def test_nothing_else_loads_that_package() -> None:
    early = {
        path.name
        for path in Path(edgeroute_agents.__path__[0]).glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(
            ("sb3_contrib", "edgeroute_agents.quantiles", "edgeroute_agents.recurrent")
        )
    }
    assert early == {"quantiles.py", "recurrent.py"}

"""One step of policy improvement before a policy learns by itself, from hindsight rollouts.

At each turn of many episodes both routes are tried on copies that go on, on the episode's own
trace, under the rule: the difference is a sample of what the edge is worth there, with nearly all
noise common to both. A network learns its mean from what a router sees, so the policy that begins
to learn already knows what a turn does to the next ones. Only training reads traces ahead; the
policy does not. (Approximate policy iteration by rollouts: Lagoudakis & Parr, ICML 2003.)
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgeroute_agents.network import ACTOR_INPUTS, layers, squashed
from edgeroute_agents.regression import fit
from edgeroute_agents.vec_env import with_margin
from edgeroute_baselines.follow import followed
from edgeroute_baselines.linear import LinearRouter
from edgeroute_baselines.rollout import horizon
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.sources import TraceSource

EPISODES = 512  # side by side
STRAYS = 0.1  # share of turns routed against the rule, so that its mistakes are seen too
# Beyond it a sample counts by its sign: an outage at hand says little about the next turn like it.
TAIL = 2.0


def advantages(
    scenario: Scenario,
    source: TraceSource,
    rule: LinearRouter,
    turns: int,
    generators: Sequence[np.random.Generator],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return what was seen at `turns` turns (more or less) and what the edge was worth there.

    Args:
        scenario: what is simulated, and how it pays.
        source: draws fresh traces.
        rule: routes all turns but the one asked about, and the few that stray.
        turns: how many samples.
        generators: of the traces; one an episode.

    Returns:
        Observations with the rule's margin, shape (k, 33), and returns of the edge less those of
        the phone over the turns until both are forgotten, shape (k,).
    """
    n, ahead = len(generators), 1 + horizon(scenario)
    strays = np.random.default_rng(generators[0].integers(2**63))
    batch = Batch(scenario, source, n)
    both, routes = np.tile(np.arange(n), 2), np.repeat(np.array([0, 1]), n)
    seen, worth = [], []
    for _ in range(-(-turns // n)):
        over = np.flatnonzero(batch.over)
        if over.size:
            batch.begin(over, generators)
        copies = batch.taken(both)
        episodes = copies.episodes
        episodes["length"] = np.minimum(episodes["length"], episodes["cursor"] + ahead)
        phone, edge = followed(copies, routes.copy(), rule.record).reshape(2, n)
        now = with_margin(batch.observations, rule)
        seen.append(now)
        worth.append(edge - phone)
        batch.step(((now[:, -1] > 0.0) ^ (strays.random(n) < STRAYS)).astype(np.int64))
    return np.concatenate(seen), np.concatenate(worth)


def distilled(
    seen: NDArray[np.float32], worth: NDArray[np.float64], widths: tuple[int, ...], seed: int
) -> nn.Sequential:
    """Return a network of what the edge is worth beyond the rule's margin, (n, 33) to (n, 1).

    Args:
        seen: observations with margins.
        worth: a sample each of what the edge was worth.
        widths: of the hidden layers.
        seed: of the first weights and the order of samples.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(*layers(ACTOR_INPUTS, widths), nn.Linear(widths[-1], 1))
    beyond = torch.as_tensor(worth - seen[:, -1], dtype=torch.float32)
    loss = functools.partial(nn.functional.huber_loss, delta=TAIL)
    return fit(network, squashed(torch.as_tensor(seen)), beyond[:, None], seed, loss)

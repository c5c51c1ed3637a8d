"""What a policy is given before it learns by itself: distilled hindsight, and expected quality.

Distillation is one step of policy improvement. At each turn of many episodes both routes are tried
on copies that go on, on the episode's own trace, under the rule: the difference is a sample of what
the edge is worth there, with nearly all noise common to both. A network learns its mean from what a
router sees, so the policy that begins to learn already knows what a turn does to the next ones.
Only training reads traces ahead; the policy does not. (Approximate policy iteration by rollouts:
Lagoudakis & Parr, ICML 2003.)

An answer is right or wrong, and no router can know which. Training that pays its expectation, given
what a router sees of the turn, learns from far less noise. It is paid the same on average: a router
that sees no more of a turn cannot tell the two apart.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeroute_agents.networks import ACTOR_INPUTS, layers, silence, squashed
from edgeroute_agents.vec_env import with_margin
from edgeroute_baselines.follow import followed
from edgeroute_baselines.linear import LinearRouter
from edgeroute_baselines.rollout import horizon
from edgeroute_env._compile import compiled
from edgeroute_env.scenario import Scenario
from edgeroute_env.seeds import EXPECTATION, stream
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned, TraceSource

EPISODES = 512  # that distillation simulates side by side
STRAYS = 0.1  # share of turns routed against the rule, so that its mistakes are seen too
# Beyond it a sample counts by its sign: an outage at hand says little about the next turn like it.
TAIL = 2.0
SEEN, SIDES = 6, 2  # columns that `_gather` writes: of what is seen, of expected qualities
TURNS, WIDTH = 400_000, 48  # of the network of expected qualities: what it is fitted on, its layers
BATCH, EPOCHS, RATE = 4_096, 6, 3e-3  # of `fit`

Loss = Callable[[Tensor, Tensor], Tensor]


def advantages(
    scenario: Scenario,
    source: TraceSource,
    rule: LinearRouter,
    turns: int,
    generators: Sequence[np.random.Generator],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return what was seen at `turns` turns (more or less) and what the edge was worth there.

    The rule routes all turns but the one asked about, and the few that stray. There is an episode
    for each of `generators`, whose traces the source draws.

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

    It is fitted to what `advantages` returns. The seed is that of the first weights and of the
    order of samples.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(*layers(ACTOR_INPUTS, widths), nn.Linear(widths[-1], 1))
    beyond = torch.as_tensor(worth - seen[:, -1], dtype=torch.float32)
    loss = functools.partial(nn.functional.huber_loss, delta=TAIL)
    return fit(network, squashed(torch.as_tensor(seen)), beyond[:, None], seed, loss)


class Expectation:
    """Expected qualities of turns on both sides, given all that a router sees of a turn.

    A trace's own expectation is given the score alone. Here a small network adds what lengths and
    the place in the dialogue tell. It is fitted on turns drawn from the scenario's law.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Fit the network on synthetic turns of the users kept for fitting."""
        turns = scenario.workload.turns
        # Streams that are no episode's.
        streams = [stream(EXPECTATION, k) for k in range(-(-TURNS // turns))]
        rows = Pinned(drawn(scenario, "synthetic", "fit"), streams).rows
        inputs = _inputs(rows, np.arange(len(rows)))
        self._middle, self._scale = inputs.mean(dim=0), inputs.std(dim=0) + 1e-6
        paid = np.stack([rows["quality_device"], rows["quality_edge"]], axis=-1)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            hidden = layers(inputs.shape[1], (WIDTH, WIDTH))
            network = nn.Sequential(*hidden, nn.Linear(WIDTH, SIDES))
        standard = (inputs - self._middle) / self._scale
        beyond = torch.from_numpy(paid).flatten(0, 1) - inputs[:, SEEN:]
        self._network = fit(network, standard, beyond, 0, nn.functional.mse_loss)

    def fill(self, store: NDArray[Any], which: NDArray[np.int64]) -> None:
        """Replace the expected qualities of the traces `store[which]`, ROW (m, T), by better."""
        with torch.no_grad():
            inputs = _inputs(store, which)
            better = inputs[:, SEEN:].clone()
            better += self._network(inputs.sub_(self._middle).div_(self._scale))
        _scatter(better.clamp_(0.0, 1.0).numpy(), which, store)


class Refined:
    """A trace source whose traces are changed once they are drawn."""

    def __init__(
        self, source: TraceSource, change: Callable[[NDArray[Any], NDArray[np.int64]], None]
    ) -> None:
        """Take a source that draws a fresh trace for each episode, in memory of its own.

        `change` takes that memory, ROW (m, T), and which of its traces have just been drawn.
        """
        self._source, self._change = source, change

    def store(self, episodes: int) -> NDArray[Any]:
        """Return the source's memory."""
        return self._source.store(episodes)

    def assign(
        self,
        which: NDArray[np.int64],
        generators: Sequence[np.random.Generator],
        store: NDArray[Any],
        episodes: NDArray[Any],
    ) -> None:
        """Draw a trace for each of the episodes `which` and change it."""
        self._source.assign(which, generators, store, episodes)
        self._change(store, episodes["trace"][which])


def fit(
    network: nn.Sequential, inputs: Tensor, targets: Tensor, seed: int, loss: Loss
) -> nn.Sequential:
    """Fit a network that ends in a linear layer, from zero, and return it.

    The seed is that of the order of samples; the caller's random numbers stay as they are.
    """
    silence(network[-1])
    order = torch.Generator().manual_seed(seed)
    size = min(BATCH, len(inputs))
    rounds = len(inputs) // size
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    rates = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, EPOCHS * rounds)
    for _ in range(EPOCHS):
        shuffled = torch.randperm(len(inputs), generator=order)
        for mine in torch.split(shuffled[: rounds * size], size):
            optimiser.zero_grad()
            torch.autograd.backward(loss(network(inputs[mine]), targets[mine]))
            optimiser.step()
            rates.step()
    return network


def _inputs(store: NDArray[Any], which: NDArray[np.int64]) -> Tensor:
    """Return what the network sees of the turns of traces, shape (turns, SEEN + SIDES)."""
    turns = np.empty((len(which) * store.shape[1], SEEN + SIDES), np.float32)
    _gather(store, which, turns)
    inputs = torch.from_numpy(turns)
    inputs[:, :SEEN].log1p_()
    return inputs


# Compiled, because copies of whole rows cost as much as the network does.
@compiled
def _gather(store: Any, which: NDArray[np.int64], turns: NDArray[np.float32]) -> None:
    length = store.shape[1]
    for n in range(len(turns)):
        row, turn = store[which[n // length], n % length], turns[n]
        turn[0] = row.score
        turn[1] = row.prompt_tokens
        turn[2] = row.attachment_bytes
        turn[3] = row.turn
        turn[4] = row.predicted_tokens_device
        turn[5] = row.predicted_tokens_edge
        turn[6] = row.expected_quality_device
        turn[7] = row.expected_quality_edge


@compiled
def _scatter(qualities: NDArray[np.float32], which: NDArray[np.int64], store: Any) -> None:
    length = store.shape[1]
    for n in range(len(qualities)):
        row = store[which[n // length], n % length]
        row.expected_quality_device = qualities[n, 0]
        row.expected_quality_edge = qualities[n, 1]

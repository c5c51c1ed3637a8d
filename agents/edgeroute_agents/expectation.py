"""What a router could know of a turn's quality: its expectation given what it sees of the turn.

Training that pays it instead of the sampled outcome learns from far less noise, and it is paid
the same on average: a router that sees no more of a turn cannot tell the two apart. The trace's own
expectation is given the score alone; here a small network adds what lengths and the place in the
dialogue tell. It is fitted on turns drawn from the scenario's law.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeroute_agents.network import layers
from edgeroute_agents.regression import fit
from edgeroute_env._compile import compiled
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned, TraceSource

SEEN, SIDES = 6, 2  # columns that `_gather` writes: of what is seen, of expected qualities
TURNS, WIDTH = 400_000, 48


class Expectation:
    """Expected qualities of turns on both sides."""

    def __init__(self, scenario: Scenario) -> None:
        """Fit the network on synthetic turns of the users kept for fitting."""
        turns = scenario.workload.turns
        # Streams that are no episode's.
        streams = [np.random.default_rng([1, k]) for k in range(-(-TURNS // turns))]
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

        Args:
            source: draws the traces.
            change: takes that memory, ROW (m, T), and which of its traces have just been drawn.
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

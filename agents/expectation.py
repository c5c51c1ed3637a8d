"""What a router could know of a turn's quality: its expectation given what it sees of the turn.

Training that pays it instead of the sampled outcome learns from far less noise, and it is paid
the same on average: a router that sees no more of a turn cannot tell the two apart. The trace's own
expectation is given the score alone; here a small network adds what lengths and the place in the
dialogue tell. It is fitted on turns drawn from the scenario's law.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.network import layers
from agents.regression import fit
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned, TraceSource

SEEN = ("score", "prompt_tokens", "attachment_bytes", "turn")
SEEN += ("predicted_tokens_device", "predicted_tokens_edge")
SIDES = ("device", "edge")
TURNS, WIDTH = 400_000, 48


class Expectation:
    """Expected qualities of turns on both sides."""

    def __init__(self, scenario: Scenario) -> None:
        """Fit the network on synthetic turns of the users kept for fitting."""
        turns = scenario.workload.turns
        # Streams that are no episode's.
        streams = [np.random.default_rng([1, k]) for k in range(-(-TURNS // turns))]
        rows = Pinned(drawn(scenario, "synthetic", "fit"), streams).rows.reshape(-1)
        inputs = _inputs(rows)
        self._middle, self._scale = inputs.mean(dim=0), inputs.std(dim=0) + 1e-6
        paid = _columns(rows, [f"quality_{side}" for side in SIDES])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            hidden = layers(inputs.shape[1], (WIDTH, WIDTH))
            network = nn.Sequential(*hidden, nn.Linear(WIDTH, len(SIDES)))
        standard, beyond = (inputs - self._middle) / self._scale, paid - _expected(rows)
        self._network = fit(network, standard, beyond, 0, nn.functional.mse_loss)

    def fill(self, rows: NDArray[Any]) -> None:
        """Replace the expected qualities of turns, ROW of any shape, by better ones."""
        flat = rows.reshape(-1)
        with torch.no_grad():
            beyond = self._network((_inputs(flat) - self._middle) / self._scale)
        values = (_expected(flat) + beyond).clamp(0.0, 1.0).numpy()
        for side, column in zip(SIDES, values.T, strict=True):
            rows[f"expected_quality_{side}"] = column.reshape(rows.shape)


class Refined:
    """A trace source whose turns carry the qualities of an `Expectation`."""

    def __init__(self, source: TraceSource, expectation: Expectation) -> None:
        """Take a source that draws a fresh trace for each episode, in memory of its own."""
        self._source, self._expectation = source, expectation

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
        """Draw a trace for each of the episodes `which`."""
        self._source.assign(which, generators, store, episodes)
        places = episodes["trace"][which]
        rows = store[places]
        self._expectation.fill(rows)
        store[places] = rows


def _inputs(rows: NDArray[Any]) -> Tensor:
    return torch.cat((torch.log1p(_columns(rows, SEEN)), _expected(rows)), dim=1)


def _expected(rows: NDArray[Any]) -> Tensor:
    return _columns(rows, [f"expected_quality_{side}" for side in SIDES])


def _columns(rows: NDArray[Any], names: Sequence[str]) -> Tensor:
    return torch.tensor(np.stack([rows[name] for name in names], axis=1), dtype=torch.float32)

"""Where an environment's traces come from: a new draw at each reset, or a given set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import borrowed, compiled
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.columns import ROW
from edgeroute_env.traces.draw import block_shape, draw_content, draw_schedule
from edgeroute_env.traces.law import TraceLaw, synthetic_law
from edgeroute_env.traces.world import derive, draw_load, draw_radio

# What a source tells an episode: which trace it follows, and how many turns of it count.
FOLLOWS = np.dtype([("trace", "i8"), ("length", "i8")])
CHUNK = 32  # episodes drawn at a time, so few that their uniforms stay in the processor's cache


class TraceSource(Protocol):
    """Gives each episode its trace; all randomness comes from the episode's own generator."""

    def store(self, episodes: int) -> NDArray[Any]:
        """Return the memory that holds the traces, ROW, shape (m, T)."""
        ...

    def assign(
        self,
        which: NDArray[np.int64],
        generators: Sequence[np.random.Generator],
        store: NDArray[Any],
        episodes: NDArray[Any],
    ) -> None:
        """Give the episodes `which` a trace each: set the fields of FOLLOWS in `episodes`."""
        ...


class Drawn:
    """Draws a new trace at every reset, from a scenario's law or its recordings."""

    def __init__(self, scenario: Scenario, law: TraceLaw | None = None) -> None:
        """Take the scenario and, for recorded traces, the law that holds its recordings."""
        self.turns = scenario.workload.turns
        self.phones = scenario.device.count
        self.law = synthetic_law(scenario) if law is None else law

    def store(self, episodes: int) -> NDArray[Any]:
        """Return room for one trace an episode."""
        return np.zeros((episodes, self.turns), ROW)

    def assign(
        self,
        which: NDArray[np.int64],
        generators: Sequence[np.random.Generator],
        store: NDArray[Any],
        episodes: NDArray[Any],
    ) -> None:
        """Draw a trace for each of the episodes `which`."""
        shape = block_shape(self.turns, self.phones)
        blocks = np.empty((min(CHUNK, len(which)), *shape))
        for start in range(0, len(which), CHUNK):
            chunk = which[start : start + CHUNK]
            for block, e in zip(blocks, chunk, strict=False):
                generators[e].random(out=block)
            draw_traces(self.law, self.phones, blocks, chunk, store)
        episodes["trace"][which] = which
        episodes["length"][which] = self.turns


class Given:
    """Lets each episode follow one trace of a set, picked at random."""

    def __init__(self, rows: NDArray[Any], lengths: NDArray[np.int64]) -> None:
        """Take traces as ROW records, shape (m, T), and how many turns of each are real."""
        self.rows, self.lengths = rows, lengths

    def store(self, episodes: int) -> NDArray[Any]:
        """Return the set itself; episodes share it, since a trace never changes."""
        return self.rows

    def assign(
        self,
        which: NDArray[np.int64],
        generators: Sequence[np.random.Generator],
        store: NDArray[Any],
        episodes: NDArray[Any],
    ) -> None:
        """Pick a trace for each of the episodes `which`."""
        chosen = self._pick(which, generators)
        episodes["trace"][which] = chosen
        episodes["length"][which] = self.lengths[chosen]

    def _pick(
        self, which: NDArray[np.int64], generators: Sequence[np.random.Generator]
    ) -> NDArray[np.int64]:
        traces = len(self.rows)
        if traces == 1:  # nothing to pick, so the episode's random stream stays as it is
            return np.zeros(len(which), np.int64)
        return np.array([int(generators[e].random() * traces) for e in which], np.int64)


class Pinned(Given):
    """Lets episode e follow trace e, so that every run meets the same traces, drawn once."""

    def __init__(self, source: TraceSource, generators: Sequence[np.random.Generator]) -> None:
        """Draw one trace from `source` with each generator."""
        episodes = np.zeros(len(generators), FOLLOWS)
        rows = source.store(len(generators))
        source.assign(np.arange(len(generators)), generators, rows, episodes)
        super().__init__(rows[episodes["trace"]], episodes["length"])

    def _pick(
        self, which: NDArray[np.int64], generators: Sequence[np.random.Generator]
    ) -> NDArray[np.int64]:
        return which


@compiled
def draw_traces(
    law: Any, phones: int, blocks: NDArray[np.float64], which: NDArray[np.int64], store: Any
) -> None:
    """Turn blocks of uniforms into the traces `store[which]`."""
    law = borrowed(law)
    blocks, store = borrowed((blocks, store))
    items = np.empty(store.shape[1], np.int64)
    for i in range(which.size):
        block = blocks[i]
        rows = store[which[i]]
        draw_schedule(law, phones, block, rows, items)
        draw_content(law, phones, block, rows, items)
        draw_radio(law, phones, block, rows)
        draw_load(law, phones, block, rows)
        derive(law, rows)

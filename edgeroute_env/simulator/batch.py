"""A batch of running episodes: the arrays that the kernel works on, and nothing else.

Every caller of the simulator holds a batch: the scalar environment (a batch of one), the vector
environment, the evaluation. A copied or unpickled batch continues exactly as the original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator import features, kernel
from edgeroute_env.simulator.checks import check_state
from edgeroute_env.simulator.edge_queue import PLACES_PER_PHONE, REQUEST, SEQUENCE, SPARE_PLACES
from edgeroute_env.simulator.state import DEVICE, EPISODE, OUTCOME, lower
from edgeroute_env.traces.columns import ROW
from edgeroute_env.traces.sources import Given, TraceSource

GENERATOR_BYTES = 1000  # of a random stream, about


def bytes_per_episode(scenario: Scenario, source: TraceSource) -> int:
    """Return the memory that each episode of a batch takes; given traces are shared."""
    phones, turns = scenario.device.count, scenario.workload.turns
    trace = 0 if isinstance(source, Given) else turns * ROW.itemsize
    queue = REQUEST * (PLACES_PER_PHONE * phones + SPARE_PLACES)
    queue += 2 * SEQUENCE * scenario.edge.max_sequences
    shown = features.SEEN.itemsize + OUTCOME.itemsize
    return trace + phones * DEVICE.itemsize + 8 * queue + shown + EPISODE.itemsize + GENERATOR_BYTES


class Batch:
    """`n` episodes of one scenario; each follows a trace of `source`."""

    _code: ClassVar[Callable[..., None] | None] = None  # of `kernel.step`, for all batches

    def __init__(self, scenario: Scenario, source: TraceSource, n: int) -> None:
        """Allocate the state; `begin` must come before `step`."""
        self.source = source
        self.parameters = lower(scenario).copy()  # its own: an evaluation changes them
        self.traces = np.ascontiguousarray(source.store(n))
        self.episodes = np.zeros(n, EPISODE)
        self.episodes["over"] = 1
        phones = scenario.device.count
        self.devices = np.zeros((n, phones), DEVICE)
        self.waiting = np.zeros((n, PLACES_PER_PHONE * phones + SPARE_PLACES, REQUEST))
        self.live = np.zeros((n, 2, scenario.edge.max_sequences, SEQUENCE))
        self.renew()
        self.observations[:] = 0.0

    def begin(self, which: NDArray[np.int64], generators: Sequence[np.random.Generator]) -> None:
        """Give the episodes `which` a new trace each and observe its first turn.

        Raises:
            InputError: the source gave a trace that the scenario has no phone or user for.
        """
        if self.traces.dtype != ROW or self.traces.ndim != 2:
            allowed = "a TraceSource whose store is an array of ROW records, shape (m, T)"
            raise InputError("traces", self.traces, allowed)
        self.source.assign(which, generators, self.traces, self.episodes)
        if Batch._code is None:
            self._compile_step()
        misplaced = kernel.begin(self.arrays, which)
        if misplaced >= 0:
            self.episodes["over"][which] = 1
            allowed = f"at most {self.traces.shape[1]} turns of the scenario's users and phones"
            raise InputError("traces", f"another trace for episode {misplaced}", allowed)

    def _compile_step(self) -> Callable[..., None]:
        """Compile `step` now, beside `begin`, so that a user waits once; return the bare code.

        Numba's dispatcher looks up the types of all arguments at each call, an eighth of a scalar
        step. Here they never change.
        """
        arguments = (*self.arrays, np.zeros(0, np.int64))
        types = tuple(map(numba.typeof, arguments))
        code: Callable[..., None] = kernel.step.compile(types)  # type: ignore[attr-defined]
        Batch._code = staticmethod(code)
        return code

    def check(self, source: str) -> None:
        """Raise InputError where a state that was read from `source` cannot have been reached.

        The kernel trusts its arrays: an index outside them would read or write other memory.
        """
        check_state(self.arrays, source)

    def step(self, actions: NDArray[np.int64]) -> None:
        """Route one turn of every episode that is not over; see `observations`, `outcomes`."""
        code = Batch._code or self._compile_step()
        code(*self.arrays, np.ascontiguousarray(actions, np.int64))

    def taken(self, rows: NDArray[np.int64]) -> Batch:
        """Return a batch of copies of the episodes `rows`; each continues as its original does.

        An episode may be taken several times. Traces and parameters never change while episodes
        run, so both batches share them.
        """
        copy = Batch.__new__(Batch)
        copy.source, copy.parameters, copy.traces = self.source, self.parameters, self.traces
        copy.episodes, copy.devices = self.episodes[rows], self.devices[rows]
        copy.waiting, copy.live = self.waiting[rows], self.live[rows]
        copy.renew()
        copy.observations[:] = self.observations[rows]
        return copy

    def renew(self) -> None:
        """Write into new arrays from now on, so that the caller may keep the present ones.

        This is cheaper than copies. In the new arrays the rows of ended episodes are undefined.
        """
        n = self.episodes.size
        self.observations = np.empty((n, features.COUNT), np.float32)
        self.figures = np.empty((n, len(OUTCOME.names or ())))
        self._collect()

    @property
    def over(self) -> NDArray[np.bool_]:
        """Which episodes have ended (or not begun), shape (n,)."""
        ended: NDArray[np.bool_] = self.episodes["over"] != 0
        return ended

    def share_traces(self, traces: NDArray[Any]) -> None:
        """From now on, follow `traces`, ROW (m, T), in memory that others share."""
        self.traces = np.ascontiguousarray(traces)
        self._collect()

    def _collect(self) -> None:
        """Gather all arrays; give observations and outcomes a second view with named columns."""
        self.outcomes = self.figures.view(OUTCOME)[:, 0]
        self.arrays = kernel.Arrays(
            parameters=self.parameters,
            traces=self.traces,
            episodes=self.episodes,
            devices=self.devices,
            waiting=self.waiting,
            live=self.live,
            seen=self.observations.view(features.SEEN)[:, 0],
            matrix=self.observations,
            outcomes=self.outcomes,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave the views out, because a copied view would have its own memory."""
        return {k: v for k, v in self.__dict__.items() if k not in ("outcomes", "arrays")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the arrays and the views of them."""
        self.__dict__.update(state)
        self._collect()

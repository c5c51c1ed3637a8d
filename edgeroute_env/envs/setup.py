"""How both environments turn their arguments into a scenario and a source of traces."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from gymnasium.error import AlreadyPendingCallError

from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.simulator.batch import bytes_per_episode
from edgeroute_env.traces.columns import ROW
from edgeroute_env.traces.law import synthetic_law
from edgeroute_env.traces.sources import Drawn, Given, TraceSource
from edgeroute_env.traces.trace import Trace

ScenarioLike: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Scenario
TracesLike: TypeAlias = str | os.PathLike[str] | Trace | Sequence[Trace] | TraceSource | None

LARGEST_SEED = 2**128 - 1  # what Gymnasium draws where none is given


class Busy:
    """Lets one thread at a time into an environment and tells the second one.

    Both would write into the same arrays, and the kernel does not hold Python's global lock.
    """

    def __init__(self) -> None:
        """Make a lock that nobody holds."""
        lock = Lock()
        self.acquire, self.release = lock.acquire, lock.release

    def __enter__(self) -> None:
        """Go in, or raise AlreadyPendingCallError where a thread is inside."""
        if not self.acquire(False):
            raise self.error()

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        self.release()

    def __reduce__(self) -> tuple[type[Busy], tuple[()]]:
        """Copy and pickle as a lock that nobody holds."""
        return Busy, ()

    @staticmethod
    def error() -> AlreadyPendingCallError:
        """Return what the second thread is told."""
        message = "another thread is using this environment; give each thread one of its own"
        return AlreadyPendingCallError(message, "step")


def checked_seed(seed: Any, field: str = "seed") -> int | None:
    """Return a seed that Gymnasium takes; InputError where it is none."""
    if seed is None:
        return None
    is_number = isinstance(seed, Integral) and not isinstance(seed, bool)
    if not is_number or not 0 <= seed <= LARGEST_SEED:
        raise InputError(field, seed, "a whole number from 0 to 2^128 - 1, or None")
    return int(seed)


def checked_limit(steps: Any) -> int | None:
    """Return a limit on an episode's steps, or None; InputError where it is neither."""
    if steps is None:
        return None
    is_number = isinstance(steps, Integral) and not isinstance(steps, bool)
    if not is_number or steps < 1:
        raise InputError("max_episode_steps", steps, "a whole number from 1, or None")
    return int(steps)


def checked_options(options: Any, known: str) -> dict[str, Any]:
    """Return the options of a `reset` that takes only `known`; InputError for any other."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InputError("options", options, f"a mapping with {known!r}, or None")
    for name in options:
        if name != known:
            raise InputError("options", name, f"only {known!r}")
    return dict(options)


def checked_number(num_envs: Any, scenario: Scenario, source: TraceSource) -> int:
    """Return how many episodes run side by side; InputError where memory does not hold them."""
    is_number = isinstance(num_envs, Integral) and not isinstance(num_envs, bool)
    number = int(num_envs) if is_number else 0
    if number < 1:
        raise InputError("num_envs", num_envs, "a whole number from 1")
    each, memory = bytes_per_episode(scenario, source), _memory_bytes()
    if number * each > memory:
        allowed = f"at most {memory // each}: each takes {each} bytes of {memory} in this machine"
        raise InputError("num_envs", num_envs, allowed)
    return number


def _memory_bytes() -> int:
    """Return the memory that this process may fill, that of its container where it is in one."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        memory = 2**36
    try:
        return min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return memory


def prepare(
    scenario: ScenarioLike, overrides: Mapping[str, Any] | None, traces: TracesLike
) -> tuple[Scenario, TraceSource]:
    """Return the validated scenario and the source of its traces."""
    loaded = load_scenario(scenario, overrides)
    return loaded, trace_source(loaded, traces)


def trace_source(scenario: Scenario, traces: TracesLike) -> TraceSource:
    """Return the source that `traces` stands for.

    Args:
        traces: None or "synthetic" draws from the scenario's law; "recorded" draws from its
            recordings in the data folder; a path or a `Trace` is replayed; each episode picks one
            of a sequence of traces at random; a `TraceSource` is used as it is.
    """
    if traces is None or (isinstance(traces, str) and traces == "synthetic"):
        return Drawn(scenario)
    if isinstance(traces, str) and traces == "recorded":
        from edgeroute_env.traces.recorded import drawn

        return drawn(scenario, "recorded")
    loaded = Trace.load(traces) if isinstance(traces, str | os.PathLike) else traces
    if isinstance(loaded, Trace):
        return given([loaded], scenario)
    if isinstance(loaded, Sequence):
        return given(loaded, scenario)
    if isinstance(loaded, type) or not (hasattr(loaded, "assign") and hasattr(loaded, "store")):
        allowed = "None, 'synthetic', 'recorded', a path, a Trace, a list of them or a TraceSource"
        raise InputError("traces", traces, allowed)
    return loaded


def given(traces: Sequence[Trace], scenario: Scenario) -> Given:
    """Return a source that picks from a set of traces, which may differ in length."""
    if not traces or not all(isinstance(trace, Trace) for trace in traces):
        raise InputError("traces", traces, "at least one Trace")
    law = synthetic_law(scenario)
    lengths = np.array([len(trace) for trace in traces])
    rows = np.zeros((len(traces), int(lengths.max())), ROW)
    for i, trace in enumerate(traces):
        rows[i, : len(trace)] = trace.rows(law, scenario.device.count)
    return Given(rows, lengths)

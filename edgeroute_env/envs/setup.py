"""How both environments turn their arguments into a scenario and a source of traces."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.columns import ROW
from edgeroute_env.traces.law import synthetic_law
from edgeroute_env.traces.sources import Drawn, Given, TraceSource
from edgeroute_env.traces.trace import Trace

ScenarioLike: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Scenario
TracesLike: TypeAlias = str | os.PathLike[str] | Trace | Sequence[Trace] | TraceSource | None


def prepare(
    scenario: ScenarioLike, overrides: Mapping[str, Any] | None, traces: TracesLike
) -> tuple[Scenario, TraceSource]:
    """Return the validated scenario and the source of its traces."""
    loaded = load_scenario(scenario, overrides)
    return loaded, trace_source(loaded, traces)


def trace_source(scenario: Scenario, traces: TracesLike) -> TraceSource:
    """Return the source that `traces` stands for.

    Args:
        scenario: the scenario whose workload, radio and edge the traces belong to.
        traces: None or "synthetic" draws from the scenario's law; "recorded" draws from its
            recordings in the data folder; a path or a `Trace` is replayed; each episode picks one
            of a sequence of traces at random; a `TraceSource` is used as it is.
    """
    if traces is None or traces == "synthetic":
        return Drawn(scenario)
    if traces == "recorded":
        from edgeroute_env.traces.recorded import drawn

        return drawn(scenario, "recorded")
    loaded = Trace.load(traces) if isinstance(traces, str | os.PathLike) else traces
    if isinstance(loaded, Trace):
        return given([loaded], scenario)
    if isinstance(loaded, Sequence):
        return given(loaded, scenario)
    if not hasattr(loaded, "assign"):
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

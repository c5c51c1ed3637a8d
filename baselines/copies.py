"""Copies of a running batch, for insiders that try actions before they choose."""

from __future__ import annotations

import copy

from edgeroute_env.simulator.batch import Batch


def copied(batch: Batch) -> Batch:
    """Return a batch that continues as `batch` does and never touches it.

    Traces and parameters never change while episodes run, so both share them.
    """
    shared = (batch.traces, batch.parameters, batch.source)
    again: Batch = copy.deepcopy(batch, {id(part): part for part in shared})
    return again

"""Traces made by hand: a world at rest, of which a test changes only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeroute_env import Trace

# No load, no delay, no outage, no eviction; single-turn questions on one phone.
AT_REST: dict[str, Any] = {
    "device": 0,
    "turn": 1,
    "last_turn": True,
    "workload": 0,
    "prompt_tokens": 50,
    "attachment_bytes": 0,
    "answer_tokens_device": 100,
    "answer_tokens_edge": 100,
    "predicted_tokens_device": 100,
    "predicted_tokens_edge": 100,
    "score": 0.5,
    "quality_device": 0.5,
    "quality_edge": 0.75,
    "expected_quality_device": 0.4,
    "expected_quality_edge": 0.9,
    "snr_db": 20,
    "outage_s": 0,
    "rtt_s": 0.02,
    "edge_load": 0,
    "edge_wait_s": 0,
    "reported_load": 0,
    "report_age_s": 0,
    "device_background": 0,
    "device_evicted": False,
    "edge_evicted": False,
}


def columns_at_rest(arrival_s: Any, **changed: Any) -> dict[str, Any]:
    turns = len(arrival_s)
    values = {"arrival_s": arrival_s, **AT_REST, **changed}
    return {name: np.broadcast_to(value, turns).copy() for name, value in values.items()}


@pytest.fixture(scope="session")
def rest_columns() -> Callable[..., dict[str, Any]]:
    return columns_at_rest


@pytest.fixture(scope="session")
def rest_trace() -> Callable[..., Trace]:
    return lambda arrival_s, **changed: Trace(columns_at_rest(arrival_s, **changed))


@pytest.fixture(scope="session")
def dialogue() -> Callable[..., Trace]:
    """Return one dialogue of a phone, its turns far enough apart that none waits."""

    def make(turns: int = 4, gap_s: float = 1000.0, **changed: Any) -> Trace:
        number = np.arange(1, turns + 1)
        placed = {"turn": number, "last_turn": number == turns, **changed}
        return Trace(columns_at_rest(gap_s * np.arange(turns), **placed))

    return make

"""The edge serves requests in the order in which they get there, not in the order of asking."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, Trace

SLOW = {"name": "slow", "prefill_tokens_per_s": 1000, "decode_tokens_per_s": 20}
IDLE_TENANTS: dict[str, Any] = {
    "device.speed": SLOW,
    "device.background_probability": 0,
    "edge.max_sequences": 1,
    "edge.background.utilisation": 0,
    "edge.background.logit_sigma": 0.0,
    "edge.report_interval_s": 0,
}


def queue_waits(
    columns: dict[str, Sequence[float]], actions: Sequence[int], phones: int
) -> tuple[list[float], list[float]]:
    """Return each turn's queueing time, and the load that the router saw before it."""
    turns = len(actions)
    overrides = {**IDLE_TENANTS, "device.count": phones, "workload.turns": turns}
    env = EdgeRouteEnv("paper", overrides)
    env.reset(seed=0)
    content = {name: values.copy() for name, values in env.trace.columns.items()}
    for name, value in (("turn", 1), ("last_turn", True), ("outage_s", 0.0), ("snr_db", 20.0)):
        content[name] = np.full(turns, value)
    for name in ("edge_wait_s", "report_age_s", "reported_load"):
        content[name] = np.zeros(turns)
    content.update({name: np.array(values) for name, values in columns.items()})
    observation, _ = env.reset(options={"trace": Trace(content)})
    waits, loads = [], []
    for action in actions:
        loads.append(float(observation[14]))
        observation, _, _, _, info = env.step(action)
        waits.append(info["latency_queue_s"])
    return waits, loads


def test_a_follow_up_that_waits_for_its_answer_holds_no_slot_meanwhile() -> None:
    columns = {
        "arrival_s": [0.0, 1.0, 2.0, 12.0],
        "device": [0, 0, 1, 1],
        "turn": [1, 2, 1, 1],
        "last_turn": [False, True, True, True],
        "answer_tokens_device": [2000.0, 10.0, 10.0, 10.0],
        "answer_tokens_edge": [10.0, 50.0, 50.0, 50.0],
    }
    waits, loads = queue_waits(columns, [0, 1, 1, 1], phones=2)
    assert waits[1] > 60.0  # the phone needs that long for the answer before
    assert waits[2] == 0.0
    assert waits[3] == 0.0
    assert loads[2] == 0.0, "a request that is not there yet must not show in a report"


def test_a_slow_upload_is_overtaken() -> None:
    columns = {
        "arrival_s": [0.0, 0.1, 0.2],
        "device": [0, 1, 2],
        "attachment_bytes": [1e8, 0.0, 0.0],
        "answer_tokens_edge": [50.0, 50.0, 50.0],
    }
    waits, _ = queue_waits(columns, [1, 1, 1], phones=3)
    assert waits[1] == 0.0
    assert 0.0 < waits[2] < 10.0, "the third waits for the second alone"


@pytest.mark.parametrize("requests", [5, 40])
def test_many_requests_under_way_are_served_one_by_one(requests: int) -> None:
    """More requests than there are places to wait in still keep their order."""
    columns = {
        "arrival_s": list(np.linspace(0.0, 0.01, requests)),
        "device": [0] * requests,
        "answer_tokens_edge": [100.0] * requests,
        "rtt_s": [5.0] * requests,
    }
    waits, _ = queue_waits(columns, [1] * requests, phones=1)
    service_s = np.diff(waits)
    assert waits[0] == 0.0
    assert (service_s > 0.0).all()
    assert np.allclose(service_s, service_s[0], rtol=0.05)

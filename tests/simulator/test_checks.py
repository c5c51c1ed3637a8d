"""What would lead compiled code outside its arrays is refused before it gets there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.error import InvalidAction

from edgeroute_env import EdgeRouteEnv, InputError, Trace, load_scenario
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.checks import checked_actions
from edgeroute_env.traces.sources import Drawn, Given

N, PHONES = 4, 3
SCENARIO = load_scenario("paper", {"device.count": PHONES, "workload.turns": 20})


def running(steps: int = 10) -> Batch:
    batch = Batch(SCENARIO, Drawn(SCENARIO), N)
    batch.begin(np.arange(N), generators(range(N)))
    for _ in range(steps):
        batch.step(np.ones(N, np.int64))
    return batch


@pytest.mark.parametrize("steps", [0, 10, 19, 20, 25])
def test_a_state_that_was_reached_passes(steps: int) -> None:
    running(steps).check("own.ckpt")
    Batch(SCENARIO, Drawn(SCENARIO), N).check("own.ckpt")  # nothing has begun


CRAFTED: list[tuple[str, str, Any]] = [
    *(("episodes", "trace", v) for v in (-1, N, 2**62, -(2**62))),
    *(("episodes", "length", v) for v in (0, -1, 21, 2**62)),
    *(("episodes", "cursor", v) for v in (-1, 20, 2**62)),
    *(("episodes", "waiting", v) for v in (-1, 2 * PHONES + 7, 2**62)),
    *(("episodes", "over", v) for v in (-1, 2)),
    *(("episodes", "next_hold_s", v) for v in (np.nan, np.inf)),
    *(("traces", "device", v) for v in (-1, PHONES, 2**31 - 1)),
    *(("traces", "user", v) for v in (-1, 1, -(2**31))),
    *(("traces", "arrival_s", v) for v in (np.nan, np.inf, -1.0, 1e10)),
    *(("traces", "snr_db", v) for v in (np.nan, 1e30)),
    *(("traces", "up_s_per_byte", v) for v in (np.nan, -1.0)),
    *(("devices", "free_at_s", v) for v in (np.nan, np.inf)),
    ("devices", "battery_j", np.nan),
    *(("devices", "jobs", v) for v in (-1, 5, 2**62)),
    ("waiting", "", np.nan),
    ("live", "", -1.0),
    *(("episodes", "live", v) for v in (-1, 10**6)),
    ("observations", "", np.nan),
]


@pytest.mark.parametrize(("array", "field", "value"), CRAFTED)
def test_a_state_that_cannot_be_reached_is_refused(array: str, field: str, value: Any) -> None:
    batch = running()
    target = getattr(batch, array)
    (target[field] if field else target)[-1, ...] = value
    named = f"{array}.{field}" if field else array
    with pytest.raises(InputError) as caught:
        batch.check("own.ckpt")
    assert str(caught.value).startswith(f"own.ckpt: {named}: got ")


def test_a_flag_of_another_byte_is_refused() -> None:
    batch = running()
    batch.traces["last_turn"].view("u1")[0, 0] = 7
    with pytest.raises(InputError, match=r"traces\.last_turn: got 7"):
        batch.check("own.ckpt")


@pytest.mark.parametrize(
    ("field", "value"),
    [("trace", -1), ("trace", 1), ("length", 0), ("length", 10**9), ("device", -7), ("user", 5)],
)
def test_a_source_of_others_may_not_point_outside(field: str, value: int) -> None:
    class Astray(Given):
        def assign(self, which: Any, streams: Any, store: Any, episodes: Any) -> None:
            super().assign(which, streams, store, episodes)
            target = episodes if field in episodes.dtype.names else store
            target[field] = value

    drawn = running().traces[:1].copy()
    env = EdgeRouteEnv(SCENARIO, traces=Astray(drawn, np.array([20])))
    for _ in range(2):
        with pytest.raises(InputError, match=r"^traces: got .*episode 0"):
            env.reset(seed=0)


def test_a_store_of_another_type_is_refused() -> None:
    for rows in (np.zeros((1, 20)), running().traces[0]):
        with pytest.raises(InputError, match=r"^traces: got .*ROW"):
            EdgeRouteEnv(SCENARIO, traces=Given(rows, np.array([20]))).reset(seed=0)


def test_a_trace_stays_as_it_was_checked(rest_trace: Callable[..., Trace]) -> None:
    trace = rest_trace([0.0, 1.0])
    with pytest.raises(TypeError):
        trace.columns["user"] = np.array([-5, -5])  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        trace["user"][0] = -5
    with pytest.raises(ValueError, match="WRITEABLE"):
        trace["user"].setflags(write=True)


MASKED = np.ma.masked_array([0, 1], [True, False])


@pytest.mark.parametrize(
    "actions", [[0.7, 1], [0, 2], [0, -1], [0, np.nan], [0], [0, 1, 1], ["0", "1"], None, MASKED]
)
def test_actions_of_a_batch_are_checked(actions: Any) -> None:
    with pytest.raises(InvalidAction, match="allowed"):
        checked_actions(actions, 2)
    assert checked_actions([True, False], 2).tolist() == [1, 0]

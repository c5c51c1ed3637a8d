"""No observation depends on what a router cannot know yet.

An episode is run with random actions. Then, for one of its moments after the other, everything that
is not known at that moment gets other values: the future trace and its length, how the present turn
would go, the lengths of answers that are under way (longer, or they would have come), the end of a
stop of the traffic, the wait of a request that other tenants still keep from the batch, the quality
of every answer, and what the server has dropped from its cache since it answered last. The same
actions up to that moment must show the same observations, bit for bit.

Every preset is played as it is, and once more with stops of the traffic, photos to upload, a quota
and a battery, so that those parts of the observation tell something.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeroute_env import EdgeRouteEnv, Trace, load_scenario, scenario_names
from edgeroute_env.traces.columns import BASE

TURNS, MOMENTS = 160, 16
LIMITS = {column.name: (column.low, column.high) for column in BASE}
LATER = {  # of turns that have not been routed: how they go, and for the present one how it will go
    "answer_tokens_device": 3.0,
    "answer_tokens_edge": 0.3,
    "outage_s": 2.0,
    "rtt_s": 2.0,
    "edge_load": 0.5,
    "edge_wait_s": 3.0,
}
LASTING = {"budgets.battery_j": 1e5}  # a spent battery would end the episode sooner
BUDGETS = {
    **LASTING,
    "budgets.battery_window_s": 50_000,
    "budgets.edge_calls": 8,
    "budgets.window_s": 600,
}
PROBED = ("paper", "busy-cell", "long-context", "stale")
Columns = dict[str, NDArray[Any]]


class Ends(NamedTuple):
    """When a turn's events have happened at the earliest, in seconds."""

    answered_s: NDArray[np.float64]  # the server, or the phone, has ended its answer
    let_in_s: NDArray[np.float64]  # other tenants' requests have let it into the batch
    called: NDArray[np.bool_]  # not a time: whether the edge has answered


def drawn(env: EdgeRouteEnv, pace: float) -> Columns:
    """Return a trace whose questions come so much faster that many answers are under way."""
    env.reset(seed=3)
    columns = {name: np.array(values) for name, values in env.trace.columns.items()}
    columns["arrival_s"] = np.cumsum(np.diff(columns["arrival_s"], prepend=0.0) / pace)
    return columns


def stops(columns: Columns) -> NDArray[np.float64]:
    """Let traffic stop before every fifth question, for three gaps; return each turn's end of it.

    Waits for other tenants and photos come too. nan where traffic flows.
    """
    arrival_s = columns["arrival_s"]
    turns = np.arange(len(arrival_s))
    first = turns - turns % 5
    end_s = np.maximum(arrival_s[np.minimum(first + 3, turns[-1])], arrival_s[first] + 4.0)
    ends_s = np.where(arrival_s < end_s, end_s, np.nan)
    columns["outage_s"][:] = np.nan_to_num(ends_s - arrival_s)
    columns["edge_wait_s"] += 3.0 * (turns % 3 == 0)
    columns["attachment_bytes"][turns % 4 == 0] = 350e3
    return ends_s


def played(
    env: EdgeRouteEnv, columns: Columns, actions: NDArray[np.int64]
) -> tuple[list[NDArray[Any]], list[dict[str, Any]]]:
    """Return what a router saw before each action, and what each turn reported."""
    seen = [env.reset(options={"trace": Trace(columns)})[0]]
    infos = []
    for action in actions:
        observation, *_, info = env.step(int(action))
        infos.append(info)
        seen.append(observation)
    return seen[: len(actions)], infos


def ends_of(columns: Columns, infos: list[dict[str, Any]]) -> Ends:
    radio_s = np.array([info["latency_radio_s"] for info in infos])
    sent_s = np.array([info["radio_ttft_s"] for info in infos])
    latency_s = np.array([info["latency_s"] for info in infos])
    called = np.array([info["edge_call"] > 0.0 for info in infos])
    scored_s = columns["arrival_s"] + np.array([info["latency_scoring_s"] for info in infos])
    return Ends(
        columns["arrival_s"] + latency_s - (radio_s - sent_s),
        np.where(called, scored_s + sent_s + columns["edge_wait_s"], 0.0),
        called,
    )


def otherwise(
    columns: Columns, moment: int, ends: Ends, stop_ends_s: NDArray[np.float64]
) -> Columns:
    """Return the trace with other values for all that is not known when turn `moment` is asked."""
    other = {name: values.copy() for name, values in columns.items()}
    turns = np.arange(len(other["arrival_s"]))
    _change_the_future(other, moment)
    now_s, routed = columns["arrival_s"][moment], turns < moment
    for side in ("device", "edge"):
        other[f"quality_{side}"] = 1.0 - other[f"quality_{side}"]
        other[f"answer_tokens_{side}"][routed & (ends.answered_s > now_s)] *= 4.0
    other["edge_wait_s"][routed & (ends.let_in_s > now_s)] += 5.0
    # The stop of this moment ends much later, so that the app gives up, or at once.
    here = (turns <= moment) & (stop_ends_s > now_s)
    end_s = now_s + (stop_ends_s - now_s) * (20.0 if moment % 2 else 0.05)
    other["outage_s"][here] = (end_s - columns["arrival_s"])[here]
    untold = [_no_call_since(columns["device"], ends.called, k, moment) for k in turns]
    evicted = (columns["turn"] > 1) & np.array(untold)
    other["edge_evicted"][evicted] = ~other["edge_evicted"][evicted]
    return {name: values[: moment + 2] for name, values in other.items()}


def _change_the_future(other: Columns, moment: int) -> None:
    turns = np.arange(len(other["arrival_s"]))
    present, future = turns >= moment, turns > moment
    for name, factor in LATER.items():
        changed = other[name][present] * factor + (0.1 if name == "edge_load" else 0.0)
        if name.startswith("answer"):
            changed = np.maximum(np.round(changed), 1.0)
        other[name][present] = np.clip(changed, *LIMITS[name])
    for name in ("prompt_tokens", "predicted_tokens_device", "predicted_tokens_edge"):
        other[name][future] += 11.0
    rng = np.random.default_rng(moment)
    for name in ("score", "reported_load", "device_background"):
        other[name][future] = rng.uniform(0.05, 0.95, future.sum())
    other["snr_db"][future] = np.maximum(other["snr_db"][future] - 3.0, LIMITS["snr_db"][0])
    other["arrival_s"][future] += 7.0


def _no_call_since(
    device: NDArray[np.int64], called: NDArray[np.bool_], k: int, moment: int
) -> bool:
    """Return whether the phone of turn `k` has not called the edge from that turn to `moment`."""
    return not called[k:moment][device[k:moment] == device[k]].any()


@pytest.mark.parametrize("eventful", [False, True], ids=["as it is", "eventful"])
@pytest.mark.parametrize(
    ("name", "source"),
    [*((name, "prompt") for name in scenario_names()), *((name, "probe") for name in PROBED)],
)
def test_what_is_not_known_changes_no_observation_so_far(
    name: str, source: str, eventful: bool
) -> None:
    budgets = BUDGETS if eventful else LASTING if load_scenario(name).budgets.battery_j else {}
    asked = {"workload.turns": TURNS, "workload.score_source": source}
    env = EdgeRouteEnv(name, overrides={**asked, **budgets})
    columns = drawn(env, pace=10.0 if eventful else 4.0)
    stop_ends_s = stops(columns) if eventful else np.full(TURNS, np.nan)
    actions = np.random.default_rng(1).integers(0, 2, TURNS)
    seen, infos = played(env, columns, actions)
    ends = ends_of(columns, infos)
    last_s = np.maximum.accumulate(ends.answered_s)[:-1]
    moments = 1 + np.flatnonzero(last_s > columns["arrival_s"][1:])
    if eventful:
        moments = moments[stop_ends_s[moments] > columns["arrival_s"][moments]]
    assert moments.size > 1, "no answer is under way at any moment, so this would show nothing"
    for moment in moments[np.linspace(0, moments.size - 1, MOMENTS).astype(int)]:
        other = otherwise(columns, moment, ends, stop_ends_s)
        again, _ = played(env, other, actions[: moment + 1])
        for k in range(moment + 1):
            np.testing.assert_array_equal(again[k], seen[k], err_msg=f"turn {k} of {moment}")

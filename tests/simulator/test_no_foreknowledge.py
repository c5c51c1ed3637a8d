"""No observation depends on what a router cannot know yet.

An episode is run with random actions. Then, for one of its moments after the other, everything that
is not known at that moment gets other values: the future trace and its length, how the present turn
would go, the lengths of answers that are under way (longer, or they would have come), the quality
of every answer, and what the server has dropped from its cache since it answered last. The same
actions up to that moment must show the same observations, bit for bit.
"""

from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, Trace, scenario_names
from edgeroute_env.traces.columns import BASE

MOMENTS = 12
LATER = {  # of turns that have not been routed: how they go, and for the present one how it will go
    "answer_tokens_device": 3.0,
    "answer_tokens_edge": 0.3,
    "outage_s": 2.0,
    "rtt_s": 2.0,
    "edge_load": 0.5,
    "edge_wait_s": 3.0,
}


PRESETS = [(name, {}) for name in scenario_names()]
PROBED = [
    (name, {"workload.score_source": "probe"})
    for name in ("paper", "busy-cell", "long-context", "stale")
]


def episode(name: str, turns: int, overrides: dict[str, Any]) -> EdgeRouteEnv:
    env = EdgeRouteEnv(name, overrides={"workload.turns": turns, **overrides})
    env.reset(seed=3)
    return env


def played(
    env: EdgeRouteEnv, columns: dict[str, Any], actions: np.ndarray
) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    seen = [env.reset(options={"trace": Trace(columns)})[0]]
    infos = []
    for action in actions:
        observation, _, terminated, _, info = env.step(int(action))
        infos.append(info)
        if terminated:
            break
        seen.append(observation)
    return seen[: len(actions)], infos


def answered_s(columns: dict[str, Any], infos: list[dict[str, Any]]) -> np.ndarray:
    """Return when the server, or the phone, has ended each answer."""
    download_s = np.array([i["latency_parts"]["radio_s"] - i["radio_ttft_s"] for i in infos])
    latency_s = np.array([i["latency_s"] for i in infos])
    return columns["arrival_s"][: len(infos)] + latency_s - download_s


def _no_call_since(device: np.ndarray, called: np.ndarray, k: int, moment: int) -> bool:
    """Return whether the phone of turn `k` has not called the edge from that turn to `moment`."""
    return not called[k:moment][device[k:moment] == device[k]].any()


def otherwise(
    columns: dict[str, Any],
    moment: int,
    ended_s: np.ndarray,
    called: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the trace with other values for all that is not known when turn `moment` is asked."""
    other = {name: values.copy() for name, values in columns.items()}
    turns = len(other["arrival_s"])
    present = np.arange(turns) >= moment
    future = np.arange(turns) > moment
    under_way = np.zeros(turns, bool)
    under_way[:moment] = ended_s[:moment] > columns["arrival_s"][moment]
    for side in ("device", "edge"):
        other[f"quality_{side}"] = 1.0 - other[f"quality_{side}"]
        other[f"answer_tokens_{side}"][under_way] *= 4.0
    for name, factor in LATER.items():
        limits = next(column for column in BASE if column.name == name)
        changed = other[name][present] * factor + (0.1 if name == "edge_load" else 0.0)
        if name.startswith("answer"):
            changed = np.maximum(np.round(changed), 1.0)
        other[name][present] = np.clip(changed, limits.low, limits.high)
    for name in ("prompt_tokens", "predicted_tokens_device", "predicted_tokens_edge"):
        other[name][future] += 11.0
    for name in ("score", "reported_load", "device_background"):
        other[name][future] = rng.uniform(0.05, 0.95, future.sum())
    other["snr_db"][future] -= 3.0
    np.clip(other["snr_db"], -20.0, 30.0, out=other["snr_db"])
    other["arrival_s"][future] += 7.0
    untold = [_no_call_since(columns["device"], called, k, moment) for k in range(turns)]
    evicted = (columns["turn"] > 1) & np.array(untold)
    other["edge_evicted"][evicted] = ~other["edge_evicted"][evicted]
    return {name: values[: moment + 2] for name, values in other.items()}


@pytest.mark.parametrize(("name", "overrides"), PRESETS + PROBED)
def test_what_is_not_known_changes_no_observation_so_far(
    name: str, overrides: dict[str, Any]
) -> None:
    env = episode(name, 160, overrides)
    rng = np.random.default_rng(1)
    columns = {name: np.array(values) for name, values in env.trace.columns.items()}
    gaps_s = np.diff(columns["arrival_s"], prepend=0.0)
    columns["arrival_s"] = np.cumsum(0.25 * gaps_s)  # so that many answers are under way
    actions = rng.integers(0, 2, len(columns["arrival_s"]))
    seen, infos = played(env, columns, actions)
    ended_s = answered_s(columns, infos)
    called = np.array([info["edge_call"] > 0.0 for info in infos])
    last = np.maximum.accumulate(ended_s)[:-1]
    moments = 1 + np.flatnonzero(last > columns["arrival_s"][1 : len(infos)])
    assert moments.size > 1, "no answer is under way at any moment, so this would show nothing"
    for moment in moments[np.linspace(0, moments.size - 1, MOMENTS).astype(int)]:
        other = otherwise(columns, moment, ended_s, called, rng)
        again, _ = played(env, other, actions[: moment + 1])
        for k in range(moment + 1):
            np.testing.assert_array_equal(again[k], seen[k], err_msg=f"turn {k} of {moment}")

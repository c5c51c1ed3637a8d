"""A linear rule over all that a router sees: the strongest causal rule here that does not plan.

The rule chooses the edge iff `score + w . x > theta`. Here x holds the parts of both routes' times
and the state that links turns: budgets against the time left, heat, load, caches, the risk that the
dialogue has taken so far, the user's own prices. Bao's rule is the special case in which only the
times have weights, all equal to alpha. The weights are ours, found by CMA-ES on training seeds
(`edgeroute_baselines.fitting`), starting at the fitted `bao-multi-queue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import finite, not_negative
from edgeroute_env import InputError
from edgeroute_env._compile import compiled, inlined
from edgeroute_env.simulator import features

_RECENT_S = 60.0  # for how long the last wait of the phone tells something about the next one
_LONG_S = 120.0  # longer waits count as this one
_LEAST_PER_H = 1e-3
ON_TIME_S = 4.0

# Each parameter with a usual size, which is the step with which the search begins.
SCALES = {
    "theta": 0.05,
    "on_time_s": 1.0,
    "edge_late": 0.1,
    "device_late": 0.1,
    "edge_radio_s": 0.02,
    "edge_compute_s": 0.02,
    "edge_switch_s": 0.02,
    "edge_wait_s": 0.02,
    "stale_wait_s": 0.02,
    "device_compute_s": 0.02,
    "device_switch_s": 0.02,
    "device_wait_s": 0.02,
    "dialogue_score": 0.1,
    "follow_up": 0.05,
    "device_cached": 0.05,
    "edge_cached": 0.05,
    "context_ktokens": 0.02,
    "edge_load": 0.1,
    "overload": 0.2,
    "last_edge_wait_s": 0.02,
    "heat": 0.1,
    "throttled": 0.2,
    "dialogue_risk": 0.1,
    "quota_ahead": 0.1,
    "quota_spent": 0.2,
    "battery_ahead": 0.1,
    "log_demand": 0.05,
    "priced_s": 0.3,
    "edge_price": 0.3,
}


def margin(seen: Any, w: Any) -> Any:
    """Return by how much the rule prefers the edge, in units of quality.

    The rule is stated only here. It is compiled over a record for speed, and it runs over torch
    tensors in an exported policy. So it uses only arithmetic, comparisons and ufuncs.

    `seen` holds the features by name in physical units: numbers, or arrays of one shape. `w` holds
    the parameters by name.
    """
    edge_wait_s = np.minimum(seen["edge_wait_s"], _LONG_S)
    device_wait_s = np.minimum(seen["device_wait_s"], _LONG_S)
    radio_s = np.minimum(seen["edge_radio_s"], _LONG_S)
    edge_s = edge_wait_s + seen["edge_prefill_s"] + seen["edge_switch_s"]
    edge_s = edge_s + seen["edge_decode_s"] + radio_s
    device_s = device_wait_s + seen["device_prefill_s"] + seen["device_switch_s"]
    device_s = device_s + seen["device_decode_s"]
    value = seen["score"] - w["theta"]
    value = value + w["edge_radio_s"] * radio_s
    value = value + w["edge_compute_s"] * (seen["edge_prefill_s"] + seen["edge_decode_s"])
    value = value + w["edge_switch_s"] * seen["edge_switch_s"]
    value = value + w["edge_wait_s"] * edge_wait_s
    stale = np.minimum(seen["report_age_s"] / 30.0, 1.0)
    value = value + w["stale_wait_s"] * (edge_wait_s * stale)
    value = value + w["device_compute_s"] * (seen["device_prefill_s"] + seen["device_decode_s"])
    value = value + w["device_switch_s"] * seen["device_switch_s"]
    value = value + w["device_wait_s"] * device_wait_s
    value = value + w["dialogue_score"] * seen["dialogue_score"]
    value = value + w["follow_up"] * (seen["turn"] > 1.0)
    value = value + w["device_cached"] * seen["device_cached"]
    value = value + w["edge_cached"] * seen["edge_cached"]
    value = value + w["context_ktokens"] * (seen["context_tokens"] / 1000.0)
    value = value + w["edge_load"] * seen["edge_load"]
    value = value + w["overload"] * np.maximum(seen["edge_load"] - 0.8, 0.0)
    recent = np.exp(-seen["last_edge_age_s"] / _RECENT_S)
    value = value + w["last_edge_wait_s"] * np.minimum(seen["last_edge_wait_s"], _LONG_S) * recent
    value = value + w["heat"] * seen["heat"]
    throttled = np.minimum(np.maximum((seen["heat"] - 0.35) / 0.2, 0.0), 1.0)
    value = value + w["throttled"] * throttled
    value = value + w["dialogue_risk"] * seen["dialogue_risk"]
    value = value + w["quota_ahead"] * (seen["quota_left"] - seen["quota_time_left"])
    value = value + w["quota_spent"] * (seen["quota_left"] <= 0.0)
    value = value + w["battery_ahead"] * (seen["battery_left"] - seen["battery_time_left"])
    demand = np.maximum(seen["demand_per_h"], _LEAST_PER_H) / 100.0
    value = value + w["log_demand"] * np.log(demand)
    value = value + w["priced_s"] * (seen["weight_latency_per_s"] * (edge_s - device_s))
    value = value + w["edge_price"] * seen["weight_edge_call"]
    # How far beyond `on_time_s` a route is expected to end, as a saturating share.
    edge_late = np.minimum(np.maximum(edge_s - w["on_time_s"], -1.0), 1.0)
    device_late = np.minimum(np.maximum(device_s - w["on_time_s"], -1.0), 1.0)
    return value + w["edge_late"] * edge_late + w["device_late"] * device_late


_WEIGHTS = np.dtype([(name, "f8") for name in SCALES])
_PHYSICAL = np.dtype([(name, "f8") for name in features.NAMES])
_SCALE = features.SCALE
_stated = inlined(margin)


@inlined
def compiled_margin(
    observation: NDArray[np.float32], physical: NDArray[np.float64], seen: Any, weights: Any
) -> float:
    """Return the margin of one observation (32,); `physical` and `seen` from `scratch`."""
    for i in range(_SCALE.size):
        physical[0, i] = observation[i] * _SCALE[i]
    value: float = _stated(seen[0], weights[0])
    return value


@compiled
def _margins(
    observations: NDArray[np.float32],
    physical: NDArray[np.float64],
    seen: Any,
    weights: Any,
    found: NDArray[np.float64],
) -> None:
    for e in range(found.size):
        found[e] = compiled_margin(observations[e], physical, seen, weights)


def scratch() -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return room for one decoded observation, and the same memory with the features by name."""
    physical = np.empty((1, features.COUNT))
    return physical, physical.view(_PHYSICAL)[:, 0]


def weights_record(weights: Mapping[str, float]) -> NDArray[Any]:
    """Return the parameters as the compiled rule takes them, a record array of shape (1,)."""
    return np.array([tuple(weights[name] for name in SCALES)], _WEIGHTS)


@dataclass(frozen=True)
class LinearRouter:
    """`weights` has the names of SCALES, which include theta and on_time_s (s)."""

    weights: Mapping[str, float]
    name: str = "linear"
    record: NDArray[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse weights that are missing, unknown or not finite numbers."""
        if set(self.weights) != set(SCALES):
            raise InputError("weights", ", ".join(self.weights), "exactly " + ", ".join(SCALES))
        finite(**self.weights)
        object.__setattr__(self, "record", weights_record(self.weights))

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        return (self.margins(observations) > 0.0).astype(np.int64)

    def margins(self, observations: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return by how much it prefers the edge, in units of quality, shape (n,)."""
        found = np.empty(len(observations))
        _margins(observations, *scratch(), self.record, found)
        return found


def from_bao(alpha_per_s: float, theta: float) -> dict[str, float]:
    """Return the weights that make this rule `bao-multi-queue`, its waits bounded."""
    not_negative(alpha_per_s=alpha_per_s)
    finite(theta=theta)
    weights = dict.fromkeys(SCALES, 0.0)
    for part in ("radio_s", "compute_s", "switch_s", "wait_s"):
        weights[f"edge_{part}"] = -alpha_per_s
    for part in ("compute_s", "switch_s", "wait_s"):
        weights[f"device_{part}"] = alpha_per_s
    return {**weights, "theta": theta, "on_time_s": ON_TIME_S}

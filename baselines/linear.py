"""A linear rule over all that a router sees: the strongest causal rule here that does not plan.

The edge iff `score + w . x > theta`, where x holds the times of both routes part by part and the
state that couples turns: budgets against the time left, heat, load, caches, what the dialogue has
risked so far, the user's own prices. Bao's rule is the special case in which only the times have
weights, all equal to alpha. The weights are ours, found by CMA-ES on training seeds
(`baselines.fitting`), starting at the fitted `bao-multi-queue`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.bao import Floats, Seen
from baselines.checks import finite
from edgeroute_env import InputError, decode

_RECENT_S = 60.0  # how long a wait that the phone has met says something about the next
_LONG_S = 120.0  # beyond, a wait is simply long

# What is weighed, with a weight of ordinary size: where the search begins to look.
TERMS: dict[str, tuple[float, Callable[[Seen], NDArray[Any]]]] = {
    "edge_radio_s": (0.02, lambda seen: np.minimum(seen["edge_radio_s"], _LONG_S)),
    "edge_compute_s": (0.02, lambda seen: seen["edge_prefill_s"] + seen["edge_decode_s"]),
    "edge_switch_s": (0.02, lambda seen: seen["edge_switch_s"]),
    "edge_wait_s": (0.02, lambda seen: np.minimum(seen["edge_wait_s"], _LONG_S)),
    "stale_wait_s": (
        0.02,
        lambda seen: (
            np.minimum(seen["edge_wait_s"], _LONG_S) * np.minimum(seen["report_age_s"] / 30.0, 1.0)
        ),
    ),
    "device_compute_s": (0.02, lambda seen: seen["device_prefill_s"] + seen["device_decode_s"]),
    "device_switch_s": (0.02, lambda seen: seen["device_switch_s"]),
    "device_wait_s": (0.02, lambda seen: np.minimum(seen["device_wait_s"], _LONG_S)),
    "dialogue_score": (0.1, lambda seen: seen["dialogue_score"]),
    "follow_up": (0.05, lambda seen: seen["turn"] > 1),
    "device_cached": (0.05, lambda seen: seen["device_cached"]),
    "edge_cached": (0.05, lambda seen: seen["edge_cached"]),
    "context_ktokens": (0.02, lambda seen: seen["context_tokens"] / 1000.0),
    "edge_load": (0.1, lambda seen: seen["edge_load"]),
    "overload": (0.2, lambda seen: np.maximum(seen["edge_load"] - 0.8, 0.0)),
    "last_edge_wait_s": (
        0.02,
        lambda seen: (
            np.minimum(seen["last_edge_wait_s"], _LONG_S)
            * np.exp(-seen["last_edge_age_s"] / _RECENT_S)
        ),
    ),
    "heat": (0.1, lambda seen: seen["heat"]),
    "throttled": (0.2, lambda seen: np.clip((seen["heat"] - 0.35) / 0.2, 0.0, 1.0)),
    "dialogue_risk": (0.1, lambda seen: seen["dialogue_risk"]),
    "quota_ahead": (0.1, lambda seen: seen["quota_left"] - seen["quota_time_left"]),
    "quota_spent": (0.2, lambda seen: seen["quota_left"] <= 0.0),
    "battery_ahead": (0.1, lambda seen: seen["battery_left"] - seen["time_left"]),
    "log_demand": (0.05, lambda seen: np.log(seen["demand_per_h"] / 100.0)),
    "priced_s": (
        0.3,
        lambda seen: (
            seen["weight_latency_per_s"] * (total_s(seen, "edge") - total_s(seen, "device"))
        ),
    ),
    "edge_price": (0.3, lambda seen: seen["weight_edge_call"]),
}
# Weighed by how far a route's estimate lies beyond `on_time_s`, as a share that saturates.
LATE = {"edge_late": 0.1, "device_late": 0.1}
ON_TIME_S = 4.0

SCALES = {
    "theta": 0.05,
    "on_time_s": 1.0,
    **LATE,
    **{name: scale for name, (scale, _) in TERMS.items()},
}


def total_s(seen: Seen, side: str) -> Floats:
    """Return the whole time that a route is expected to take, waits bounded."""
    total = np.minimum(seen[f"{side}_wait_s"], _LONG_S) + seen[f"{side}_prefill_s"]
    total = total + seen[f"{side}_switch_s"] + seen[f"{side}_decode_s"]
    return total + np.minimum(seen["edge_radio_s"], _LONG_S) if side == "edge" else total


def margin(seen: Seen, weights: Mapping[str, float]) -> Floats:
    """Return by how much the rule prefers the edge, in units of quality, shape (n,)."""
    value = seen["score"] - weights["theta"]
    for name, (_, term) in TERMS.items():
        if weights[name] != 0.0:
            value = value + weights[name] * term(seen)
    for name in LATE:
        beyond_s = total_s(seen, name.removesuffix("_late")) - weights["on_time_s"]
        value = value + weights[name] * np.clip(beyond_s, -1.0, 1.0)
    return value


@dataclass(frozen=True)
class LinearRouter:
    """`weights` by name as in SCALES, theta and on_time_s (s) among them."""

    weights: Mapping[str, float]
    name: str = "linear"

    def __post_init__(self) -> None:
        """Refuse weights that are missing, unknown or no numbers."""
        if set(self.weights) != set(SCALES):
            raise InputError("weights", ", ".join(self.weights), "exactly " + ", ".join(SCALES))
        finite(**self.weights)

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        return (margin(decode(observations), self.weights) > 0.0).astype(np.int64)


def from_bao(alpha_per_s: float, theta: float) -> dict[str, float]:
    """Return the weights that make this rule `bao-multi-queue`."""
    weights = dict.fromkeys(SCALES, 0.0)
    for name in TERMS:
        if name.startswith("edge_") and name.endswith("_s"):
            weights[name] = -alpha_per_s
        elif name.startswith("device_") and name.endswith("_s"):
            weights[name] = alpha_per_s
    return {**weights, "theta": theta, "on_time_s": ON_TIME_S}

"""Every number of a scenario with the bounds that its field states, and a run at given values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from edgeroute_env import EdgeRouteEnv, Scenario, load_scenario
from edgeroute_env.fields import Within

TURNS = 16
# Between them, two scenarios that have every field.
CELLULAR: dict[str, Any] = {
    "workload.turns": 2 * TURNS,
    "workload.bursts": {"sigma": 0.2, "correlation_s": 150},
    "workload.score_auc": 0.7,
    "workload.attachment": {"probability": 0.5, "size_bytes": 1e5},
    "workload.mix.2.benchmark": load_scenario("long-context").workload.mix[0].benchmark,
    "radio.snr_ceiling_db": 20,
    "budgets": {"battery_j": 1e4, "edge_calls": 8},
    "edge.power_w": 200,
    "objective": {"kind": "deadline", "deadline_s": 6},
}
PLAIN: dict[str, Any] = {
    **CELLULAR,
    "device.count": 3,
    "radio.environment": "log-distance",
    "radio.path_loss": {"at_1m_db": 43, "exponent": 4},
    "radio.rate": "shannon",
    "radio.fading": "per-turn",
    "radio.spread": "line",
    "observation.hidden": ["edge-load", "cache", "snr"],
    "objective": {
        "kind": "relative-cost",
        "relative_cost": {
            **{"price": 0.4, "latency_weight": 0.5, "energy_weight": 0.5},
            **{"latency_scale_s": 1, "energy_scale_j": 200},
        },
    },
}


def base(overrides: Mapping[str, Any]) -> Scenario:
    """Return a scenario in which each kind of part stands once."""
    whole = load_scenario("paper", overrides)
    mix = [whole.workload.mix[i] for i in (0, 2)]
    return load_scenario(whole, {"workload.mix": [entry.model_dump() for entry in mix]})


def numbers(value: Any, path: str = "", field: Any = None) -> Iterator[tuple[str, Within]]:
    """Yield the dotted name and the bounds of every number in a validated value."""
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            kind = (info.annotation, *info.metadata)
            yield from numbers(getattr(value, name), f"{path}.{name}".lstrip("."), kind)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from numbers(item, f"{path}.{key}", list(_parts(field))[::-1])
    elif isinstance(value, tuple):
        for i, item in enumerate(value[:2]):
            yield from numbers(item, f"{path}.{i}", field)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, next(part for part in _parts(field) if isinstance(part, Within))


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield what an annotation is made of, in the order in which it is written."""
    if isinstance(annotation, list | tuple):
        for part in annotation:
            yield from _parts(part)
    elif get_args(annotation):
        yield from _parts(get_args(annotation))
    else:
        yield annotation


def run_finite(scenario: Scenario, turns: int = TURNS) -> None:
    """Run some turns, and find everything that they show finite and the trace one that is valid."""
    env = EdgeRouteEnv(scenario)
    observation, _ = env.reset(seed=3)
    assert observation in env.observation_space
    for turn in range(min(turns, scenario.workload.turns)):
        observation, reward, terminated, truncated, info = env.step(turn % 3 % 2)
        assert observation in env.observation_space
        assert math.isfinite(reward)
        assert all(math.isfinite(figure) for figure in info.values())
        if terminated or truncated:
            break
    assert len(env.trace) == scenario.workload.turns  # within the bounds of a trace's columns

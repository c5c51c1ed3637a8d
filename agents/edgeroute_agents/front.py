"""Pareto fronts that come with the package: what routers reach as the price of waiting changes.

`edgeroute_agents.front_training` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeroute_agents.policy import PRETRAINED
from edgeroute_env.evaluation.frontier import Point
from edgeroute_env.files import without_sha256
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash

Front = Mapping[str, Sequence[Point]]  # by router; a point's setting is the weight of latency


def front_file(name: str) -> Path:
    """Return where the front of a scenario of that name is kept."""
    return PRETRAINED / f"front-{name}.json"


def packaged_front(scenario: Scenario) -> Front | None:
    """Return the front that comes with the package for exactly this scenario, if there is one."""
    path = front_file(scenario.name)
    if not path.is_file():
        return None
    content = without_sha256(json.loads(path.read_text(encoding="utf-8")))
    if content["scenario_hash"] != scenario_hash(scenario):
        return None
    return {name: [Point(*row) for row in rows] for name, rows in content["routers"].items()}

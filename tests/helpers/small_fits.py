"""What the tests of fits share: a scenario with short episodes."""

from __future__ import annotations

import functools
from typing import Any

from edgeroute_env import Scenario, load_scenario


@functools.cache
def plain() -> Scenario:
    return load_scenario("paper", {"name": "small", "workload.turns": 16})


def small(**changes: Any) -> Scenario:
    return load_scenario(plain(), changes)

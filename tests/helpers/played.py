"""What the tests of `edgeroute play` share, in a window and in a terminal."""

from __future__ import annotations

import re
from typing import Any

from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from tests.helpers.command_line import Ended

TINY = ("-s", "tiny.yaml")
RETURN = re.compile(r"(?m)^(\S+) +return +([+-][0-9.]+)$")


def short(turns: int, name: str = "paper", **more: Any) -> tuple[Any, Pinned]:
    """Return a preset of a few turns, and the trace of seed 3."""
    scenario = load_scenario(name, {"workload.turns": turns, **more})
    return scenario, Pinned(drawn(scenario, "synthetic"), generators([3]))


def refused(ended: Ended, named: str) -> None:
    assert (ended.code, ended.out) == (2, "")
    assert named in ended.err
    assert ended.err.count("\n") == 1


class Hidden:
    """Stands for the truth; whoever looks at it fails."""

    def __init__(self, *_: float) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"the truth was asked for {name}")

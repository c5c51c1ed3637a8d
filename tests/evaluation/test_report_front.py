"""A report draws the Pareto front that the package holds of exactly its scenario."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeroute_agents.front import packaged_front
from edgeroute_env import load_scenario
from tests.helpers.command_line import Command

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(
    ("routers", "drawn"),
    [("bao-multi-queue,ppo", True), pytest.param("edge", False, marks=pytest.mark.slow)],
)
def test_the_front_is_drawn_where_its_routers_are_shown(
    routers: str, drawn: bool, edgeroute_small: Command
) -> None:
    asked = (
        "benchmark",
        "paper",
        "--episodes",
        "4",
        "--routers",
        routers,
        "--quiet",
        "--out",
        "out",
    )
    assert edgeroute_small(*asked).code == 0
    assert edgeroute_small("report", "out").code == 0
    text = Path("out/report/report.html").read_text("utf-8")
    assert ("Pareto fronts" in text.partition("<details>")[0]) == drawn
    assert Path("out/report/paper-front.svg").is_file() == drawn


def test_a_changed_scenario_has_no_front() -> None:
    assert packaged_front(load_scenario("paper")) is not None
    assert packaged_front(load_scenario("paper", {"workload.turns": 64})) is None
    assert packaged_front(load_scenario("mmlu")) is None


def test_who_pays_more_for_waiting_waits_less() -> None:
    fronts = packaged_front(load_scenario("paper"))
    assert fronts is not None
    for points in fronts.values():
        settings, shares, qualities, _ = np.array(points).T
        assert len(points) == 5
        assert (np.diff(settings) > 0.0).all()
        assert (np.diff(shares) < 0.0).all()
        assert (np.diff(qualities) < 0.0).all()

"""Scenarios and routers of a user's own work with the next command, and are fitted once."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.helpers.command_line import ONE, Command, results

ROUTER = """
import numpy as np
class Own:
    name = "own"
    reads_score = False
    def reset(self, n): pass
    def route(self, observations): return np.ones(len(observations), np.int64)
class Broken:
    def __init__(self): raise RuntimeError("no luck")
class Nothing: pass
"""


def test_run_fits_the_asked_router_once(edgeroute_small: Command) -> None:
    first = edgeroute_small("run", "-s", "tiny.yaml", "--quiet")
    assert first.code == 0
    assert "fitted bao-multi-queue to tiny; kept in" in first.err
    (kept,) = Path("data/fits").iterdir()
    written = kept.stat().st_mtime_ns
    second = edgeroute_small("run", "-s", "tiny.yaml", "--quiet")
    assert (second.code, second.out) == (0, first.out)
    assert "fitted" not in second.err
    assert kept.stat().st_mtime_ns == written


def test_fits_that_cannot_be_kept_are_used(
    edgeroute_small: Command, caplog: pytest.LogCaptureFixture
) -> None:
    Path("data/fits").write_text("a file where the folder should be")
    assert edgeroute_small("run", "-s", "tiny.yaml", "--quiet").code == 0
    assert [record.message.startswith("fits are used") for record in caplog.records] == [True]


def test_the_command_that_trains_is_told_by_the_file(edgeroute_small: Command) -> None:
    Path("tiny.yaml").rename("my tiny.yaml")
    refused = edgeroute_small("run", "-s", "my tiny.yaml", "--router", "ppo")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    command = shlex.split(refused.err.rpartition("to make one: ")[2])
    assert command == ["edgeroute", "train", "ppo", "-s", "my tiny.yaml"]


@pytest.mark.parametrize("place", ["./mine.py:Own", "mine:Own"])
def test_a_router_of_ones_own_runs(place: str, edgeroute: Command) -> None:
    Path("mine.py").write_text(ROUTER)
    assert edgeroute("run", "-s", "tiny.yaml", "--router", place).code == 0


def test_a_benchmark_takes_a_router_of_ones_own(edgeroute_small: Command) -> None:
    Path("mine.py").write_text(ROUTER)
    assert edgeroute_small(*ONE, "--router", "./mine.py:Own").code == 0
    rows = results()["scenarios"]["tiny"]["routers"]
    assert rows["own"]["figures"] == rows["edge"]["figures"]
    before = results()["scenarios"]["tiny"]["policies"]["own"]
    Path("mine.py").write_text(ROUTER.replace("np.ones", "np.zeros"))
    assert edgeroute_small(*ONE, "--router", "./mine.py:Own", "--resume").code == 0
    rows = results()["scenarios"]["tiny"]["routers"]
    assert rows["own"]["figures"] == rows["device"]["figures"]
    assert results()["scenarios"]["tiny"]["policies"]["own"] != before


@pytest.mark.parametrize(
    "place",
    ["absent:Own", "./absent.py:Own", "./mine.py:Absent", "./mine.py:Broken", "./mine.py:Nothing"],
)
def test_what_is_no_router_is_refused(place: str, edgeroute: Command) -> None:
    Path("mine.py").write_text(ROUTER)
    for command in (("run", "-s", "tiny.yaml"), ONE):
        refused = edgeroute(*command, "--router", place)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert place in refused.err

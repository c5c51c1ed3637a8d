"""`edgeroute replay` writes a page, and a trace where one is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.command_line import Command

REPLAY = ("replay", "edge", "device", "-s", "tiny.yaml", "--seed", "3", "--quiet")


def test_a_page_and_a_trace_are_written(edgeroute: Command) -> None:
    ended = edgeroute(*REPLAY, "--perfetto", "trace.json")
    assert (ended.code, ended.err) == (0, "")
    assert "replay.html, trace.json" in ended.out
    assert "tiny, seed 3" in Path("replay.html").read_text("utf-8")
    asked = [
        event
        for event in json.loads(Path("trace.json").read_text())["traceEvents"]
        if "reward" in event.get("args", {})
    ]
    assert len(asked) == 2 * 6
    single = edgeroute("run", "-s", "tiny.yaml", "--router", "edge", "--seed", "3", "--quiet")
    total = float(single.out.splitlines()[-1].split()[1])
    assert f"edge: return {total:+.3f}, 6 turns" in ended.out
    assert sum(event["args"]["reward"] for event in asked[:6]) == pytest.approx(total, abs=1e-3)


@pytest.mark.parametrize("taken", ["replay.html", "trace.json"])
def test_what_exists_stays_unless_told_otherwise(taken: str, edgeroute: Command) -> None:
    Path(taken).write_text("mine")
    ended = edgeroute(*REPLAY, "--perfetto", "trace.json")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--overwrite" in ended.err
    assert [path.name for path in Path().glob("*.[hj]*")] == [taken]
    assert Path(taken).read_text() == "mine"
    assert edgeroute(*REPLAY, "--perfetto", "trace.json", "--overwrite").code == 0
    assert Path(taken).read_text("utf-8") != "mine"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("-o", "nowhere/x.html"), "existing folder"),
        (("-o", "/dev/full"), "plain file"),
        (("-o", "."), "not a folder"),
        (("-o", "x.json", "--perfetto", "x.json"), "another file than --out"),
        (("edge", "edge", "edge"), "at most 4"),
        (("clairvoyant",), "observations alone"),
        (("no-such-router",), "no-such-router"),
        (("--traces", "recorded"), "recorded"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], named: str, edgeroute: Command) -> None:
    ended = edgeroute(*REPLAY, *arguments)
    assert ended.code == 2
    assert named in ended.err
    assert ended.err.count("\n") == 1
    assert not list(Path().glob("*.html"))

"""A replay tells what the environment said, in a page that loads nothing and in a trace."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, decode, load_scenario
from edgeroute_env.rendering.replay.page import write_page
from edgeroute_env.rendering.replay.perfetto import trace
from edgeroute_env.rendering.replay.record import moments, record
from edgeroute_env.rendering.run import Run
from edgeroute_env.rendering.snapshot import Snapshot
from edgeroute_env.traces.sources import Drawn
from tests.helpers.browser import browse, needs_chromium

NODE = shutil.which("node")
SEED = 5


class Alternating:
    """It sends every second turn to the edge, beginning with the second."""

    name = "<b>every & second</b>"  # a name may hold whatever a class says

    def reset(self, n: int) -> None:
        self.turns = 0

    def route(self, observations: Any) -> Any:
        self.turns += 1
        return np.full(len(observations), (self.turns + 1) % 2)


class Everything:
    """It sends every turn to the edge."""

    name = "everything"

    def reset(self, n: int) -> None:
        pass

    def route(self, observations: Any) -> Any:
        return np.ones(len(observations), np.int64)


def episodes(name: str, **overrides: Any) -> list[list[Snapshot]]:
    scenario = load_scenario(name, {key.replace("__", "."): v for key, v in overrides.items()})
    runs = [
        Run(router, scenario, Drawn(scenario), SEED) for router in (Alternating(), Everything())
    ]
    return [moments(run, lambda: None) for run in runs]


def written(folder: Path, shown: list[list[Snapshot]]) -> Path:
    path = folder / "replay.html"
    write_page(path, record("a </script> title", shown))
    return path


def embedded(page: Path) -> Any:
    text = page.read_text("utf-8")
    return json.loads(re.findall(r'id="record">(.*?)</script>', text, re.DOTALL)[0])


def cell(columns: dict[str, list[Any]], name: str, i: int) -> Any:
    """Return what stands in a column's row, as page.js reads it."""
    values = columns[name]
    return values[0] if len(values) == 1 else values[i]


@pytest.mark.parametrize("name", ["paper", "quota", "cr2"])
def test_the_record_is_what_the_environment_says(name: str, tmp_path: Path) -> None:
    shown = episodes(name, workload__turns=24)
    held = embedded(written(tmp_path, shown))["runs"]
    for run, router in zip(held, (Alternating(), Everything()), strict=True):
        env = EdgeRouteEnv(name, {"workload.turns": 24})
        observation, _ = env.reset(seed=SEED)
        router.reset(1)
        total, ended, turn = 0.0, False, 0
        while not ended:
            for feature, value in decode(observation).items():
                told = cell(run["moments"], f"seen.{feature}", turn)
                assert told == pytest.approx(float(value), rel=1e-4)
            arrival_s = env.trace.columns["arrival_s"][turn]
            assert cell(run["moments"], "time_s", turn) == pytest.approx(arrival_s, rel=1e-4)
            action = int(router.route(observation[None])[0])
            observation, reward, terminated, truncated, info = env.step(action)
            flat = {f"info.{key}": value for key, value in info.items()}
            for key, value in (flat | {"reward": reward}).items():
                assert cell(run["turns"], key, turn) == pytest.approx(value, rel=1e-4), key
            total, turn, ended = total + reward, turn + 1, terminated or truncated
        assert run["count"] == turn
        assert cell(run["moments"], "total", turn) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("kind", ["sum", "ttft", "relative-cost"])
def test_prices_are_what_the_turn_pays_where_the_expected_happens(kind: str) -> None:
    name = "cr2" if kind == "relative-cost" else "paper"
    objective = {} if name == "cr2" else {"objective__kind": kind}
    for shot in episodes(name, workload__turns=12, **objective)[0][:-1]:
        if name == "cr2":
            assert not any(shot.prices.values())  # energies are not foretold
            continue
        for route, parts in shot.next_s.items():
            seen, prices = shot.seen, shot.prices[route]
            waited_s = sum(parts.values()) - (parts["decode"] if kind == "ttft" else 0.0)
            assert prices["latency"] == pytest.approx(-seen["weight_latency_per_s"] * waited_s)
            call = seen["weight_edge_call"] if route == "edge" else 0.0
            assert prices["edge_call"] == pytest.approx(-call)


def test_a_page_is_small_and_loads_nothing(tmp_path: Path) -> None:
    page = written(tmp_path, episodes("mtbench101")[:1])
    assert embedded(page)["runs"][0]["count"] == 128
    assert page.stat().st_size < 250_000  # so that two routers stay below 500 kB
    text = page.read_text("utf-8")
    assert "http" not in text
    loads = re.findall(r"""(?:src|href)="([^"]*)|url\(([^)]*)""", text)
    assert len(loads) == 3  # two fonts and no icon
    assert all("".join(load).startswith("data:") for load in loads)
    assert "a &lt;/script&gt; title" in text
    assert text.count("</script>") == 2


def tracks(shown: list[list[Snapshot]]) -> tuple[dict[tuple[int, int], str], dict[Any, list[Any]]]:
    """Return the names of a trace's tracks, and each track's events."""
    content = json.loads(json.dumps(trace(shown)))
    names, groups, events = {}, {}, defaultdict(list)
    for event in content["traceEvents"]:
        assert {"ph", "ts", "dur", "pid", "tid", "name"} <= event.keys()
        assert all(isinstance(event[key], int) for key in ("ts", "dur", "pid", "tid"))
        if event["ph"] == "X":
            events[event["pid"], event["tid"]].append(event)
        elif event["name"] == "process_name":
            groups[event["pid"]] = event["args"]["name"]
        else:
            names[event["pid"], event["tid"]] = event["args"]["name"]
    return {key: f"{groups[key[0]]}: {name}" for key, name in names.items()}, events


def test_a_trace_has_every_turn_and_no_overlaps() -> None:
    shown = episodes("busy-cell", workload__turns=8)
    names, events = tracks(shown)
    assert len(set(names.values())) == len(names)
    assert events.keys() <= names.keys()
    for shots in shown:
        router, turns = shots[0].router, shots[-1].turns
        ours = {key: name for key, name in names.items() if name.startswith(f"{router}: ")}
        phones = [name for name in ours.values() if ": phones: " in name]
        assert len(phones) == shots[0].phone.count
        places = [name for name in ours.values() if ": edge: " in name]
        assert 1 < len(places) <= shots[0].edge.places
        whole = {"phones": 0, "edge": 0, "turns": 0}
        for key, name in ours.items():
            spans = [event for event in events[key] if "args" in event]
            whole[name.split(": ")[1]] += len(spans)
            for before, after in pairwise(spans):
                assert before["ts"] + before["dur"] <= after["ts"]
            for part in (event for event in events[key] if "args" not in event):
                assert any(
                    span["ts"] <= part["ts"]
                    and part["ts"] + part["dur"] <= span["ts"] + span["dur"]
                    for span in spans
                )
        by_route = [turn.route for turn in turns]
        assert whole == {
            "phones": by_route.count("device"),
            "edge": by_route.count("edge"),
            "turns": len(turns),
        }


def test_work_ends_with_the_answer_but_for_the_download() -> None:
    shown = episodes("quota", workload__turns=40, users=None, budgets__edge_calls=5)
    shots = shown[0]
    assert any(turn.info["refused"] for turn in shots[-1].turns)
    names, events = tracks([shots])
    ends = {
        event["name"]: event["ts"] + event["dur"]
        for key, name in names.items()
        if ": turns: " not in name
        for event in events[key]
        if "args" in event
    }
    for number, (shot, turn) in enumerate(zip(shots, shots[-1].turns, strict=False), 1):
        if turn.route != "failed":
            download_s = turn.info["latency_radio_s"] - turn.info["radio_ttft_s"]
            answered_s = shot.time_s + turn.latency_s
            assert ends[f"turn {number}"] == pytest.approx(1e6 * (answered_s - download_s), abs=2)


@pytest.mark.skipif(NODE is None, reason="no node on the path")
def test_keys_scrub_and_play(tmp_path: Path) -> None:
    shown = episodes("battery", workload__turns=12, budgets__battery_j=25.0)
    counts = [len(shots[-1].turns) for shots in shown]
    assert counts[0] < counts[1]  # the first ends by a spent battery
    page = written(tmp_path, shown)
    keys = ["ArrowRight", "ArrowLeft", "PageDown", "Home", " ", "tick", "tick", " ", "End", "x"]
    stub = Path(__file__).parents[1] / "helpers" / "dom.js"
    command = [str(NODE), str(stub), str(page), "#turn=2", json.dumps(keys)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    last = max(counts) + 1
    expected = [2, 3, 2, min(12, last), 1, 1, 2, 3, 3, last, last]
    for state, turn in zip(seen, expected, strict=True):
        over = turn == last
        tells = f"over, {last - 1} turns" if over else f"turn {turn} of {last - 1}"
        assert state["when"].endswith(tells)
        for i, shots in enumerate(shown):
            at = min(turn - 1, len(shots) - 1)
            assert state[f"return-{i}"] == f"return {shots[at].total:+.3f}"
            assert "NaN" not in state[f"state-{i}"] + state[f"seen-{i}"]
            assert "undefined" not in state[f"state-{i}"] + state[f"seen-{i}"]
            if at < len(shots) - 1:
                assert f"<b>{shots[-1].turns[at].reward:+.3f}</b>" in state[f"state-{i}"]
    assert [state["play"] for state in seen[4:9]] == ["play", "pause", "pause", "pause", "play"]
    assert "&lt;b&gt;every &amp; second" in seen[0]["runs"]


@pytest.mark.thorough
@needs_chromium
def test_scrubbing_changes_the_picture_in_a_browser(tmp_path: Path) -> None:
    shown = episodes("paper", workload__turns=12)
    page = written(tmp_path, shown)
    pictures = {}
    for turn in (5, 13):
        pictures[turn] = browse(page, "--dump-dom", fragment=f"#turn={turn}")
        told = "turn 5 of 12" if turn == 5 else "over, 12 turns"
        assert told in pictures[turn]
    assert f"return {shown[1][4].total:+.3f}" in pictures[5]
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}));"
    scrubbed = page.with_name("pressed.html")
    scrubbed.write_text(page.read_text("utf-8").replace("</body>", f"<script>{press}</script>"))
    assert "turn 6 of 12" in browse(scrubbed, "--dump-dom", fragment="#turn=5")

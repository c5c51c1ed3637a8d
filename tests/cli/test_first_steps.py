"""What the page for newcomers tells works as it is printed there, in an empty folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from edgeroute_env.evaluation.results import read_results
from tests.helpers.command_line import Command, Ended, results
from tests.helpers.first_steps import Section, sections

SCENARIO, LOG, ROUTER = sections()


def walked(section: Section, edgeroute: Command) -> dict[str, Ended]:
    """Run a section's commands without a data folder; return how each ended, by its line."""
    Path("data").rmdir()
    section.save(Path())
    ended = {}
    for line in section.commands.splitlines():
        words = shlex.split(line.replace("$(edgeroute data path)", str(Path("data").absolute())))
        assert words[0] == "edgeroute"
        ended[line] = edgeroute(*words[1:])
        assert ended[line].code == 0, (line, ended[line].err)
    return ended


def test_own_scenario_is_run_trained_benchmarked_and_reported(edgeroute_small: Command) -> None:
    pytest.importorskip("stable_baselines3")
    run, train, benchmark, _ = walked(SCENARIO, edgeroute_small).values()
    assert run.err.strip().startswith("fitted bao-multi-queue to my-phone; kept in ")
    assert "fitted linear to my-phone; kept in " in train.err
    assert "fits to my-phone: stored; fitted in this run: " in benchmark.err
    (kept,) = Path("data/fits").iterdir()
    assert f"; kept in {kept.absolute()}" in benchmark.err
    found = read_results(Path("my-results"))[1]["my-phone"]
    assert found.traces == "synthetic"
    assert found.scenario.device.speed.decode_tokens_per_s == 18
    assert "ppo" in found.routers
    page = Path("my-results/report/report.html").read_text()
    assert "ppo" in page
    assert Path("my-results/report/my-phone-latency.svg").read_text().count("<!-- ppo -->") > 0
    # The line that training ends with is the benchmark of the page, but for its size.
    command = train.err.rpartition("to compare it: ")[2].split()
    assert (
        command == "edgeroute benchmark my-phone.yaml --policy my-policy/policy.safetensors".split()
    )


def test_own_log_is_benchmarked_as_recorded_and_replayed(edgeroute_small: Command) -> None:
    ended = walked(LOG, edgeroute_small)
    rows = len(LOG.files["my-log.csv"].splitlines()) - 1
    *imports, benchmark, trace, run, replay = ended.values()
    assert all(each.out.startswith(f"{rows} rows ") for each in imports)
    assert "my-day · recorded traces, from my-questions.parquet, my-times.parquet" in benchmark.out
    found = results("my-day-results")["scenarios"]["my-day"]
    # Of the questions every second one is drawn, so no other quality than theirs is possible.
    right = [int(line.rsplit(",", 1)[1]) for line in LOG.files["my-log.csv"].splitlines()[1:]]
    quality = found["routers"]["edge"]["figures"]["quality"]
    assert min(right[1::2]) <= quality <= max(right[1::2])
    assert {"my-questions.parquet", "my-times.parquet"} < set(found["fingerprint"])
    assert f"{rows} turns: my-trace.parquet" in trace.out
    lines = [line.split() for line in run.out.splitlines()[3:-1]]
    log = [line.split(",") for line in LOG.files["my-log.csv"].splitlines()[1:]]
    assert [(line[0], line[2]) for line in lines] == [(row[0], row[1]) for row in log]
    earned = float(run.out.splitlines()[-1].split()[1])
    assert f"edge: return {earned:+.3f}, {rows} turns" in replay.out
    assert "paper, trace my-trace.parquet" in Path("my-log.html").read_text("utf-8")


def test_own_router_is_run_benchmarked_and_reported(edgeroute_small: Command) -> None:
    run, benchmark, _ = walked(ROUTER, edgeroute_small).values()
    assert "./my_router.py:ShortToPhone" in run.out
    found = read_results(Path("my-router-results"))[1]["paper"]
    assert list(found.routers) == [
        "device",
        "edge",
        "static-split",
        "score-threshold",
        "bao-multi",
        "bao-multi-queue",
        "linear",
        "short-to-phone",
    ]
    assert 0.0 < found.figures("short-to-phone")["edge_share"] < 1.0
    for name in found.routers:  # who was asked for is shown
        assert any(line.startswith(f"{name} ") for line in benchmark.out.splitlines()), name
    figure = Path("my-router-results/report/paper-latency.svg").read_text()
    assert "<!-- short-to-phone -->" in figure


def test_without_the_scenarios_tables_it_is_said_where_they_go(edgeroute_small: Command) -> None:
    LOG.save(Path())
    ended = edgeroute_small("run", "-s", "my-day.yaml", "--router", "edge")
    told = "".join(ended.out.split())
    assert "lacksmy-questions.parquet,my-times.parquet" in told
    assert f"tablesofyoursgointo{Path('data').absolute()}" in told


def test_a_report_takes_only_what_was_compared(edgeroute_small: Command) -> None:
    ROUTER.save(Path())
    asked = ("--router", "./my_router.py:ShortToPhone")
    few = ("--set", "workload.turns=4", "--routers", "edge", "--episodes", "2", "--out", "out")
    assert edgeroute_small("benchmark", "paper", *few, *asked, "--quiet").code == 0
    assert edgeroute_small("report", "out").code == 0  # the router is in the tables then
    assert "short-to-phone" in Path("out/report/report.html").read_text()
    Path("my_router.py").write_text(ROUTER.files["my_router.py"].replace("> 60", "> 80"))
    refused = edgeroute_small("report", "out", "--overwrite", *asked)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "short-to-phone" in refused.err

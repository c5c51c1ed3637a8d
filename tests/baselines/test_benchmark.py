"""What the commands compare is what Python users can: benchmark() and Sweep give the figures."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from edgeroute_baselines import Sweep, benchmark, make_router, router_names
from edgeroute_env import InputError, decode, load_scenario
from edgeroute_env.evaluation import tables
from edgeroute_env.evaluation.compare import Contender
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.evaluation.metrics import difference, figures
from edgeroute_env.evaluation.results import Results, read_results
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.parallel import Workers
from edgeroute_env.routing import Role
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.sources import Drawn
from tests.helpers.command_line import ONE, Command
from tests.helpers.learning import BAO_RULE

pytestmark = pytest.mark.thorough


class Cautious:
    """A router of a user's own."""

    name = "cautious"

    def reset(self, n: int) -> None:
        pass

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        return (decode(observations)["score"] > 0.3).astype(np.int64)


def test_a_call_and_the_command_give_the_same_results(edgeroute_small: Command) -> None:
    assert edgeroute_small(*ONE).code == 0
    shutil.rmtree("data/fits")
    steps: list[tuple[int, int]] = []
    by = Workers(tell=lambda done, known: steps.append((done, known)))
    found = benchmark("tiny.yaml", episodes=4, by=by)
    made_by, stored = read_results(Path("out"))
    assert found == stored["tiny"]
    assert made_by["command"].startswith("edgeroute benchmark tiny.yaml")
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    assert Results.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_a_router_of_ones_own_is_compared_with_all(edgeroute_small: Command) -> None:
    own = Contender(Cautious(), Role.ANALYTIC)
    found = benchmark("tiny.yaml", [own], episodes=4, reference="cautious")
    assert list(found.routers) == [*router_names(), "cautious"]
    assert found.role("cautious") is Role.ANALYTIC
    of = load_scenario("tiny.yaml")
    runs = {
        router.name: run_episodes(router, of, Drawn(of), EVALUATION_SEEDS[:4])
        for router in (Cautious(), make_router("edge"))
    }
    assert found.figures("cautious") == figures(runs["cautious"])
    assert found.difference("edge") == difference(runs["edge"], runs["cautious"])
    with pytest.raises(InputError, match="router: got 'bold'; allowed: one of device"):
        found.figures("bold")


def test_rows_of_a_bare_rule_and_of_its_policy_are_whole_in_a_hundred_columns(
    edgeroute_small: Command,
) -> None:
    rule = dataclasses.replace(BAO_RULE, name="ppo")
    policies = [
        Contender(rule, Role.LEARNED, fingerprint="f", bare_rule=BAO_RULE.name),
        Contender(dataclasses.replace(rule, name="dqn"), Role.LEARNED, fingerprint="f"),
    ]
    found = benchmark("tiny.yaml", policies, episodes=3)
    for table in (tables.comparison(found), tables.overview({"tiny": found})):
        text = io.StringIO()
        Console(file=text, width=tables.WIDTH).print(table)
        lines = text.getvalue().splitlines()
        assert max(map(len, lines)) <= tables.WIDTH <= 100
        (bare,) = (line for line in lines if f"ppo ({BAO_RULE.name})" in line)
        (other,) = (line for line in lines if "dqn " in line)
        gaps = [found.routers["dqn"][f"over_{other}"] for other in ("constant", "analytic")]
        whole = [with_interval(gap) for gap in gaps]
        for line in (bare, other):
            assert any(gap in " ".join(line.split()) for gap in whole)


def test_results_that_answer_the_question_are_kept(edgeroute_small: Command) -> None:
    found = benchmark("tiny.yaml", episodes=3)
    assert benchmark("tiny.yaml", episodes=3, earlier=found) is found
    assert benchmark("tiny.yaml", episodes=3, reference="device", earlier=found) is not found
    own = Contender(Cautious(), Role.ANALYTIC)
    assert "cautious" in benchmark("tiny.yaml", [own], episodes=3, earlier=found).routers


def test_bad_arguments_are_refused_before_any_work(edgeroute_small: Command) -> None:
    with pytest.raises(InputError, match="reference: got 'ppo'; allowed: one of device, edge"):
        benchmark("tiny.yaml", reference="ppo")
    with pytest.raises(InputError, match="episodes: got 1; allowed: 2 to"):
        benchmark("tiny.yaml", episodes=1)
    with pytest.raises(InputError, match="results: got 'routers'; allowed: exactly against_static"):
        Results.from_dict({"routers": {}})


def test_importing_the_baselines_loads_no_heavy_package() -> None:
    program = "import sys, edgeroute_baselines; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = set(ended.stdout.decode().split())
    assert "edgeroute_baselines.benchmarking" in loaded
    heavy = "scipy.stats rich pandas matplotlib typer cmaes torch sklearn".split()
    assert loaded.isdisjoint(heavy)


def test_a_sweep_runs_from_python(edgeroute_small: Command) -> None:
    swept = Sweep("tiny.yaml", "load", (0.9, 0.2), ["edge", "device"], episodes=3)
    seen: list[int] = []
    rows = swept.run(on_value=lambda rows: seen.append(len(rows)))
    assert seen == [2, 4]
    assert [(row["value"], row["router"]) for row in rows] == [
        (0.2, "edge"),
        (0.2, "device"),
        (0.9, "edge"),
        (0.9, "device"),
    ]
    assert swept.run(rows[:2]) == rows
    fitted = Sweep("tiny.yaml", "load", (0.2,), ["bao-multi"]).settings["routers"]["bao-multi"]
    assert set(fitted) == {"alpha_per_s", "theta"}  # none was stored
    with pytest.raises(InputError, match="router: got 'nobody'"):
        Sweep("tiny.yaml", "load", (0.2,), ["nobody"])

"""`edgeroute benchmark --routers` runs whom it names, and with them whom its tables need."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeroute_baselines import router_names
from edgeroute_baselines.bao import papers_rule
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.results import read_results
from edgeroute_env.routing import Role
from tests.helpers.command_line import ONE, Command, results

FEW = (*ONE, "--routers", "score-threshold, sticky")
NEEDED = {"device", "edge", "static-split", "bao-multi-queue", "bao-multi"}


def routers() -> list[str]:
    return list(results()["scenarios"]["tiny"]["routers"])


def test_the_named_run_with_those_that_tables_need(edgeroute_small: Command) -> None:
    ended = edgeroute_small(*FEW)
    assert ended.code == 0
    assert papers_rule(load_scenario("tiny.yaml")) in NEEDED
    assert set(routers()) == NEEDED | {"score-threshold", "sticky"}
    assert routers() == [name for name in router_names() if name in routers()]
    found = read_results(Path("out"))[1]["tiny"]
    assert set(found.savings) == {"score-threshold", "bao-multi", "bao-multi-queue", "sticky"}
    assert set(found.against_static["savings"]) == {
        name for name in found.routers if found.role(name).state_blind
    }
    assert found.levels["strongest"] in found.routers
    assert not found.names(Role.BOUND)
    # All of them are printed, and the files and the report need nobody else.
    assert all(f"\n{name} " in ended.out for name in found.routers)
    assert "linucb" not in Path("out/tables.txt").read_text()
    assert edgeroute_small("report", "out").code == 0


def test_their_figures_are_those_of_a_run_of_all(edgeroute_small: Command) -> None:
    assert edgeroute_small(*FEW).code == 0
    few = read_results(Path("out"))[1]["tiny"]
    assert edgeroute_small(*ONE, "--overwrite").code == 0
    whole = read_results(Path("out"))[1]["tiny"]
    for name in few.routers:
        assert few.routers[name]["parameters"] == whole.routers[name]["parameters"]
        assert few.figures(name) == whole.figures(name)
        assert few.difference(name) == whole.difference(name)
    assert all(few.savings[name] == whole.savings[name] for name in few.savings)
    assert all(few.curves[name] == whole.curves[name] for name in few.curves)


def test_only_what_runs_is_fitted_and_kept(edgeroute_small: Command) -> None:
    first = edgeroute_small(*FEW)
    (kept,) = Path("data/fits").iterdir()
    assert first.err.startswith(f"fits to tiny: fitted in this run; kept in {kept.absolute()}\n")
    more = edgeroute_small(*ONE, "--routers", "sticky,pacing,rollout", "--overwrite")
    assert "fits to tiny: stored; fitted in this run: pacing; kept in" in more.err
    assert "kept in" not in edgeroute_small(*FEW, "--overwrite").err


def test_a_resumed_run_notices_another_choice(edgeroute_small: Command) -> None:
    edgeroute_small(*FEW)
    assert edgeroute_small(*ONE, "--routers", "linucb", "--resume").code == 0
    assert set(routers()) == NEEDED | {"linucb"}
    before = Path("out/results.json").read_bytes()
    again = edgeroute_small(*ONE, "--routers", "linucb,edge", "--resume")  # the same in fact
    assert again.code == 0
    assert results()["scenarios"]["tiny"]["fits"] != "stored"  # kept, not computed again
    assert edgeroute_small(*ONE, "--resume").code == 0
    assert routers() == router_names()
    assert Path("out/results.json").read_bytes() != before


def test_a_reference_is_run_too(edgeroute_small: Command) -> None:
    assert edgeroute_small(*ONE, "--routers", "edge", "--reference", "random").code == 0
    assert set(routers()) == NEEDED | {"random"}


@pytest.mark.parametrize(("asked", "learned"), [("linear", []), ("linear,dqn", ["dqn"])])
def test_learned_ones_run_if_named(
    asked: str, learned: list[str], edgeroute_small: Command
) -> None:
    some = ("--episodes", "2", "--quiet", "--out", "out")
    assert edgeroute_small("benchmark", "paper", *some, "--routers", asked).code == 0
    assert read_results(Path("out"))[1]["paper"].names(Role.LEARNED) == learned


@pytest.mark.parametrize("names", ["nobody", "edge,nobody", "", "edge,,device", "./mine.py:Own"])
def test_an_unknown_name_is_one_error_that_tells_the_known(
    names: str, edgeroute_small: Command
) -> None:
    refused = edgeroute_small(*ONE, "--routers", names)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert refused.err.startswith("edgeroute: --routers: got ")
    for known in (*router_names(), "ppo", "dqn", "--router"):
        assert known in refused.err
    assert not Path("out").exists()


def test_the_help_says_whom_the_tables_need(edgeroute: Command) -> None:
    told = " ".join(edgeroute("benchmark", "--help").out.replace("│", " ").split())
    for name in NEEDED - {"bao-multi"}:
        assert name in told.partition("Run these alone.")[2].partition("--policy")[0]


def test_a_policy_of_ones_own_is_compared_where_it_fits(edgeroute_small: Command) -> None:
    pytest.importorskip("stable_baselines3")
    short = ("frames=200", "distilled_turns=0", "quality=sampled", "validation_episodes=2")
    sets = [word for text in short for word in ("--set", text)]
    scenario = ("--set", "weights.edge_call=0.1")
    trained = edgeroute_small("train", "dqn", "-s", "tiny.yaml", *sets, *scenario, "--out", "own")
    assert trained.code == 0
    policy = ("--policy", "own/policy.safetensors")
    few = ("--episodes", "2", "--routers", "edge", "--quiet", "--out", "out")
    asked = ("benchmark", "tiny.yaml", "tinier.yaml", *few, *policy)
    assert edgeroute_small(*asked, *scenario).code == 0
    found = read_results(Path("out"))[1]
    assert found["tiny"].names(Role.LEARNED) == ["dqn"]
    assert found["tinier"].names(Role.LEARNED) == []
    refused = edgeroute_small("benchmark", "tiny.yaml", *few, *policy, "--overwrite")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert refused.err.startswith("edgeroute: --policy: got 'own/policy.safetensors'")


def test_a_sweep_tells_where_fits_are_kept(edgeroute_small: Command) -> None:
    sweep = ("sweep", "load", "--values", "0.2,0.6", "-s", "tiny.yaml", "--router", "bao-multi")
    more = ("--episodes", "2", "--quiet", "--out")
    first = edgeroute_small(*sweep, *more, "one").err
    (kept,) = Path("data/fits").iterdir()
    assert f"fitted bao-multi to tiny; kept in {kept.absolute()}\n" in first
    assert "kept in" not in edgeroute_small(*sweep, *more, "other").err


def test_fits_take_overrides_of_the_scenario(edgeroute_small: Command) -> None:
    changed = ("-s", "tiny.yaml", "--set", "weights.edge_call=0.2")
    assert edgeroute_small("fit", "score-threshold", *changed, "--quiet").code == 0
    ran = edgeroute_small("run", *changed, "--router", "score-threshold")
    assert (ran.code, "fitted" in ran.err) == (0, False)
    refused = edgeroute_small("fit", "pacing", *changed, "--packaged")
    assert (refused.code, refused.err.count("\n")) == (2, 1)

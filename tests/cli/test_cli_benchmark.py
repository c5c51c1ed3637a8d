"""`edgeroute benchmark` repeats exactly, says how to, resumes, and loses nothing it finished."""

from __future__ import annotations

import csv
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import gymnasium.utils.seeding
import pandas as pd
import pytest

from edgeroute_baselines import make_router, router_names
from edgeroute_baselines.fitted import FITTED_ROUTERS
from edgeroute_baselines.registry import spec
from edgeroute_env import Scenario, __version__, load_scenario
from edgeroute_env.config_files import read_yaml
from edgeroute_env.evaluation.episodes import run_episodes
from edgeroute_env.evaluation.metrics import difference, figures
from edgeroute_env.evaluation.results import read_results
from edgeroute_env.evaluation.tables import WIDTH, with_interval
from edgeroute_env.routing import Role
from edgeroute_env.seeds import EVALUATION_SEEDS, FIT_SEEDS
from edgeroute_env.traces.sources import Drawn
from tests.helpers.command_line import ONE, TWO, Command, results, write_scenario

MIX = "mix: [{benchmark: gsm8k-qwen1.5b-qwen72b, share: 1, outcomes: {file: q.csv}}]"


# --- what is written


def test_results_hold_all_that_is_needed_to_repeat_them(edgeroute_small: Command) -> None:
    ended = edgeroute_small(*ONE, "--set", "weights.edge_call=0.1", "--tolerance", "2")
    assert ended.code == 0
    assert {path.name for path in Path("out").iterdir()} == {
        "results.json",
        "results.csv",
        "tables.txt",
    }
    content = results()
    expected = " ".join(["edgeroute", *ONE, "--set", "weights.edge_call=0.1", "--tolerance", "2"])
    assert content["command"] == expected
    assert content["versions"]["edgeroute"] == __version__
    assert content["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "numba", "gymnasium"} <= set(content["versions"])
    found = content["scenarios"]["tiny"]
    of = load_scenario("tiny.yaml", {"weights.edge_call": 0.1})
    assert Scenario.model_validate(found["scenario"]) == of
    assert found["seeds"] == [EVALUATION_SEEDS[0], EVALUATION_SEEDS[3]]
    assert (found["episodes"], found["tolerance_points"]) == (4, 2.0)
    assert list(found["routers"]) == router_names()
    assert set(found["savings"]) == set(FITTED_ROUTERS)
    # The figures follow from what is stored: the scenario, the seeds and the parameters.
    seeds, source = range(found["seeds"][0], found["seeds"][1] + 1), Drawn(of)
    runs = {
        name: run_episodes(make_router(name, row["parameters"]), of, source, seeds)
        for name, row in found["routers"].items()
    }
    for name, row in found["routers"].items():
        if name == "clairvoyant":  # starts from all the others, so it is found anew with them alone
            continue
        assert row["figures"] == figures(runs[name])
        assert row["difference"] == difference(runs[name], runs["edge"])


def test_the_csv_holds_the_figures_of_the_json(edgeroute_small: Command) -> None:
    edgeroute_small(*TWO)
    with Path("out/results.csv").open(newline="") as file:
        rows = {(row["scenario"], row["router"]): row for row in csv.DictReader(file)}
    scenarios = results()["scenarios"]
    assert set(rows) == {(s, r) for s in ("tiny", "tinier") for r in router_names()}
    for (scenario, router), row in rows.items():
        expected = scenarios[scenario]["routers"][router]
        assert row["traces"] == "synthetic"
        for name, value in expected["figures"].items():
            assert float(row[name]) == value
        for name, parts in expected["difference"].items():
            for part, value in parts.items():
                assert float(row[f"difference_{name}_{part}"]) == value


def rows_of(text: str) -> dict[str, list[str]]:
    """Return the words after the router's name in the rows of a text's first table."""
    table = text.partition("─\n")[2].partition("\nMeans ")[0]
    return {words[0]: words[1:] for words in map(str.split, table.splitlines())}


def test_a_finding_in_words_then_nine_rows(edgeroute_small: Command) -> None:
    out = edgeroute_small(*ONE, "--reference", "device").out
    found = read_results(Path("out"))[1]["tiny"]
    lines = out.splitlines()
    assert lines[0] == "tiny · synthetic traces, the scenario names no recordings"
    assert lines[1].startswith("bao-multi-queue, the tuned rule, ")
    shown = rows_of(out)
    assert list(shown) == found.telling()
    assert len(shown) <= 9
    assert {"device", "edge", "bao-multi-queue", "clairvoyant"} <= set(shown)
    assert found.levels["strongest"] in shown
    for name, words in shown.items():
        f = found.figures(name)
        assert words[:4] == [
            f"{f['quality']:.3f}",
            f"{f['latency_mean_s']:.2f}",
            f"{f['latency_p95_s']:.2f}",
            f"{f['edge_share']:.1%}",
        ]
        gain = with_interval(found.routers[name]["over_constant"])
        assert " ".join(words[4:]) == gain
    assert list(rows_of(edgeroute_small(*ONE, "--overwrite", "--all").out)) == router_names()


def test_a_file_holds_the_other_tables_of_every_router(edgeroute_small: Command) -> None:
    edgeroute_small(*TWO, "--reference", "device")
    text = Path("out/tables.txt").read_text()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    assert "return vs device" in text
    assert "tolerance of 0.5 points" in text
    first, _, second = text.partition("tinier: synthetic traces")
    for part in (first, second):
        lines = part.splitlines()
        for name in router_names():
            tables = 5 + (name in FITTED_ROUTERS) + spec(name).role.state_blind
            assert sum(bool(re.match(rf"{name} +[-+\d]", line)) for line in lines) == tables, name


def test_an_overview_and_words_tell_what_several_scenarios_showed(
    edgeroute_small: Command,
) -> None:
    title = "All scenarios"
    assert title not in edgeroute_small(*ONE, "--overwrite").out
    out = edgeroute_small(*TWO, "--overwrite").out
    assert max(map(len, out.splitlines())) <= WIDTH
    rows = out.partition(title)[2].partition("\nPaired")[0].splitlines()
    assert [row.split()[0] for row in rows if row.startswith("tin")] == ["tiny", "tinier"]
    for found in read_results(Path("out"))[1].values():
        level = found.levels
        less = with_interval(found.routers[found.against_static["rule"]]["over_analytic"])
        assert any(less in row for row in rows)
        assert (level["strongest"] in " ".join(rows).split()) == (
            level["strongest"] not in (level["analytic"], "device", "edge")
        )
    closing = " ".join(out.partition("\nPaired")[2].split())
    assert "No learned policy fits these scenarios." in closing
    assert "The paper claims 5-15 % of latency and 10-20 % of edge calls" in closing


def test_where_recordings_lack_the_command_that_brings_them_is_told(
    edgeroute_small: Command,
) -> None:
    ended = edgeroute_small("run", "-s", "gsm8k", "--router", "edge", "--set", "workload.turns=2")
    lack = "gsm8k · synthetic traces, packaged calibration; the data folder lacks "
    first = " ".join(ended.out.partition("    time")[0].split())
    assert first.startswith(lack)
    assert "; to get them: edgeroute data get gsm8k, edgeroute data get " in first
    for words in (("--traces", "synthetic"), ()):
        ran = edgeroute_small("run", "-s", "tiny.yaml", "--router", "edge", *words)
        assert "as asked" not in ran.out + ran.err
        assert "tiny · synthetic traces" in ran.out


@pytest.mark.parametrize("folder", ["[bold]x[/]", "a[1]", "[/nothing]", ":smile:"])
def test_paths_are_printed_as_they_are(edgeroute_small: Command, folder: str) -> None:
    ended = edgeroute_small(*ONE[:-1], folder)
    names = ("results.json", "results.csv", "tables.txt")
    expected = ", ".join(str(Path(folder, name)) for name in names)
    assert (ended.code, ended.err.splitlines()[-1]) == (0, f"written: {expected}")


def test_all_is_every_preset(edgeroute_small: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    presets = ["tinier.yaml", "tiny.yaml"]
    monkeypatch.setattr("edgeroute_env.cli.options.scenario_names", lambda: presets)
    assert edgeroute_small("benchmark", "all", *ONE[2:]).code == 0
    assert list(results()["scenarios"]) == ["tinier", "tiny"]


def test_two_runs_give_the_same_figures(edgeroute_small: Command) -> None:
    for folder in ("one", "other"):
        assert edgeroute_small(*TWO[:-1], folder).code == 0
        shutil.rmtree("data/fits")
    assert results("one")["scenarios"] == results("other")["scenarios"]
    assert Path("one/results.csv").read_bytes() == Path("other/results.csv").read_bytes()


# --- fits, seeds and data


def test_fits_and_tables_use_their_own_seeds(
    edgeroute_small: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, plain = set(), gymnasium.utils.seeding.np_random

    def noted(seed: int | None = None) -> Any:
        drawn.add(seed)
        return plain(seed)

    monkeypatch.setattr(gymnasium.utils.seeding, "np_random", noted)
    assert edgeroute_small("fit", "-s", "tiny.yaml", "--quiet").code == 0
    assert drawn == set(FIT_SEEDS[:5])
    drawn.clear()
    assert edgeroute_small(*ONE).code == 0
    assert results()["scenarios"]["tiny"]["fits"] == "stored"
    assert drawn == set(EVALUATION_SEEDS[:4])
    assert edgeroute_small(*ONE, "--overwrite", "--tolerance", "1").code == 0
    assert results()["scenarios"]["tiny"]["fits"] == "fitted in this run"


def test_fit_keeps_a_valid_fit_unless_told_otherwise(edgeroute_small: Command) -> None:
    fit = ("fit", "pacing", "-s", "tiny.yaml", "--quiet")
    assert edgeroute_small(*fit).code == 0
    (stored,) = Path("data/fits").iterdir()
    first = stored.read_bytes()
    refused = edgeroute_small(*fit, "--tolerance", "7")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert stored.name[-15:] in refused.err  # a long path is cut in its middle
    assert "--overwrite" in refused.err
    assert stored.read_bytes() == first
    assert edgeroute_small(*fit, "--tolerance", "7", "--overwrite").code == 0
    assert b"tolerance_points: 7" in stored.read_bytes()


def test_fit_of_one_router_leaves_the_others_alone(edgeroute_small: Command) -> None:
    fit = ("fit", "-s", "tiny.yaml", "--quiet")
    assert edgeroute_small("fit", "pacing", *fit[1:]).code == 0
    (stored,) = Path("data/fits").iterdir()
    assert set(read_yaml(stored)["synthetic"]["routers"]) == {"pacing"}
    first = read_yaml(stored)["synthetic"]
    refused = edgeroute_small("fit", "pacing", *fit[1:])
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "--overwrite" in refused.err
    assert edgeroute_small("fit", "score-threshold", *fit[1:]).code == 0
    both = read_yaml(stored)["synthetic"]
    assert set(both["routers"]) == {"pacing", "score-threshold"}
    assert both["routers"]["pacing"] == first["routers"]["pacing"]
    assert {**both, "routers": None} == {**first, "routers": None}
    # A benchmark fits what is missing, and keeps what is there beside it.
    assert edgeroute_small(*ONE).code == 0
    found = results()["scenarios"]["tiny"]
    assert found["fits"].startswith("stored; fitted in this run: length-threshold, ")
    assert "pacing" not in found["fits"]
    kept = first["routers"]["pacing"]["best_return"]["parameters"]
    assert found["routers"]["pacing"]["parameters"] == kept
    every = read_yaml(stored)["synthetic"]["routers"]
    assert set(every) == set(FITTED_ROUTERS)
    assert {name: every[name] for name in both["routers"]} == both["routers"]
    assert edgeroute_small(*ONE, "--overwrite").code == 0
    assert results()["scenarios"]["tiny"]["fits"] == "stored"


@pytest.mark.parametrize("name", ["edge", "static-split", "myopic-oracle", "nobody"])
def test_fit_refuses_a_router_with_nothing_to_fit(edgeroute_small: Command, name: str) -> None:
    refused = edgeroute_small("fit", name, "-s", "tiny.yaml", "--quiet")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert f"router: got '{name}'" in refused.err


def test_rows_that_know_more_than_a_router_could_are_labelled(edgeroute_small: Command) -> None:
    out = " ".join(edgeroute_small(*ONE, "--all").out.split())
    beyond = "static-split, myopic-oracle, clairvoyant"
    assert f"Hindsight or oracle, for comparison only: {beyond}." in out
    rows = results()["scenarios"]["tiny"]["routers"]
    assert {name for name, row in rows.items() if not Role(row["role"]).causal} == {
        "static-split",
        "myopic-oracle",
        "clairvoyant",
    }
    # In hindsight no share that was looked at does better, the constants among them.
    split = rows["static-split"]["figures"]["return"]
    assert split >= max(rows[name]["figures"]["return"] for name in ("device", "edge"))
    found = read_results(Path("out"))[1]["tiny"]
    assert found.role(found.levels["strongest"]).causal


def test_what_is_fitted_on_one_half_is_measured_on_the_other(edgeroute_small: Command) -> None:
    # In the half to fit on both models are right; in the other one the phone is always wrong.
    rows = {"prompt_tokens": range(10, 30), "quality_device": [1, 0] * 10, "quality_edge": [1] * 20}
    pd.DataFrame(rows).to_csv("data/q.csv", index=False)
    write_scenario(Path(), more=f", {MIX}")
    ended = edgeroute_small(*ONE, "--tolerance", "0")
    assert "tiny · recorded traces, from q.csv" in ended.out
    found = results()["scenarios"]["tiny"]
    assert found["traces"] == "recorded"
    assert found["routers"]["device"]["figures"]["quality"] == 0.0
    assert found["routers"]["edge"]["figures"]["quality"] == 1.0
    saved = found["savings"]["score-threshold"]
    assert saved["parameters"]["theta"] >= 0.3  # beyond all scores
    assert saved["quality_points"]["mean"] < -50.0
    Path("data/q.csv").unlink()
    ended = edgeroute_small(*ONE, "--overwrite")
    assert "synthetic traces, packaged calibration; the data folder lacks q.csv" in ended.out
    assert results()["scenarios"]["tiny"]["traces"] == "synthetic"


def test_two_scenarios_of_one_name_are_refused_or_both_kept(edgeroute_small: Command) -> None:
    Path("tinier.yaml").write_text(Path("tiny.yaml").read_text().replace("turns: 6", "turns: 3"))
    ended = edgeroute_small("benchmark", "tiny.yaml", "tinier.yaml", *ONE[2:])
    assert ended.code == 2 or len(results()["scenarios"]) == 2


def test_fits_of_two_scenarios_of_one_name_are_both_kept(edgeroute_small: Command) -> None:
    edgeroute_small("fit", "pacing", "-s", "tiny.yaml", "--quiet")
    (path,) = Path("data/fits").iterdir()
    first = path.read_bytes()
    Path("tinier.yaml").write_text(Path("tiny.yaml").read_text().replace("turns: 6", "turns: 3"))
    edgeroute_small("fit", "pacing", "-s", "tinier.yaml", "--quiet")
    assert path.read_bytes() == first
    assert len(list(Path("data/fits").iterdir())) == 2

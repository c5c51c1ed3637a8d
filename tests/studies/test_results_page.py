"""The results page says what the figures say, whichever way they fall."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgeroute_baselines import benchmark
from edgeroute_baselines.registry import ANALYTIC
from edgeroute_env.evaluation.compare import Contender
from edgeroute_env.evaluation.results import Results
from edgeroute_env.routing import Role
from studies import ablation
from studies.results_page import __main__ as page
from studies.results_page import tables, words
from studies.results_page.measured import Asked, Found, Row
from studies.results_page.pages import readme
from studies.results_page.pages import results as results_page
from studies.stored import kept
from studies.without_foresight import SEEN, TURN
from tests.helpers.command_line import Command
from tests.helpers.learning import BAO_RULE

pytestmark = pytest.mark.thorough

WINS, TIES, LOSES = ((1.0, 2.0), (-1.0, 1.0), (-2.0, -1.0))


def interval(low: float, high: float) -> dict[str, float]:
    return {"mean": (low + high) / 2.0, "low": low, "high": high}


@pytest.fixture
def small(edgeroute_small: Command) -> Results:
    """A benchmark of a tiny scenario, a policy that is a bare rule among its routers."""
    own = dataclasses.replace(BAO_RULE, name="ppo")
    bare = Contender(own, Role.LEARNED, fingerprint="f", bare_rule=ANALYTIC)
    return benchmark("tiny.yaml", [bare], episodes=3)


def row(small: Results, name: str = "paper", ppo: tuple[float, float] = TIES, **more: Any) -> Row:
    """A row of the page: all seeds of ppo are beside the tuned rule as told."""
    gaps = {rule: {"all_less": interval(*ppo), "return": 80.0} for rule in tables.RULES}
    gaps[ANALYTIC]["interquartile_mean"] = interval(*ppo)
    seeds = {"ppo": {"returns": [1.0] * 5, "episodes": 1000, "routers": gaps}}
    return Row(name, "synthetic", dataclasses.replace(small, **more), small, seeds)


def saving(small: Results, latency: tuple[float, float]) -> dict[str, Any]:
    """What the paper's rule saves, so much latency beside every static router."""
    whole = small.against_static
    saved = {n: {**s, "latency_saved": interval(*latency)} for n, s in whole["savings"].items()}
    return {"against_static": {**whole, "savings": saved}}


def found(rows: list[Row]) -> Found:
    share = {"ppo": interval(0.5, 0.9), "linear": None}
    ceilings = {SEEN: interval(0.5, 0.7), TURN: interval(0.8, 0.9)}
    paper = {"gap": interval(*WINS), "of_the_whole": 0.1, "shares": share}
    known = {"paper": {**paper, "ceilings": ceilings, "of_ceiling": share}, "worst": None}
    cells: Mapping[str, Any] = {
        "last_interquartile_mean": interval(*WINS),
        "kept_all_less": interval(*WINS),
        "bare_rules": ["linear", ""],
    }
    rested = {variant: cells for variant in ablation.VARIANTS}
    unseen = {"scorer": interval(*TIES), "scorer-in-domain": interval(*WINS), "lost": None}
    both = {"by_episode": interval(*TIES), "by_question": interval(*TIES)}
    half = {"questions": 500, "recorded": both, "synthetic": both}
    questions = {"gsm8k": {"fit": half, "evaluation": half}}
    asked = Asked(3, 2, ("paper",))
    return Found(asked, rows, known, None, {"paper": rested}, unseen, questions)


def test_every_table_of_both_pages_is_whole_and_marks_a_bare_rule(small: Results) -> None:
    whole = found([row(small)])
    for text in (readme(whole), results_page(whole)):
        parts = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
        assert parts
        for lines in parts:
            assert len({line.count(" | ") for line in lines if "---" not in line}) == 1, lines[0]
        marked = f"(the rule `{ANALYTIC}` itself: nothing was learned beyond it)"
        assert any(marked in line and "ppo" in line.lower() for line in text.splitlines())
    every = "\n".join(tables.every_router(whole.rows[0]))
    assert all(f"| `{name}`" in every for name in small.routers)


@pytest.mark.parametrize(
    ("latencies", "said"),
    [
        ([(0.06, 0.1), (0.06, 0.1)], "holds; 5 % against edge-only is reached on 2 (`r0`, `r1`)"),
        ([(0.04, 0.2), (0.04, 0.2)], "does not hold; 5 % against edge-only is reached on none"),
        (
            [(0.06, 0.1), (0.04, 0.2)],
            "holds on some, not on most; 5 % against edge-only is",
        ),
    ],
)
def test_the_claims_are_answered_whichever_way_they_fall(
    small: Results, latencies: list[tuple[float, float]], said: str
) -> None:
    rows = [row(small, f"r{i}", **saving(small, x)) for i, x in enumerate(latencies)]
    assert f"**Latency:** the claim {said}" in words.claims(rows)


def test_every_win_tie_and_loss_is_named(small: Results) -> None:
    names = {"won": WINS, "tied": TIES, "too": TIES, "lost": LOSES}
    said = words.wins([row(small, name, gap) for name, gap in names.items()])
    assert f"beats the tuned analytic rule `{ANALYTIC}` on 1 (`won`)" in said
    assert "ties with it on 2 (`tied`, `too`) and loses to it on 1 (`lost`)" in said
    assert f"a bare rule on 4 (`won` (`{ANALYTIC}`), " in said


def test_only_real_gaps_count_and_each_share_is_told() -> None:
    def known(low: float, share: float) -> dict[str, Any]:
        return {"gap": interval(low, 3.0), "shares": {"ppo": interval(share, share)}}

    gaps = {"most": known(1.0, 0.7), "less": known(1.0, 0.2), "none": known(-1.0, 0.9), "out": None}
    said = words.most_of_the_gap(gaps)
    assert said == "PPO closes 60% or more of it on 1 (`most` (70%)) and less on 1 (`less` (20%))."


def test_what_is_left_without_foresight_is_told_with_who_reaches_it() -> None:
    def known(low: float, high: float, ppo: float) -> dict[str, Any]:
        ceilings = {SEEN: interval(low, high), TURN: None}
        of = {"ppo": interval(ppo, ppo)}
        return {"gap": interval(*WINS), "ceilings": ceilings, "of_ceiling": of}

    gaps = {"low": known(0.3, 0.5, 0.8), "high": known(0.5, 0.9, 0.1), "out": None}
    said = words.without_foresight(gaps)
    assert "From 40% (`low`) to 70% (`high`) of the knowable gap" in said
    assert "On 1 (`low`) that is surely less than 60%" in said
    assert (
        "PPO reaches 60% or more of what is left on 1 (`low` (80%)) and less on 1 (`high`" in said
    )
    assert words.without_foresight({"out": None}) == ""


def test_only_what_lies_between_the_markers_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.FIRST}old\n{page.LAST}after\n", encoding="utf-8")
    for _ in range(2):
        page.write(file, "new\n")
        assert file.read_text("utf-8") == f"before\n{page.FIRST}\nnew\n\n{page.LAST}after\n"
    file.write_text("before\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="lacks the markers"):
        page.write(file, "new\n")
    root = page.ROOT
    for real in (root / "README.md", root / "docs" / "results.md"):
        assert real.read_text("utf-8").count(page.FIRST) == 1
        assert real.read_text("utf-8").count(page.LAST) == 1


def test_a_finding_is_made_once_for_each_key(tmp_path: Path) -> None:
    made: list[str] = []

    def make(what: str) -> str:
        made.append(what)
        return what

    file = tmp_path / "sub" / "found.json"
    assert kept(file, "a", {"k": 1}, lambda: make("one")) == "one"
    assert kept(file, "b", {"k": 1}, lambda: make("two")) == "two"
    assert kept(file, "a", {"k": 1}, lambda: make("three")) == "one"
    assert kept(file, "a", {"k": 2}, lambda: make("four")) == "four"
    assert made == ["one", "two", "four"]
    assert set(json.loads(file.read_text("utf-8"))) == {"a", "b"}


def test_each_variant_leaves_out_one_ingredient() -> None:
    whole = ablation.load_settings("ppo").model_dump()
    for variant, changes in ablation.VARIANTS.items():
        other = ablation.load_settings("ppo", changes).model_dump()
        differing = [name for name in whole if whole[name] != other[name]]
        assert differing == list(changes), variant
        assert len(differing) == (variant != ablation.FULL)


def test_the_last_gap_of_a_log_is_that_of_the_last_validation(tmp_path: Path) -> None:
    lines = [
        "          the rule: +0.916 [+-0.083] beside bao-multi-queue, edge 55.2%",
        "          0 frames: +1.041 [+-0.088] beside bao-multi-queue, edge 56.3%, best",
        "  1,007,616 frames: -1.034 [+-0.087] beside bao-multi-queue, edge 54.8%",
        "  1,007,616 frames: routing collapse, every validation turn goes to the edge",
        "    fresh episodes: +1.018 [+-0.078] beside bao-multi-queue, edge 56.8%, kept",
    ]
    (tmp_path / ablation.LOG).write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert ablation.last_gap(tmp_path) == -1.034

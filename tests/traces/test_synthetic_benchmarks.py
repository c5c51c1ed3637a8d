"""Drawn traces have the statistics that the scenario and its calibrations state."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from edgeroute_env import InputError, load_scenario
from edgeroute_env.benchmarks import DialogueBenchmark
from edgeroute_env.recordings.downloads import data_file
from tests.helpers.drawn import BENCHMARKS, ROUTES, drawn, of, one_benchmark

# Leaderboard of MT-Bench-101: mean over tasks, and GPT-4's lead over Qwen-7B-Chat by task.
AVERAGE = {"device": 7.12, "edge": 8.86}
LEAD = {
    "MR": 4.90, "GR": 3.60, "IC": 3.59, "SA": 2.24, "TS": 1.41, "SI": 1.24, "CM": 1.23,
    "CC": 1.22, "SC": 0.87, "AR": 0.85, "CR": 0.65, "PI": 0.40, "FR": 0.41,
}  # fmt: skip
DIALOGUE_TURNS = {2: 459, 3: 554, 4: 259, 5: 107, 6: 6, 7: 3}


@cache
def world(**overrides: Any) -> Any:
    """Return the turns of 2,048 episodes of `paper`."""
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return drawn(load_scenario("paper", dotted), 2048)


def mean_within(samples: Any, expected: float, sigmas: float = 3.5) -> None:
    samples = np.asarray(samples, float)
    error = samples.std(ddof=1) / math.sqrt(samples.size)
    assert error > 0.0
    assert abs(samples.mean() - expected) < sigmas * error


@pytest.mark.parametrize("file", BENCHMARKS)
def test_joint_outcomes_are_the_stated_tables(file: str) -> None:
    rows, benchmark = of(file)
    device, edge = rows["quality_device"], rows["quality_edge"]
    if isinstance(benchmark, DialogueBenchmark):
        assert min(device.min(), edge.min()) >= np.float32(0.1)
        assert max(device.max(), edge.max()) <= 1.0
        return
    assert set(device) | set(edge) == {0.0, 1.0}
    pairs = {"both": (1, 1), "edge_only": (0, 1), "device_only": (1, 0), "neither": (0, 0)}
    for name, (small, large) in pairs.items():
        share = ((device == small) & (edge == large)).mean()
        assert share == pytest.approx(getattr(benchmark.joint, name), abs=0.005), name


def test_dialogues_have_the_turns_of_mtbench101() -> None:
    rows, benchmark = of("mtbench101-qwen7b-gpt4")
    assert isinstance(benchmark, DialogueBenchmark)
    counts: dict[int, int] = {}
    for task in benchmark.tasks.values():
        for turns, number in task.turns.items():
            counts[turns] = counts.get(turns, 0) + number
    assert counts == DIALOGUE_TURNS
    lengths = rows["turn"][rows["last_turn"]]
    number = np.array([(lengths == turns).sum() for turns in counts])
    assert number.sum() == lengths.size
    share = np.array(list(counts.values())) / sum(counts.values())
    assert stats.chisquare(number, share * lengths.size).pvalue > 0.001
    mean_within(lengths, 3.034)


@pytest.mark.parametrize("file", BENCHMARKS)
def test_token_lengths_have_the_stated_quantiles(file: str) -> None:
    rows, benchmark = of(file)
    opening = getattr(benchmark, "opening", None)
    first = rows["turn"] == 1
    laws: list[tuple[str, Any, Any]] = [
        ("prompt_tokens", benchmark.prompt, rows if opening is None else rows[~first]),
        ("answer_tokens_device", benchmark.answers.device, rows),
        ("answer_tokens_edge", benchmark.answers.edge, rows),
    ]
    if opening is not None:
        laws.append(("prompt_tokens", opening, rows[first]))
        lengths = rows["prompt_tokens"][first]
        for end, edge in ((-1, opening.low), (1, opening.high)):  # clipped, and not drawn anew
            beyond = stats.norm.cdf(end * (opening.mu - math.log(edge)) / opening.sigma)
            assert (end * lengths).max() == end * edge
            assert (lengths == edge).mean() == pytest.approx(beyond, abs=0.005)
    for column, law, some in laws:
        tokens = some[column].astype(float)
        assert (tokens == np.floor(tokens)).all()
        assert tokens.min() >= 1.0
        for level in (0.1, 0.5, 0.9):
            stated = math.exp(law.mu + law.sigma * stats.norm.ppf(level))
            margin = max(0.05 * stated, 0.5)  # lengths are whole
            assert np.quantile(tokens, level) == pytest.approx(stated, abs=margin), (column, level)
    for route in ROUTES:  # what a router may expect is the mean
        expected = rows[f"predicted_tokens_{route}"]
        assert (expected == expected[0]).all()
        assert rows[f"answer_tokens_{route}"].mean() == pytest.approx(expected[0], rel=0.02)


@pytest.mark.parametrize("file", BENCHMARKS)
def test_wrong_answers_are_longer_and_lengths_go_together(file: str) -> None:
    rows, benchmark = of(file)
    logs = [np.log(rows[f"answer_tokens_{route}"]) for route in ROUTES]
    stated = benchmark.answers.correlation
    assert np.corrcoef(*logs)[0, 1] == pytest.approx(stated, abs=0.06)
    if isinstance(benchmark, DialogueBenchmark):
        return
    for route in ROUTES:
        tokens, right = rows[f"answer_tokens_{route}"], rows[f"quality_{route}"] == 1.0
        ratio = tokens[~right].mean() / tokens[right].mean()
        assert ratio == pytest.approx(benchmark.answers.wrong_ratio, rel=0.04)


@cache
def dialogue_scores() -> pd.DataFrame:
    """Return the mean over a task's dialogues of the worst turn, 1 to 10, by task and route."""
    benchmark = of("mtbench101-qwen7b-gpt4")[1].model_dump()
    scores = {}
    for task, figures in benchmark["tasks"].items():
        alone = {**benchmark, "tasks": {task: figures}}
        rows = drawn(one_benchmark(alone, turns=60_000), 1)[0]
        rows = rows[: np.flatnonzero(rows["last_turn"])[-1] + 1]
        starts = np.flatnonzero(rows["turn"] == 1)
        worst = [
            np.minimum.reduceat(rows[f"quality_{route}"], starts).astype(float).mean()
            for route in ROUTES
        ]
        scores[task] = 10.0 * np.array(worst)
    return pd.DataFrame.from_dict(scores, orient="index", columns=list(ROUTES))


def test_dialogue_scores_average_to_the_leaderboard() -> None:
    scores = dialogue_scores()
    assert set(scores.index) == set(LEAD)
    for route in ROUTES:
        assert scores[route].mean() == pytest.approx(AVERAGE[route], abs=0.03)
    for task, lead in LEAD.items():
        assert scores["edge"][task] - scores["device"][task] == pytest.approx(lead, abs=0.08)


def test_dialogue_scores_equal_the_leaderboard_by_task() -> None:
    try:
        path = data_file("mtbench101_leaderboard_by_task.csv")
    except InputError:
        pytest.skip("the leaderboard is not in the data folder")
    board = pd.read_csv(path).set_index("model")
    models = {"device": "Qwen-7B-Chat", "edge": "GPT-4"}
    for task, row in dialogue_scores().iterrows():
        for route in ROUTES:
            assert row[route] == pytest.approx(board.loc[models[route], task], abs=0.06), task


def test_the_phone_loses_its_cache_with_the_idle_gap_and_the_edge_when_flushed() -> None:
    scenario = load_scenario("paper", {"workload.follow_up_median_s": 600})
    rows = drawn(scenario, 1024)
    gap_s = np.diff(rows["arrival_s"], axis=1)
    later = rows[:, 1:]
    assert not rows["device_evicted"][rows["turn"] == 1].any()
    assert not rows["edge_evicted"][rows["turn"] == 1].any()
    follows = later["turn"] > 1
    gap_s, later = gap_s[follows], later[follows]
    for low, high in ((0, 300), (300, 1000), (1000, 1e9)):
        part = (gap_s >= low) & (gap_s < high)
        survives = np.exp(-gap_s[part] / 1800.0)
        mean_within(later["device_evicted"][part] - (1.0 - survives), 0.0)
    pool = scenario.edge.cost().kv_pool_tokens
    flushed_s = pool / (4000.0 * later["edge_load"])
    clear = np.abs(gap_s / flushed_s - 1.0) > 1e-4
    assert (later["edge_evicted"] == (gap_s > flushed_s))[clear].all()
    assert 0.05 < later["edge_evicted"].mean() < 0.95


def test_the_load_is_logit_normal_and_reverts_at_the_stated_pace() -> None:
    rows = world()
    load = rows["edge_load"].astype(float)
    for turn in (0, 64, 127):
        for level, share in ((0.05, 0.264), (0.5, 0.65), (0.95, 0.906)):
            assert np.quantile(load[:, turn], level) == pytest.approx(share, abs=0.03)
    median = math.log(0.65 / 0.35)
    deviation, reported = (
        np.log(x / (1.0 - x)) - median for x in (load, rows["reported_load"].astype(float))
    )
    episodes = np.arange(len(rows))
    for lag in (1, 5, 20):
        apart_s = rows["arrival_s"][:, 60 + lag] - rows["arrival_s"][:, 60]
        product = deviation[episodes, 60] * deviation[episodes, 60 + lag]
        mean_within(product - np.exp(-apart_s / 120.0), 0.0)
    age_s = rows["report_age_s"][:, 60]
    mean_within(deviation[:, 60] * reported[:, 60] - np.exp(-age_s / 120.0), 0.0)


def test_reports_are_younger_than_their_interval() -> None:
    age_s = world()["report_age_s"].astype(float)
    assert age_s.min() >= 0.0
    assert age_s.max() <= 10.0
    mean_within(age_s[:, 60], 5.0)
    assert stats.kstest(age_s[:, 60] / 10.0, "uniform").pvalue > 0.001
    fresh = world(edge__report_interval_s=0)
    assert (fresh["report_age_s"] == 0.0).all()
    assert (fresh["reported_load"] == fresh["edge_load"]).all()


def test_the_link_is_finite_and_keeps_its_lowest_rate() -> None:
    rows = world(radio__interference_margin_db=14)
    snr_db, up_s = rows["snr_db"], rows["up_s_per_byte"]
    assert np.isfinite(snr_db).all()
    assert -20.0 <= snr_db.min() < -10.0
    assert 25.0 < snr_db.max() <= 30.0
    low = snr_db < -6.7
    assert 0.01 < low.mean() < 0.1
    assert (up_s[low] == up_s.max()).all()
    assert (up_s[snr_db > -6.0] < up_s.max()).all()
    assert 1e-6 / up_s.max() > 0.1  # Mbyte/s
    assert rows["rtt_s"].min() >= np.float32(0.064)
    mean_within(rows["rtt_s"], 0.080)


def test_traffic_stops_for_its_share_of_the_time_whatever_the_snr() -> None:
    rows = world(radio__interference_margin_db=14, radio__outage_share=0.1)
    snr_db, out = rows["snr_db"], rows["outage_s"] > 0.0
    for low_db, high_db in ((-20.0, -6.7), (-6.7, 5.0), (5.0, 30.0)):
        mean_within(out[(snr_db >= low_db) & (snr_db < high_db)], 0.1)
    mean_within(rows["outage_s"][out], 2.84)
    assert stats.kstest(rows["outage_s"][out], "expon", args=(0.0, 2.84)).pvalue > 0.001
    assert not (world(radio__outage_share=0.0)["outage_s"] > 0.0).any()
    often = world(radio__interference_margin_db=14, radio__outage_share=0.2)["outage_s"] > 0.0
    assert often[out].all()  # more stops for the same seeds, none moved


def test_arrivals_and_the_phones_other_apps_follow_their_laws() -> None:
    rows = world()
    gap_s = np.diff(rows["arrival_s"], axis=1)
    new = rows["turn"][:, 1:] == 1
    assert gap_s.min() > 0.0
    mean_within(gap_s[new], 20.0)
    assert gap_s[new].std() / gap_s[new].mean() == pytest.approx(1.1, rel=0.05)
    assert np.median(gap_s[~new]) == pytest.approx(15.0, rel=0.02)
    assert np.log(gap_s[~new]).std() == pytest.approx(0.98, rel=0.02)
    busy = rows["device_background"].astype(float)
    mean_within(busy > 0.0, 0.15)
    assert stats.kstest(busy[busy > 0.0], "uniform").pvalue > 0.001
    shares = [(rows["benchmark"][rows["turn"] == 1] == m).mean() for m in range(3)]
    assert shares == pytest.approx([0.4, 0.3, 0.3], abs=0.01)

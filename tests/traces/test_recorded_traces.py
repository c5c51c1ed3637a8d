"""Recorded traces hold what was recorded, all of it, in its order, and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from edgeroute_env import EdgeRouteEnv, InputError, Scenario, load_scenario
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.recordings.downloads import data_folder
from edgeroute_env.recordings.shapes import Outcomes
from edgeroute_env.recordings.tables import read_recording
from edgeroute_env.traces.recorded import Split, recorded_files, recorded_law
from edgeroute_env.traces.sources import Drawn, Pinned

QUESTIONS = {
    "prompt_tokens": [11, 12, 13, 14, 15, 16, 17],
    "quality_device": [0, 1, 0, 1, 0.25, 0.5, 1],
    "quality_edge": [1, 1, 0, 0, 0.75, 0.5, 1],
    "answer_tokens_device": [101, 102, 103, 104, 105, 106, 107],
    "answer_tokens_edge": [201, 202, 203, 204, 205, 206, 207],
    "score": [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0],
}
# Every turn has a length of its own, so lengths tell which turn it is.
LENGTHS = (3, 1, 2, 5, 1, 4)
TASKS = ("AR", "CC", "GR", "AR", "MR", "SI")
DIALOGUES = {
    "task": [task for task, n in zip(TASKS, LENGTHS, strict=True) for _ in range(n)],
    "dialogue": [d for d, n in enumerate(LENGTHS) for _ in range(n)],
    "turn": [turn for n in LENGTHS for turn in range(1, n + 1)],
    "prompt_tokens": [100 + i for i in range(sum(LENGTHS))],
    "answer_tokens": [500 + i for i in range(sum(LENGTHS))],
}
RUNS = {0: 7, 3: 12, 5: 9, 8: 4}  # run -> seconds
SNR = {
    "run": [run for run, seconds in RUNS.items() for _ in range(seconds)],
    "time_s": [50.0 + s for seconds in RUNS.values() for s in range(seconds)],
    "snr_db": [run + s / 16 for run, seconds in RUNS.items() for s in range(seconds)],
}
GAPS_S = [1.0, 7.0, 2.0, 30.0, 4.0, 11.0, 3.0, 6.0, 9.0, 0.5]
ARRIVALS = {"time_s": [100.0 + s for s in np.cumsum([0.0, *GAPS_S])]}
QUESTION_MIX = {"benchmark": "gsm8k-qwen1.5b-qwen72b", "share": 1}
DIALOGUE_MIX = {"benchmark": "mtbench101-qwen7b-gpt4", "share": 1}
Rows = NDArray[Any]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of made-up tables."""
    folder = tmp_path / "data"
    folder.mkdir()
    tables = {"questions": QUESTIONS, "dialogues": DIALOGUES, "snr": SNR, "arrivals": ARRIVALS}
    for name, table in tables.items():
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False)
    monkeypatch.setenv("EDGEROUTE_DATA", str(folder))
    return folder


def questions(**table: Any) -> list[dict[str, Any]]:
    return [{**QUESTION_MIX, "outcomes": {"file": "questions.csv", **table}}]


def dialogues(**table: Any) -> list[dict[str, Any]]:
    return [{**DIALOGUE_MIX, "dialogues": {"file": "dialogues.csv", **table}}]


def recorded(mix: list[dict[str, Any]], **changes: Any) -> Scenario:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return load_scenario("paper", {"name": "small", "workload.mix": mix, **dotted})


def traces(of: Scenario, split: Split = "all", episodes: int = 4) -> Rows:
    return Pinned(Drawn(of, recorded_law(of, split)), generators(range(episodes))).rows


def asked(rows: Rows) -> Counter[tuple[float, ...]]:
    return Counter(tuple(float(row[name]) for name in QUESTIONS) for row in rows.ravel())


ALL_QUESTIONS = set(zip(*[map(float, QUESTIONS[name]) for name in QUESTIONS], strict=True))


# --- questions


def test_every_recorded_question_appears_as_it_is_and_none_else(data: Path) -> None:
    rows = traces(recorded(questions()), episodes=8)
    found = asked(rows)
    assert set(found) == ALL_QUESTIONS
    # Each is as likely as the others: chi-square with 6 degrees of freedom, p = 1e-4.
    expected = rows.size / len(ALL_QUESTIONS)
    assert sum((count - expected) ** 2 / expected for count in found.values()) < 27.9
    assert (rows["turn"] == 1).all()
    assert rows["last_turn"].all()


def test_the_environment_plays_the_recordings(data: Path) -> None:
    of = recorded(questions())
    env = EdgeRouteEnv(of, traces="recorded")
    scores = {float(env.reset(seed=seed)[0][0]) for seed in range(60)}
    assert scores == set(QUESTIONS["score"])
    env.reset(seed=0)
    for name, values in env.trace.columns.items():
        np.testing.assert_array_equal(values, traces(of, episodes=1)[0][name])


def test_a_recorded_score_is_used_and_a_missing_one_is_drawn(data: Path) -> None:
    with_score = traces(recorded(questions()))
    assert set(with_score["score"].ravel().tolist()) == set(QUESTIONS["score"])
    kept = {name: values for name, values in QUESTIONS.items() if name != "score"}
    pd.DataFrame(kept).to_csv(data / "questions.csv", index=False)
    without = traces(recorded(questions()))
    assert len(set(without["score"].ravel().tolist())) > without.size / 2
    for name in kept:  # what is drawn for the score shifts nothing else
        np.testing.assert_array_equal(without[name], with_score[name])


def test_fit_and_evaluation_ask_disjoint_halves_of_everything(data: Path) -> None:
    of = recorded(questions())
    fit, evaluation = (set(asked(traces(of, split))) for split in ("fit", "evaluation"))
    assert not fit & evaluation
    assert fit | evaluation == ALL_QUESTIONS
    assert abs(len(fit) - len(evaluation)) <= 1


# --- dialogues


def spoken(rows: Rows, phones: int) -> list[list[Rows]]:
    """Return the dialogues of each episode and phone in order, the last perhaps cut short."""
    found = []
    for episode in rows:
        for phone in range(phones):
            own = episode[episode["device"] == phone]
            found.append(np.split(own, np.flatnonzero(own["turn"] == 1)[1:]))
    return found


def starts_of(rows: Rows, phones: int = 1) -> set[int]:
    return {int(d[0]["prompt_tokens"]) for ds in spoken(rows, phones) for d in ds}


@pytest.mark.parametrize("phones", [1, 3])
def test_recorded_dialogues_keep_their_turns_and_lengths(phones: int, data: Path) -> None:
    rows = traces(recorded(dialogues(), device__count=phones))
    starts = [100 + sum(LENGTHS[:i]) for i in range(len(LENGTHS))]
    by_start = {s: list(range(s, s + n)) for s, n in zip(starts, LENGTHS, strict=True)}
    for of_phone in spoken(rows, phones):
        for i, dialogue in enumerate(of_phone):
            prompts = dialogue["prompt_tokens"].astype(int).tolist()
            whole = by_start[prompts[0]]
            complete = i < len(of_phone) - 1 or len(prompts) == len(whole)
            assert prompts == (whole if complete else whole[: len(prompts)])
            np.testing.assert_array_equal(dialogue["turn"], np.arange(1, len(prompts) + 1))
            ends = dialogue["turn"] == len(whole)
            np.testing.assert_array_equal(dialogue["last_turn"], ends)
            for name in ("answer_tokens_device", "answer_tokens_edge"):
                np.testing.assert_array_equal(dialogue[name], dialogue["prompt_tokens"] + 400)
    assert starts_of(rows, phones) == set(by_start)


def test_fit_and_evaluation_hold_disjoint_dialogues(data: Path) -> None:
    of = recorded(dialogues())
    fit, evaluation, both = (starts_of(traces(of, s)) for s in ("fit", "evaluation", "all"))
    assert not fit & evaluation
    assert fit | evaluation == both
    assert len(both) == len(LENGTHS)


def test_a_mix_of_recorded_and_drawn_keeps_the_shares(data: Path) -> None:
    mix = [{**questions()[0], "share": 0.25}, {**dialogues()[0], "share": 0.25}]
    mix.append({**QUESTION_MIX, "share": 0.5})
    rows = traces(recorded(mix), episodes=24)
    begun = rows[rows["turn"] == 1]
    shares = np.bincount(begun["benchmark"], minlength=3) / begun.size
    np.testing.assert_allclose(shares, [0.25, 0.25, 0.5], atol=5 * 0.5 / np.sqrt(begun.size))
    assert set(asked(rows[rows["benchmark"] == 0])) == ALL_QUESTIONS
    assert set(rows["prompt_tokens"][rows["benchmark"] == 1]) == set(DIALOGUES["prompt_tokens"])
    assert not set(asked(rows[rows["benchmark"] == 2])) & ALL_QUESTIONS


# --- arrivals and the radio


@pytest.mark.parametrize("split", ["all", "fit", "evaluation"])
def test_arrivals_repeat_the_recorded_gaps_at_the_scenarios_pace(split: Split, data: Path) -> None:
    of = recorded(questions(), workload__arrivals={"file": "arrivals.csv"})
    own = {"all": GAPS_S, "fit": GAPS_S[:5], "evaluation": GAPS_S[5:]}[split]
    stretched = np.array(own) * of.workload.dialogue_gap_mean_s / np.mean(own)
    begun = set()
    for episode in traces(of, split, episodes=30):
        gaps = np.diff(episode["arrival_s"])
        at = int(np.argmin(np.abs(stretched - gaps[0])))
        expected = stretched[(at + np.arange(gaps.size)) % stretched.size]
        np.testing.assert_allclose(gaps, expected, rtol=1e-9, atol=1e-9)
        begun.add(at)
    assert begun == set(range(len(own)))


def test_follow_ups_are_recorded_gaps_of_sessions(data: Path) -> None:
    table = {"time_s": [0.0, 1.0, 8.0, 12.0, 33.0], "session": [0, 1, 0, 1, 0]}
    pd.DataFrame(table).to_csv(data / "follow.csv", index=False)
    rows = traces(recorded(dialogues(), workload__follow_ups={"file": "follow.csv"}))
    gaps = np.diff(rows["arrival_s"], axis=1)[rows["turn"][:, 1:] > 1]
    assert set(np.round(gaps, 6)) == {8.0, 25.0, 11.0}


@pytest.mark.parametrize("split", ["all", "fit", "evaluation"])
def test_the_radio_replays_one_run_a_phone_second_by_second(split: Split, data: Path) -> None:
    of = recorded(questions(), radio__snr_runs={"file": "snr.csv"}, workload__dialogue_gap_mean_s=2)
    allowed = {"all": list(RUNS), "fit": [0, 5], "evaluation": [3, 8]}[split]
    offsets = set()
    for episode in traces(of, split, episodes=40):
        run = int(episode["snr_db"][0])
        assert run in allowed
        second = (episode["snr_db"] - run) * 16
        offset = int(second[0]) - int(episode["arrival_s"][0])
        expected = (offset + np.floor(episode["arrival_s"])) % RUNS[run]
        np.testing.assert_array_equal(second, expected)
        offsets.add((run, offset % RUNS[run]))
    assert {run for run, _ in offsets} == set(allowed)
    assert len(offsets) > len(allowed)  # an episode may start anywhere in its run


def test_samples_that_skip_seconds_hold_until_the_next(data: Path) -> None:
    table = {"run": [0] * 4, "time_s": [10.0, 10.4, 13.0, 15.9], "snr_db": [1.0, 2.0, 3.0, 4.0]}
    pd.DataFrame(table).to_csv(data / "snr.csv", index=False)
    tables = recorded_law(recorded(questions(), radio__snr_runs={"file": "snr.csv"}))
    assert tables.link["snr_db"].tolist() == [1.0, 2.0, 2.0, 3.0, 3.0, 3.0]
    assert tables.link_runs.tolist() == [[0, 6]]


def test_a_recorded_rate_is_the_turn_s_and_its_uplink_a_share_of_it(data: Path) -> None:
    of = recorded(questions(), radio__snr_runs={"file": "snr.csv"}, workload__dialogue_gap_mean_s=2)
    plain = traces(of)
    assert (plain["downlink_mbit_per_s"] == 0.0).all()
    kbps = [1000.0 + 50.0 * row for row in range(len(SNR["run"]))]
    told = {"app": "download", "cqi": 9.0, "downlink_kbps": kbps}
    pd.DataFrame({**SNR, **told}).to_csv(data / "snr.csv", index=False)
    rows = traces(of)
    assert set(np.round(1e3 * rows["downlink_mbit_per_s"].ravel())) <= set(kbps)
    down_s, up_s = (rows[f"{way}_s_per_byte"].astype(float) for way in ("down", "up"))
    np.testing.assert_allclose(down_s, 8e-6 / rows["downlink_mbit_per_s"], rtol=1e-6)
    link = of.radio
    np.testing.assert_allclose(up_s / down_s, link.downlink_hz / link.uplink_hz, rtol=1e-6)
    assert (rows["outage_s"] == 0.0).all()  # its traffic never stops, so no law draws a stop
    np.testing.assert_array_equal(rows["snr_db"], plain["snr_db"])


def test_a_recorded_stop_lasts_until_its_traffic_returns(data: Path) -> None:
    seconds = 40
    kbps = np.full(seconds, 5000.0)
    kbps[10:15] = 0.0
    run = {"run": 0, "time_s": np.arange(seconds), "snr_db": np.arange(seconds) / 2.0}
    told = {"app": "download", "cqi": 9.0, "downlink_kbps": kbps}
    pd.DataFrame({**run, **told}).to_csv(data / "snr.csv", index=False)
    rows = traces(recorded(questions(), radio__snr_runs={"file": "snr.csv"}), episodes=20)
    second = np.round(2.0 * rows["snr_db"].astype(float))
    within_s = rows["arrival_s"] - np.floor(rows["arrival_s"])
    stopped = (second >= 10) & (second < 15)
    expected_s = np.where(stopped, 15.0 - second - within_s, 0.0)
    np.testing.assert_allclose(rows["outage_s"], expected_s, atol=1e-5)
    assert 0.05 < stopped.mean() < 0.2


# --- bad recordings


@pytest.mark.parametrize(
    ("mix", "changes", "named"),
    [
        (questions(file="absent.csv"), {}, r"absent\.csv.*no such file.*EDGEROUTE_DATA"),
        (dialogues(), {"radio__snr_runs": {"file": "gone.csv"}}, r"gone\.csv.*no such file"),
        (questions(columns={"score": "p"}), {}, r"questions\.csv: score.*'p'.*prompt_tokens"),
        (questions(file="dialogues.csv"), {}, r"dialogues\.csv: quality_device.*one of task"),
        (questions(columns={"skore": "p"}), {}, "skore.*quality_edge"),
        (dialogues(file="tasks.csv"), {}, r"tasks\.csv: task.*'XY'.*AR, CC"),
        (
            [{**QUESTION_MIX, "dialogues": {"file": "dialogues.csv"}}],
            {},
            "benchmark.*gsm8k-qwen.*dialogues",
        ),
        (dialogues(), {"workload__follow_ups": {"file": "arrivals.csv"}}, "session"),
        (questions(columns={"quality_edge": "prompt_tokens"}), {}, "quality_edge, row 0.*11"),
    ],
)
def test_a_bad_recording_is_one_error(
    mix: list[dict[str, Any]], changes: dict[str, Any], named: str, data: Path
) -> None:
    pd.DataFrame({**DIALOGUES, "task": "XY"}).to_csv(data / "tasks.csv", index=False)
    with pytest.raises(InputError, match=named) as caught:
        EdgeRouteEnv(recorded(mix, **changes), traces="recorded")
    assert "\n" not in str(caught.value)


def test_a_scenario_without_recordings_refuses_them(data: Path) -> None:
    assert recorded_files(load_scenario("paper")) == []
    with pytest.raises(InputError, match=r"traces.*'recorded'.*paper has none"):
        EdgeRouteEnv("paper", traces="recorded")


@pytest.mark.parametrize(("table", "rows"), [("questions", 1), ("arrivals", 1), ("snr", 7)])
def test_a_recording_with_an_empty_half_is_one_error(table: str, rows: int, data: Path) -> None:
    files = {"workload__arrivals": "arrivals.csv", "radio__snr_runs": "snr.csv"}
    of = recorded(questions(), **{field: {"file": file} for field, file in files.items()})
    path = data / f"{table}.csv"
    pd.read_csv(path).head(rows).to_csv(path, index=False)
    with pytest.raises(InputError, match=table):
        recorded_law(of, "evaluation")


@pytest.mark.parametrize("preset", ["mmlu", "gsm8k"])
def test_traces_of_the_published_outcomes_keep_their_marginals(preset: str) -> None:
    of = load_scenario(preset)
    if not all((data_folder() / name).is_file() for name in recorded_files(of)):
        pytest.skip(f"the data folder lacks one of {', '.join(recorded_files(of))}")
    table = of.workload.mix[0].outcomes
    assert table is not None
    outcomes = read_recording(Outcomes, data_folder() / table.file, table.columns)
    rows = traces(of, episodes=100).ravel()
    names = ("quality_device", "quality_edge", "prompt_tokens")
    pairs = [(rows[name], getattr(outcomes, name)) for name in names]
    pairs.append((pairs[0][0] * pairs[1][0], pairs[0][1] * pairs[1][1]))  # both are right
    for drawn, whole in pairs:
        deviation = np.std(whole) / np.sqrt(rows.size)
        assert abs(np.mean(drawn, dtype=float) - np.mean(whole)) < 4.5 * deviation

"""The validation page: its figures, its statistics, its comparisons and its files."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest

from edgeroute_env import load_scenario
from validation import (
    arrivals,
    gaps,
    generated,
    input_lengths,
    links,
    path_loss,
    queues,
    scores,
    snr,
)
from validation.__main__ import main
from validation.measures import autocorrelation, batch_means, index_of_dispersion
from validation.published import published_groups
from validation.section import MissingRecording, Section, recording

FEW = range(4)
RECORDED = {  # section -> a recording that it needs
    snr: snr.RECORDING,
    links: links.RECORDING,
    arrivals: arrivals.RECORDING,
    gaps: gaps.RECORDING,
    input_lengths: input_lengths.AZURE,
    scores: scores.RECORDING,
}
FIGURES = [figure for group in published_groups() for figure in group.figures]


# --- published figures


def test_the_model_meets_the_published_figures() -> None:
    counted = [group for group in published_groups() if group.counted]
    errors = np.array([figure.error for group in counted for figure in group.figures])
    assert errors.size >= 40
    assert np.isfinite(errors).all()
    assert np.median(np.abs(errors)) <= 0.10


def test_every_large_error_is_explained_beside_its_figure() -> None:
    large = [figure for figure in FIGURES if abs(figure.error) > 0.25]
    assert [figure.case for figure in large if not figure.why] == []


def test_every_figure_names_its_source_and_none_is_there_twice() -> None:
    assert all(len(group.source) > 10 for group in published_groups())
    cases = [(figure.quantity, figure.case) for figure in FIGURES]
    assert len(set(cases)) == len(cases)


def test_the_engine_step_is_left_out_where_the_source_leaves_it_out() -> None:
    decode = [figure for figure in FIGURES if figure.quantity == "decode"]
    assert {figure.engine_step for figure in decode} == {True, False}
    for figure in decode:
        other = dataclasses.replace(figure, engine_step=not figure.engine_step)
        with_step, without = (figure, other) if figure.engine_step else (other, figure)
        assert with_step.predicted - without.predicted == pytest.approx(1.0)  # ms


# --- statistics on data with known answers


def test_a_poisson_process_disperses_as_one_and_regular_arrivals_not_at_all() -> None:
    rng = np.random.default_rng(1)
    poisson = np.cumsum(rng.exponential(0.2, 200_000))
    for window in (1.0, 10.0, 60.0):
        assert index_of_dispersion(poisson, window) == pytest.approx(1.0, abs=0.1)
    assert index_of_dispersion(np.arange(1000) * 0.25, 10.0) == 0.0


def test_dispersion_counts_whole_windows_from_the_first_arrival() -> None:
    # Windows of 10 s from 100 s hold 3 and 1 arrivals; the third is not full.
    times = [100.0, 101.0, 102.0, 110.0, 120.0, 121.0]
    assert index_of_dispersion(times, 10.0) == pytest.approx(2.0 / 2.0)
    assert math.isnan(index_of_dispersion(times, 15.0))


def test_a_swinging_rate_disperses_as_its_variance_says() -> None:
    """Counts at rates a or b, each for a window: IoD = 1 + variance of the mean / mean."""
    rng = np.random.default_rng(2)
    means = rng.choice([20.0, 80.0], 4000)
    counts = rng.poisson(means)
    times = np.repeat(np.arange(4000) * 10.0, counts) + np.concatenate(
        [np.sort(rng.random(count)) * 10.0 for count in counts]
    )
    times = np.concatenate(([0.0], times))
    assert index_of_dispersion(times, 10.0) == pytest.approx(1.0 + 900.0 / 50.0, rel=0.05)


def test_autocorrelation_finds_an_autoregression() -> None:
    rng = np.random.default_rng(3)
    runs = []
    for level in (-5.0, 0.0, 40.0):  # a run's own mean is no correlation
        series = np.empty(50_000)
        series[0] = 0.0
        noise = rng.standard_normal(series.size)
        for i in range(1, series.size):
            series[i] = 0.8 * series[i - 1] + noise[i]
        runs.append(series + level)
    found = autocorrelation([*runs, np.arange(299.0), np.full(500, 3.0)], (1, 5, 60))
    assert found == pytest.approx([0.8, 0.8**5, 0.0], abs=0.03)


def test_autocorrelation_of_nothing_is_nan() -> None:
    assert np.isnan(autocorrelation([np.ones(1000)], (1, 2))).all()


def test_batch_means_hold_the_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    held = [batch_means(rng.normal(7.0, 2.0, 2500)).holds(7.0) for _ in range(400)]
    assert 0.91 < np.mean(held) < 0.98


# --- comparisons


def test_simulated_waits_are_those_of_theory() -> None:
    cases = [*queues.edge_cases(200_000), *queues.phone_cases(200_000)]
    inside = [case.wait.holds(case.theory.wait) for case in cases]
    inside += [case.delayed.holds(case.theory.delayed) for case in cases]
    assert np.mean(inside) > 0.85  # 95 % of them should
    for case in cases:
        assert case.wait.mean == pytest.approx(case.theory.wait, rel=0.15)


def test_path_loss_is_the_specifications() -> None:
    for place in path_loss.places():
        for ours, theirs in (place.los_db, place.nlos_db, place.sight):
            assert ours == pytest.approx(theirs, abs=1e-9)


def test_generated_snr_is_of_one_phone_a_second_apart() -> None:
    runs = snr.generated_runs("paper", FEW)
    assert [len(series) for series in runs.series] == [snr.TURNS] * len(FEW)
    assert (np.diff(runs.quantiles()) >= 0.0).all()
    memory = runs.memory()
    assert memory[0] > memory[-1]
    assert (np.abs(memory) <= 1.0).all()


def test_a_cell_asks_at_the_rate_it_is_given_whatever_its_phones_do() -> None:
    many = range(32)  # each is 4 % off, give or take, by its bursts
    found = arrivals.generated_arrivals(arrivals.busy_cell(2.0), many)
    assert len(found) == len(many)
    gaps = np.concatenate([np.diff(times) for times in found])
    assert 1.0 / gaps.mean() == pytest.approx(2.0, rel=0.02)
    assert (gaps >= 0.0).all()


def test_the_law_of_gaps_has_its_stated_median_and_spread() -> None:
    low, middle, high = gaps.law_of_gaps("mtbench101").ppf([0.1586553, 0.5, 0.8413447])
    assert middle == pytest.approx(123.0)
    assert math.log(high / middle) == pytest.approx(0.98, rel=1e-4)
    assert math.log(middle / low) == pytest.approx(0.98, rel=1e-4)


@pytest.mark.parametrize(("name", "grows"), [("gsm8k", False), ("mtbench101", True)])
def test_inputs_grow_within_dialogues_only(name: str, grows: bool) -> None:
    rows = generated.traces(load_scenario(name), input_lengths.SEEDS)
    added = input_lengths.input_tokens(name) - rows["prompt_tokens"].ravel()
    assert (added[rows["turn"].ravel() == 1] == 0.0).all()
    assert (added[rows["turn"].ravel() > 1] > 0.0).all()
    assert (added > 0.0).any() == grows


# --- recordings


def needs_data(name: str) -> None:
    try:
        recording(name)
    except MissingRecording as absent:
        pytest.skip(str(absent))


def test_recorded_arrivals_have_their_published_burstiness() -> None:
    needs_data(arrivals.RECORDING)
    found = arrivals.burstiness(arrivals.recorded_arrivals())
    assert found == pytest.approx([1.09, 3.9, 16.4], rel=0.01)


def test_recorded_snr_has_its_published_quantiles_and_memory() -> None:
    needs_data(snr.RECORDING)
    driving, static = snr.recorded_runs("driving"), snr.recorded_runs("static")
    assert (len(driving.series), len(static.series)) == (59, 23)
    assert driving.quantiles()[[0, 2, 4]].tolist() == [-8.0, 4.0, 21.0]
    assert static.quantiles()[[0, 2, 4]].tolist() == [-6.0, 2.0, 9.0]
    assert driving.memory() == pytest.approx([0.84, 0.59, 0.50, 0.12], abs=0.006)


def test_recorded_traces_stop_as_often_and_as_long_as_the_recordings() -> None:
    needs_data(links.RECORDING)
    recorded = links.recorded_link(links.recorded_runs(), "recorded")
    assert recorded.stopped == pytest.approx(0.0137, abs=5e-5)
    assert recorded.mean_left_s == pytest.approx(2.84, abs=5e-3)
    for kind, name in (("recorded", "mmlu"), ("synthetic", "paper")):
        own = links.traced_link(name, kind, kind, range(400), app="download")
        assert own.stopped == pytest.approx(recorded.stopped, rel=0.2)
        assert own.mean_left_s == pytest.approx(recorded.mean_left_s, rel=0.2)
        median_s, theirs_s = own.left_quantiles_s()[2], recorded.left_quantiles_s()[2]
        assert abs(median_s - theirs_s) < 0.6  # a recorded one is known to a second
    assert links.traced_link("mmlu", "recorded", "", range(400), app="download").rate_quantiles()[
        2
    ] == pytest.approx(recorded.rate_quantiles()[2], rel=0.15)


def test_a_low_snr_is_no_outage_and_the_cqi_tells_little_of_the_rate() -> None:
    needs_data(links.RECORDING)
    runs = links.recorded_runs()
    shares = {name: share for name, _, share in links.stops_by_snr(runs)}
    assert shares["below -6.7 dB"] < 0.03  # not all of them
    assert shares["below -6.7 dB"] < 2.0 * shares["-6.7 to 0 dB"]
    for fit in links.halves(runs):
        assert fit.samples > 10_000
        assert 2.5 < fit.median_factor < 3.0
        assert 0.7 < fit.bias < 1.4
    car = links.traced_link("vehicular", "synthetic", "", range(200))
    drives = links.recorded_link(links.recorded_runs(mobility="driving"), "")
    assert car.rate_quantiles()[2] == pytest.approx(drives.rate_quantiles()[2], rel=0.1)


def test_scores_rank_less_well_on_unseen_subjects_and_least_within_one() -> None:
    needs_data(scores.RECORDING)
    for row in scores.section().data["rankings"]:
        assert row.in_domain > row.unseen + 0.03 > row.within + 0.06 > 0.58


def test_areas_under_the_curve_are_those_of_pairs_in_order() -> None:
    needed = np.array([0.0, 1.0, 0.0, 1.0])
    ranks = np.array([0.1, 0.2, 0.3, 0.4])
    assert scores.auc(needed, ranks) == 0.75
    assert math.isnan(scores.auc(np.ones(4), ranks))
    rng = np.random.default_rng(5)
    coins = (rng.random(20_000) < 0.3).astype(float)
    assert scores.auc(coins, rng.random(20_000)) == pytest.approx(0.5, abs=0.02)
    # The groups alone tell the need here, so that nothing is told within them.
    groups = rng.integers(0, 2, 20_000)
    easy = (rng.random(20_000) < 0.2 + 0.6 * groups).astype(float)
    told = groups + 0.1 * rng.random(20_000)
    assert scores.auc(easy, told) > 0.75
    assert scores.within_groups(easy, told, groups) == pytest.approx(0.5, abs=0.02)


# --- the page


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the page's samples small."""
    monkeypatch.setattr(queues, "CUSTOMERS", 20_000)
    for module in (snr, links, arrivals, input_lengths):
        monkeypatch.setattr(module, "SEEDS", range(2))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a command of bad input ends with."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    assert (ended.value.code, told.out, told.err.count("\n")) == (2, "", 1)
    return told.err


@pytest.mark.usefixtures("few")
def test_without_recordings_the_page_says_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path / "nothing"))
    main(["--out", "pages"])
    page, plots = Path("pages/validation.md"), set(Path("pages/validation").iterdir())
    text = page.read_text(encoding="utf-8")
    for name in RECORDED.values():
        assert f"the data folder lacks {name}" in text
    assert re.search(r"\bnan\b", text) is None
    assert "83 published figures" in text
    assert {f"validation/{plot.name}" for plot in plots} == {
        part.split(")")[0] for part in text.split("](")[1:]
    }
    assert all(0 < plot.stat().st_size < 60_000 for plot in plots)
    # A second run refuses, and leaves what is there alone.
    page.write_text("mine", encoding="utf-8")
    assert "--overwrite" in refused(capsys, "--out", "pages")
    assert page.read_text(encoding="utf-8") == "mine"
    before = {plot.name: plot.read_bytes() for plot in plots}
    main(["--out", "pages", "--overwrite"])
    assert page.read_text(encoding="utf-8") == text
    assert {plot.name: plot.read_bytes() for plot in plots} == before


@pytest.mark.usefixtures("few")
def test_with_recordings_every_comparison_has_its_figures() -> None:
    for module, name in RECORDED.items():
        needs_data(name)
        section: Section = module.section()
        assert section.data
        for line in section.comparisons:
            assert line.figures > 0
            assert 0.0 <= line.median <= line.largest < math.inf


@pytest.mark.slow
def test_the_page_in_the_docs_is_what_the_command_writes(tmp_path: Path) -> None:
    for name in RECORDED.values():
        needs_data(name)
    main(["--out", str(tmp_path)])
    docs = Path(__file__).parents[2] / "docs"
    assert (tmp_path / "validation.md").read_text("utf-8") == (docs / "validation.md").read_text(
        "utf-8"
    )


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("in the way", encoding="utf-8")
    assert "--out" in refused(capsys, "--out", str(in_the_way))
    assert "--colour" in refused(capsys, "--colour")
    assert in_the_way.read_text(encoding="utf-8") == "in the way"

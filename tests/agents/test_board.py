"""What TensorBoard reads of a training: its pages, the gap of the log, and an episode."""

from __future__ import annotations

import io
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from edgeroute_agents import Follower, Standing, Training
from edgeroute_agents.board import EPISODE
from edgeroute_agents.judging import Verdict
from edgeroute_agents.policy import FILE
from edgeroute_agents.watching import CHECKPOINT, LOG
from tests.helpers.learning import BAO_RULE, short, tiny_settings

VALIDATED = re.compile(r"([\d,]+) frames: (\S+) \[\+-(\S+)\] beside .*, edge (\S+)%")


def training(algorithm: str = "ppo", frames: int = 512) -> Training:
    settings = tiny_settings(algorithm, frames=frames)
    return Training(short(), settings, rule=BAO_RULE, reference=BAO_RULE)


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def pages(found: EventAccumulator) -> Any:
    """Return the layout's pages."""
    (written,) = found.Tensors("custom_scalars__config__")
    return Layout.FromString(written.tensor_proto.string_val[0]).category


def curves(found: EventAccumulator) -> dict[str, list[tuple[int, float]]]:
    """Return every curve's points, but those of the clock."""
    return {
        tag: [(point.step, point.value) for point in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
        if not tag.startswith("time/")
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a training of PPO."""
    folder = tmp_path_factory.mktemp("trained")
    training().run(folder)
    return folder


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_the_pages_name_curves_that_exist(algorithm: str, trained: Path, tmp_path: Path) -> None:
    if algorithm == "dqn":
        training("dqn").run(tmp_path)
    found = read(tmp_path if algorithm == "dqn" else trained)
    first, second = pages(found)
    assert "better than the analytic router" in first.title
    assert [bool(chart.margin.series) for chart in first.chart] == [True, False, False, False]
    tags = set(found.Tags()["scalars"])
    (series,) = first.chart[0].margin.series
    assert {series.value, series.lower, series.upper} <= tags
    for chart in (*first.chart[1:], *second.chart):
        for pattern in chart.multiline.tag:
            # TensorBoard matches so: no chart may draw another one's curve.
            assert [tag for tag in tags if re.match(pattern, tag)] == [pattern]


def test_the_gap_is_the_one_of_the_log(trained: Path) -> None:
    events = read(trained)
    found = curves(events)
    told = VALIDATED.findall((trained / LOG).read_text())
    assert len(told) > 1
    (series,) = pages(events)[0].chart[0].margin.series
    shown = zip(*(found[tag] for tag in (series.lower, series.value, series.upper)), strict=True)
    for (frames, mean, half, edge), ((at, low), (_, gap), (_, high)), (_, share) in zip(
        told, shown, found["validation/edge_share"], strict=True
    ):
        assert int(frames.replace(",", "")) == at
        assert gap == pytest.approx(float(mean), abs=6e-4)
        assert gap - low == pytest.approx(float(half), abs=6e-4)
        assert high - gap == pytest.approx(float(half), abs=6e-4)
        assert share == pytest.approx(float(edge) / 100, abs=6e-4)


def test_what_a_resumed_training_repeats_is_drawn_once(tmp_path: Path) -> None:
    checkpoint, early = tmp_path / CHECKPOINT, tmp_path / "early"
    follower = Follower()

    def put_aside(standing: Standing, verdict: Verdict) -> None:
        if not early.exists() and standing.frames > 0:
            shutil.copy(checkpoint, early)

    follower.judged = put_aside
    assert training(frames=768).run(tmp_path, follower).finished
    before = read(tmp_path)
    early.replace(checkpoint)
    (events,) = tmp_path.glob("events.*")
    # TensorBoard reads the files by name: an earlier second than that of the next file.
    events.rename(events.with_name("events.out.tfevents.1.first"))
    assert training(frames=768).run(tmp_path, resume=True).finished
    after = read(tmp_path)
    assert len(list(tmp_path.glob("events.*"))) == 2
    assert len(curves(before)["validation/gap"]) > 2
    assert curves(after) == curves(before)
    assert [picture.step for picture in after.Images(EPISODE)] == [
        picture.step for picture in before.Images(EPISODE)
    ]


def test_each_validation_has_an_animation(trained: Path) -> None:
    pytest.importorskip("pygame")
    pictures = pytest.importorskip("PIL.Image")
    found = read(trained)
    animations = found.Images(EPISODE)
    validated = [point.step for point in found.Scalars("validation/gap")]
    assert [animation.step for animation in animations] == validated
    for animation in animations:
        film = pictures.open(io.BytesIO(animation.encoded_image_string))
        assert film.format == "GIF"
        assert film.size == (animation.width, animation.height) == (320, 200)
        assert 6 < film.n_frames <= 24
        assert len(animation.encoded_image_string) < 100_000


def test_without_pygame_the_training_is_the_same(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("pygame")
    monkeypatch.setitem(sys.modules, "pygame", None)  # importing it raises ImportError
    training().run(tmp_path)
    assert read(tmp_path).Tags()["images"] == []
    assert curves(read(tmp_path)) == curves(read(trained))
    for name in (LOG, FILE, CHECKPOINT):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()
    assert capfd.readouterr() == ("", "")

"""`edgeroute watch` shows routers on one trace, in a window or as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest
from PIL import Image

from edgeroute_env.rendering.window import Window
from tests.helpers.command_line import Command, write_scenario

WATCH = ("watch", "edge", "device", "-s", "tiny.yaml", "--quiet", "--width", "320")


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.chdir(tmp_path)
    write_scenario(tmp_path)


@pytest.mark.parametrize("name", ["both.gif", "both.webp"])
def test_a_film_holds_every_turn_of_both_routers(name: str, edgeroute: Command) -> None:
    ended = edgeroute(*WATCH, "--seed", "3", "--fps", "5", "-o", name)
    assert (ended.code, ended.err) == (0, "")
    with Image.open(name) as film:
        assert film.size == (640, 200)
        assert film.n_frames == 7  # before each of 6 turns, and the end
        durations = []
        for i in range(film.n_frames):
            film.seek(i)
            film.load()
            durations.append(film.info["duration"])
        shown = np.asarray(film.convert("RGB"))
    assert durations == [200] * 6 + [2200]
    assert not np.array_equal(shown[:, :320], shown[:, 320:])
    single = edgeroute("run", "-s", "tiny.yaml", "--router", "edge", "--seed", "3", "--quiet")
    total = single.out.splitlines()[-1].split()[1]
    assert f"edge: return +{total}, 6 turns" in ended.out


def test_a_film_that_exists_stays_unless_told_otherwise(edgeroute: Command) -> None:
    Path("x.gif").write_text("mine")
    ended = edgeroute(*WATCH, "-o", "x.gif")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--overwrite" in ended.err
    assert Path("x.gif").read_text() == "mine"
    assert edgeroute(*WATCH, "-o", "x.gif", "--overwrite").code == 0
    assert Path("x.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("-o", "film.avi"), ".gif, .webp, .mp4"),
        (("-o", "nowhere/film.gif"), "existing folder"),
        (("edge", "edge", "edge"), "at most 4"),
        (("clairvoyant",), "observations alone"),
        (("no-such-router",), "no-such-router"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], named: str, edgeroute: Command) -> None:
    ended = edgeroute(*WATCH, *arguments)
    assert ended.code == 2
    assert named in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("package", "out", "extra"),
    [
        ("pygame", "x.gif", "render"),
        ("PIL", "x.gif", "render"),
        ("imageio_ffmpeg", "x.mp4", "video"),
    ],
)
def test_a_missing_package_is_named(
    package: str, out: str, extra: str, edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    ended = edgeroute(*WATCH, "-o", out)
    assert ended.code == 2
    assert f"pip install 'edgeroute[{extra}]'" in ended.err
    assert not Path(out).exists()


@pytest.mark.parametrize("after", [2, 9])
def test_a_window_closes_before_or_after_the_end(
    after: int, edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    show = Window.show

    def watched(window: Window, frame: Any, frames_per_s: float) -> bool:
        shown.append(frame)
        if len(shown) == after:
            pygame.event.post(pygame.event.Event(pygame.QUIT))
        return show(window, frame, frames_per_s)

    monkeypatch.setattr(Window, "show", watched)
    ended = edgeroute(*WATCH, "--fps", "60")
    assert (ended.code, ended.err) == (0, "")
    assert len(shown) == after
    assert ("not to its end" in ended.out) == (after == 2)


def test_ctrl_c_ends_with_130_and_leaves_no_file(
    edgeroute: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgeroute_env.rendering.film.draw", stopped)
    ended = edgeroute(*WATCH, "-o", "x.gif")
    assert ended.code == 130
    assert not list(Path().glob("*x.gif*"))


def test_an_mp4_is_written_where_ffmpeg_is(edgeroute: Command) -> None:
    pytest.importorskip("imageio_ffmpeg")
    assert edgeroute(*WATCH, "-o", "x.mp4").code == 0
    assert b"ftyp" in Path("x.mp4").read_bytes()[:16]

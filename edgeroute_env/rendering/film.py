"""Several routers on one trace, frame by frame, and the file that such frames become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import replacing
from edgeroute_env.rendering.frame import COLOURS, draw, side_by_side
from edgeroute_env.rendering.history import History
from edgeroute_env.rendering.snapshot import snapshot
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.checks import checked_actions
from edgeroute_env.traces.sources import TraceSource

Frame: TypeAlias = NDArray[np.uint8]

FILES = (".gif", ".webp", ".mp4")
_FIRST = np.zeros(1, np.int64)


class Run:
    """A router's episode, to be drawn before each turn and after the last."""

    def __init__(self, router: Router, scenario: Scenario, source: TraceSource, seed: int) -> None:
        """Begin the episode of a seed."""
        self.router, self.past = router, History()
        self._scenario, self._batch = scenario, Batch(scenario, source, 1)
        self._batch.begin(_FIRST, [seeding.np_random(seed)[0]])
        router.reset(1)

    @property
    def over(self) -> bool:
        """Whether the last turn has been routed."""
        return bool(self._batch.over[0])

    def step(self) -> None:
        """Route the next turn, where there is one."""
        if not self.over:
            actions = checked_actions(self.router.route(self._batch.observations), 1)
            self._batch.step(actions)
            self.past.add(self._batch, 0)

    def frame(self, zoom: float) -> Frame:
        """Return the present moment's picture, with the router's name on it."""
        return draw(snapshot(self._scenario, self._batch, 0, self.past, self.router.name), zoom)


def frames(runs: Sequence[Run], zoom: float = 1.0) -> Iterator[Frame]:
    """Yield the runs side by side, turn by turn, until the last of them is over."""
    yield side_by_side([run.frame(zoom) for run in runs])
    while not all(run.over for run in runs):
        for run in runs:
            run.step()
        yield side_by_side([run.frame(zoom) for run in runs])


def writer(path: Path) -> Callable[[Path, Iterator[Frame], float], None]:
    """Return what writes frames to a file of the kind that a path's name ends in.

    Raises:
        InputError: the kind is none of `FILES`, or the package that writes it is missing.
    """
    kind = path.suffix.lower()
    if kind not in FILES:
        raise InputError("--out", str(path), f"a file that ends in {', '.join(FILES)}")
    if kind == ".mp4":
        with needs(f"{kind} files", "video"):
            import imageio_ffmpeg  # noqa: F401
        return _write_mp4
    with needs(f"{kind} files", "render"):
        import PIL  # noqa: F401
    return _write_gif if kind == ".gif" else _write_webp


def save(path: Path, shown: Iterator[Frame], frames_per_s: float) -> None:
    """Write frames to a file, the last for two seconds; what was there is replaced at the end."""
    write = writer(path)
    with replacing(path) as part:
        write(part, _with_a_pause(shown, round(2 * frames_per_s)), frames_per_s)


def _with_a_pause(shown: Iterator[Frame], count: int) -> Iterator[Frame]:
    last = None
    for last in shown:
        yield last
    if last is not None:
        yield from [last] * count


def _write_gif(part: Path, shown: Iterator[Frame], frames_per_s: float) -> None:
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(_tints())
    # Without dithering, what stays the same from frame to frame takes no room.
    few = (
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in shown
    )
    duration_ms = round(1000 / frames_per_s)
    next(few).save(part, "GIF", save_all=True, append_images=few, duration=duration_ms, loop=0)


def _tints() -> list[int]:
    """Return the frame's colours as they fade into white: red, green, blue, red, ... of each."""
    shares = np.linspace(0.0, 1.0, 256 // len(COLOURS), endpoint=False)[:, None, None]
    pure = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS])
    tints: list[int] = (pure + (255 - pure) * shares).round().astype(int).ravel().tolist()
    return tints


def _write_webp(part: Path, shown: Iterator[Frame], frames_per_s: float) -> None:
    from PIL import Image

    pictures = (Image.fromarray(frame) for frame in shown)
    duration_ms = round(1000 / frames_per_s)
    next(pictures).save(
        part,
        "WEBP",
        save_all=True,
        append_images=pictures,
        duration=duration_ms,
        loop=0,
        lossless=True,
        quality=50,  # how hard it looks for a small file
        method=2,
    )


def _write_mp4(part: Path, shown: Iterator[Frame], frames_per_s: float) -> None:
    import imageio_ffmpeg

    first = next(shown)
    size = first.shape[1], first.shape[0]
    film = imageio_ffmpeg.write_frames(
        str(part), size, fps=frames_per_s, macro_block_size=2, output_params=["-f", "mp4"]
    )
    film.send(None)
    for frame in chain([first], shown):
        film.send(np.ascontiguousarray(frame))
    film.close()

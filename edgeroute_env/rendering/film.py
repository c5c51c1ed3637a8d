"""Several routers on one trace, frame by frame, and the file that such frames become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import replacing
from edgeroute_env.rendering.colours import COLOURS
from edgeroute_env.rendering.frame import draw, side_by_side
from edgeroute_env.rendering.run import Run

Frame: TypeAlias = NDArray[np.uint8]

FILES = (".gif", ".webp", ".mp4")


def frames(runs: Sequence[Run], zoom: float = 1.0) -> Iterator[Frame]:
    """Yield the runs side by side, turn by turn, until the last of them is over."""
    yield side_by_side([draw(run.shot(), zoom) for run in runs])
    while not all(run.over for run in runs):
        for run in runs:
            run.step()
        yield side_by_side([draw(run.shot(), zoom) for run in runs])


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
    return write_gif if kind == ".gif" else _write_webp


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


def write_gif(part: Path | IO[bytes], shown: Iterator[Frame], frames_per_s: float) -> None:
    """Write frames as a GIF that repeats, in the frame's own colours."""
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

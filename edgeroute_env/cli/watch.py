"""`edgeroute watch`: routers side by side on one trace, in a window or as a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.options import console, progress
from edgeroute_env.cli.runs import RoutersArgument, begun, tell_returns
from edgeroute_env.envs.rendering import NARROWEST, USUAL, WIDEST
from edgeroute_env.errors import needs
from edgeroute_env.files import refuse_overwrite

OUT_HELP = "A .gif, .webp or .mp4 file; default: a window."
WIDTH_HELP = "Pixels of each router's picture; its height is 5/8 of it."


def watch(
    routers: RoutersArgument,
    scenario: options.ScenarioOption = "paper",
    seed: options.SeedOption = 0,
    traces: options.TracesOption = "auto",
    trace: options.TraceOption = None,
    overrides: options.SetOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=OUT_HELP)] = None,
    frames_per_s: Annotated[
        float, typer.Option("--fps", min=0.5, max=60.0, help="Turns shown in a second.")
    ] = 4.0,
    width: Annotated[int, typer.Option(min=NARROWEST, max=WIDEST, help=WIDTH_HELP)] = USUAL,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Watch routers side by side: the same trace, turn by turn.

    A window closes by Esc, q or its button. For example:
    edgeroute watch bao-multi-queue ppo --seed 7 -o both.webp
    """
    with needs("pictures", "render"):
        import pygame  # noqa: F401  (before anything is fitted or drawn)
    from edgeroute_env.rendering.film import frames, save, writer

    if out is not None:
        writer(out)
        refuse_overwrite(out, overwrite)
    title, told, runs = begun(routers, scenario, seed, traces, trace, overrides, quiet)
    if out is None:
        _show(frames(runs, width / USUAL), title, frames_per_s)
    else:
        with progress(quiet) as bar:
            shown = bar.track(
                frames(runs, width / USUAL),
                total=runs[0].length + 1,
                description=f"drawing {out.name}",
            )
            save(out, iter(shown), frames_per_s)
        console.print(f"{told}: {out}", soft_wrap=True)
    tell_returns(routers, runs)


def _show(shown: Iterator[Any], title: str, frames_per_s: float) -> None:
    """Show frames in a window, the last until it is closed."""
    from edgeroute_env.rendering.window import Window

    window = Window(title)
    try:
        frame = None
        for frame in shown:
            if not window.show(frame, frames_per_s):
                return
        while frame is not None and window.show(frame, frames_per_s):
            pass
    finally:
        window.close()

"""What TensorBoard shows of a training: two pages of charts, and an episode at each validation."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter

from edgeroute_agents.judging import Verdict
from edgeroute_env.rendering import need_pygame
from edgeroute_env.rendering.film import write_gif
from edgeroute_env.rendering.frame import draw
from edgeroute_env.rendering.run import Run

Chart: TypeAlias = list[str | list[str]]  # the kind, and the tags
EPISODE = "validation/episode"  # the animation's tag
FRAMES, FRAMES_PER_S, ZOOM = 24, 4.0, 0.5  # of an animation; 320 x 200 pixels
_BESIDE = {"quality": "Quality", "latency_s": "Latency, s", "edge_share": "Edge share"}
# The names of the field, and where SB3 logs them.
_LEARNING = {
    "ppo": {
        "Policy loss": "train/policy_gradient_loss",
        "Value loss": "train/value_loss",
        "Entropy loss (entropy, negated)": "train/entropy_loss",
        "Explained variance of the returns": "train/explained_variance",
        "Approximate KL divergence": "train/approx_kl",
        "Clip fraction": "train/clip_fraction",
        "Learning rate": "train/learning_rate",
    },
    "dqn": {
        "TD loss": "train/loss",
        "Exploration rate (epsilon)": "rollout/exploration_rate",
        "Learning rate": "train/learning_rate",
    },
}


def layout(algorithm: str) -> dict[str, dict[str, Chart]]:
    """Return the charts of "ppo" or "dqn" by page and title, as `add_custom_scalars` takes them.

    TensorBoard reads the tags of a "Multiline" as patterns that match at a tag's beginning.
    """
    gap: Chart = [
        "Margin",
        [f"validation/gap{end}" for end in ("", "_low", "_high")],
    ]
    beside: dict[str, Chart] = {
        f"{title}, beside the analytic router's": [
            "Multiline",
            [f"validation/{name}", f"validation/analytic_{name}"],
        ]
        for name, title in _BESIDE.items()
    }
    return {
        "Is it better than the analytic router yet?": {
            "Gap in return, 95 % interval: better where all of it is above 0": gap,
            **beside,
        },
        "Learning": {title: ["Multiline", [tag]] for title, tag in _LEARNING[algorithm].items()},
    }


def validation_curves(verdict: Verdict, analytic: Verdict) -> dict[str, float]:
    """Return the points that a validation adds, by tag; `analytic` is the analytic router's."""
    own, theirs = asdict(verdict), asdict(analytic)
    return {
        "validation/gap": verdict.gap,
        "validation/gap_low": verdict.gap - verdict.half_width,
        "validation/gap_high": verdict.gap + verdict.half_width,
        "validation/surely_over_start": verdict.surely,
        "validation/collapsed": float(verdict.collapsed is not None),
        **{f"validation/{name}": own[name] for name in _BESIDE},
        **{f"validation/analytic_{name}": theirs[name] for name in _BESIDE},
    }


def add_episode(writer: SummaryWriter, run: Run, frames: int) -> None:
    """Write an episode as an animation, with the number of frames trained so far.

    Nothing is written where the extra `render` is not installed.
    """
    if not _can_draw():
        return
    memory = io.BytesIO()
    write_gif(memory, _pictures(run), FRAMES_PER_S)
    # Not `add_video`: it needs moviepy, and TensorBoard takes a GIF for an image.
    picture = Summary.Image(
        height=round(400 * ZOOM),
        width=round(640 * ZOOM),
        colorspace=3,
        encoded_image_string=memory.getvalue(),
    )
    _file(writer).add_summary(Summary(value=[Summary.Value(tag=EPISODE, image=picture)]), frames)


def forget_after(writer: SummaryWriter, frames: int) -> None:
    """Let TensorBoard drop the points after so many frames: they are about to come again."""
    restart = SessionLog(status=SessionLog.START)
    _file(writer).add_event(Event(session_log=restart), frames + 1)


def _can_draw() -> bool:
    try:
        need_pygame()
        import PIL  # noqa: F401  (here, so that nobody needs it who draws nothing)
    except (DependencyNotInstalled, ImportError):
        return False
    return True


def _file(writer: SummaryWriter) -> Any:
    """Return what takes a writer's records; torch does not declare its type."""
    return writer.file_writer


def _pictures(run: Run) -> Iterator[NDArray[np.uint8]]:
    """Yield at most FRAMES pictures, evenly spaced, of an episode that begins."""
    stride = -(-run.shot().length // (FRAMES - 1))
    yield draw(run.shot(), ZOOM)
    while not run.over:
        for _ in range(stride):
            run.step()
        yield draw(run.shot(), ZOOM)

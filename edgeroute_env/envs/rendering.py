"""What `render` returns: a picture, or the last turn as a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch


def picture(scenario: Scenario, batch: Batch, pasts: Sequence[Sequence[Any]]) -> NDArray[np.uint8]:
    """Return the first episodes of a batch as tiles of one picture, uint8, shape (h, w, 3).

    `pasts` holds, for each episode to be drawn, the OUTCOME of every turn so far.

    Raises:
        DependencyNotInstalled: pygame is missing.
    """
    try:
        import pygame  # noqa: F401  (here, so that nobody needs it who draws nothing)
    except ImportError as error:
        need = "rendering needs pygame; install it with: pip install 'edgeroute[render]'"
        raise DependencyNotInstalled(need) from error
    from edgeroute_env.rendering.frame import draw, tiles
    from edgeroute_env.rendering.snapshot import snapshot

    return tiles([draw(snapshot(scenario, batch, e, past)) for e, past in enumerate(pasts)])


def describe(batch: Batch) -> str:
    """Return what happened to the turn that a batch of one has just routed."""
    cursor = int(batch.episodes["cursor"][0])
    if cursor == 0:
        return "no turn routed yet"
    row = batch.traces[batch.episodes["trace"][0], cursor - 1]
    out = batch.outcomes[0]
    place = "edge" if out["edge_call"] else "device"
    if out["failed"]:
        place = "failed"
    elif out["refused"]:
        place = "refused, device"
    return (
        f"t={row['arrival_s']:8.1f} s  turn {row['turn']}  {row['prompt_tokens']:5.0f} tokens  "
        f"score {row['score']:.2f}  SNR {row['snr_db']:5.1f} dB  load {row['edge_load']:.2f}  "
        f"-> {place:<6}  latency {out['latency_s']:6.2f} s (first token {out['ttft_s']:5.2f})  "
        f"quality {out['quality']:.2f}  reward {out['reward']:+.3f}"
    )

"""What a reset and a step report beside observation and reward: one flat mapping, always the same.

Flat, because collectors of data (Minari, TorchRL) make a column of each key, and with the keys of
a step at the reset too, because they make the columns from the first info that they see.
"""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.simulator.state import FIGURES, LATENCY_PARTS, OUTCOME, REWARD_TERMS

# Each key of an info, and the field of OUTCOME that it shows.
FIELDS = {
    **{name: name for name in FIGURES},
    **{f"reward_{term}": f"reward_{term}" for term in REWARD_TERMS},
    **{f"latency_{part}_s": f"{part}_s" for part in LATENCY_PARTS},
}
ENDS = ("reward", "terminated", "truncated")  # the fields of OUTCOME that no info shows

_columns = itemgetter(*((OUTCOME.names or ()).index(field) for field in FIELDS.values()))
_MASKS = [f"_{key}" for key in FIELDS]
_NO_TURN = dict.fromkeys(FIELDS, math.nan)


def no_turn_info() -> dict[str, float]:
    """Return the `info` of a reset: NaN throughout."""
    return _NO_TURN.copy()


def scalar_info(outcome: list[float]) -> dict[str, float]:
    """Return the `info` of one turn from the fields of its OUTCOME record, in order.

    The keys are written out, because a loop over names would cost a third of a scalar step.
    """
    # fmt: off
    (_, _, _, scoring_s, radio_s, queue_s, switch_s, prefill_s, decode_s,
     quality_term, latency_term, energy_term, edge_call_term, failure_term,
     latency_s, ttft_s, energy_j, quality, edge_call, switched, recomputed_tokens,
     failed, refused, benchmark, radio_ttft_s, edge_energy_j, relative_cost) = outcome
    # fmt: on
    return {
        "latency_s": latency_s,
        "ttft_s": ttft_s,
        "energy_j": energy_j,
        "quality": quality,
        "edge_call": edge_call,
        "switched": switched,
        "recomputed_tokens": recomputed_tokens,
        "failed": failed,
        "refused": refused,
        "benchmark": benchmark,
        "radio_ttft_s": radio_ttft_s,
        "edge_energy_j": edge_energy_j,
        "relative_cost": relative_cost,
        "reward_quality": quality_term,
        "reward_latency": latency_term,
        "reward_energy": energy_term,
        "reward_edge_call": edge_call_term,
        "reward_failure": failure_term,
        "latency_scoring_s": scoring_s,
        "latency_radio_s": radio_s,
        "latency_queue_s": queue_s,
        "latency_switch_s": switch_s,
        "latency_prefill_s": prefill_s,
        "latency_decode_s": decode_s,
    }


def vector_info(figures: NDArray[np.float64], told: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the `info` of a batch: arrays of shape (n,), each with its `_key` mask `told`.

    `figures` (the OUTCOME records as a matrix) becomes part of the result.
    """
    info: dict[str, Any] = dict(zip(FIELDS, _columns(list(figures.T)), strict=True))
    info.update(dict.fromkeys(_MASKS, told))
    return info

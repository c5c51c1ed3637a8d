"""What a step reports beside its reward: the turn's figures, reward terms and latency parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.simulator.state import FIGURES, LATENCY_PARTS, OUTCOME, REWARD_TERMS

_PART_NAMES = tuple(f"{part}_s" for part in LATENCY_PARTS)


def scalar_info(outcome: list[float]) -> dict[str, Any]:
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
        "rewards": {
            "quality": quality_term,
            "latency": latency_term,
            "energy": energy_term,
            "edge_call": edge_call_term,
            "failure": failure_term,
        },
        "latency_parts": {
            "scoring_s": scoring_s,
            "radio_s": radio_s,
            "queue_s": queue_s,
            "switch_s": switch_s,
            "prefill_s": prefill_s,
            "decode_s": decode_s,
        },
    }


def vector_info(figures: NDArray[np.float64], stepped: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the `info` of a batch: arrays of shape (n,), each with its `_key` mask.

    `figures` (the OUTCOME records as a matrix) becomes part of the result.
    """
    columns = dict(zip(OUTCOME.names or (), figures.T, strict=True))
    info: dict[str, Any] = {name: columns[name] for name in FIGURES}
    rewards = {term: columns[f"reward_{term}"] for term in REWARD_TERMS}
    info["rewards"] = _masked(rewards, stepped)
    info["latency_parts"] = _masked({name: columns[name] for name in _PART_NAMES}, stepped)
    return _masked(info, stepped)


def _masked(values: dict[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    return values | {f"_{name}": mask for name in values}

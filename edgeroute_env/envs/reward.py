"""What a step reports beside its reward: the named terms, the latency's parts, the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.simulator.state import FIGURES, LATENCY_PARTS, OUTCOME, REWARD_TERMS

_NAMES = OUTCOME.names or ()
_PARTS = slice(_NAMES.index(f"{LATENCY_PARTS[0]}_s"), _NAMES.index(f"{LATENCY_PARTS[-1]}_s") + 1)
_TERMS = slice(_NAMES.index(f"reward_{REWARD_TERMS[0]}"), _NAMES.index("reward_failure") + 1)
_FIGURES = slice(_NAMES.index(FIGURES[0]), None)
_PART_NAMES = tuple(f"{part}_s" for part in LATENCY_PARTS)


def scalar_info(outcome: tuple[float, ...]) -> dict[str, Any]:
    """Return the `info` of one turn from the fields of its OUTCOME record."""
    info: dict[str, Any] = dict(zip(FIGURES, outcome[_FIGURES], strict=True))
    info["rewards"] = dict(zip(REWARD_TERMS, outcome[_TERMS], strict=True))
    info["latency_parts"] = dict(zip(_PART_NAMES, outcome[_PARTS], strict=True))
    return info


def vector_info(outcomes: NDArray[Any], stepped: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the `info` of a batch: arrays of shape (n,), each with its `_key` mask.

    `outcomes` becomes part of the result, so pass a copy.
    """
    info = {name: outcomes[name] for name in FIGURES}
    rewards = {term: outcomes[f"reward_{term}"] for term in REWARD_TERMS}
    parts = {name: outcomes[name] for name in _PART_NAMES}
    return _masked(
        {**info, "rewards": _masked(rewards, stepped), "latency_parts": _masked(parts, stepped)},
        stepped,
    )


def _masked(values: dict[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    return {**values, **{f"_{name}": mask for name in values}}

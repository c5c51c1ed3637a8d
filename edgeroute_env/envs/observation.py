"""Observations: the space, and the way back to physical values.

The features themselves are declared in `simulator.features`, where the kernel writes them.
"""

from __future__ import annotations

from typing import cast

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.simulator.features import COUNT, HIGH, LOW, NAMES, SCALE


def observation_space() -> gym.Space[NDArray[np.float32]]:
    """Return the float32 box of one observation, shape (32,), with finite bounds."""
    return cast("gym.Space[NDArray[np.float32]]", gym.spaces.Box(LOW, HIGH, dtype=np.float32))


def decode(observations: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Return the features in physical units by name.

    Args:
        observations: shape (32,) or (n, 32).

    Returns:
        One float64 array a feature, of shape () or (n,).

    Raises:
        InputError: the last dimension is not the number of features.
    """
    values = np.asarray(observations, np.float64)
    if values.ndim not in (1, 2) or values.shape[-1] != COUNT:
        raise InputError("observations", f"shape {values.shape}", f"({COUNT},) or (n, {COUNT})")
    physical = values * SCALE
    return {name: physical[..., i] for i, name in enumerate(NAMES)}

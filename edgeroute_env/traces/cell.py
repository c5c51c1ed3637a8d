"""The radio map of a user's cell: mean SNR and line of sight over the places in it.

A place is a standard-normal number. Its level (the normal distribution function there) is the share
of users who are nearer to the base station. So a move is one step of an autoregression, and the SNR
of a place is one interpolation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.physics.radio import (
    LOG_DISTANCE,
    log_distance_loss_db,
    los_probability,
    path_loss_db,
)

LOS_SNR, NLOS_SNR, LOS_SHARE = 0, 1, 2


@compiled
def cell_maps(world: Any, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each user's surroundings, mean SNR (dB) with and without LOS, and P(LOS).

    Args:
        world: WORLD, shape (users,).
        levels: the normal distribution function over the grid of places, shape (z,).

    Returns:
        shape (users, 3, z), rows LOS_SNR, NLOS_SNR and LOS_SHARE, without shadowing and
        penetration.
    """
    maps = np.empty((world.size, 3, levels.size))
    for user in range(world.size):
        w = world[user]
        low, high = w.distance_min_m, w.distance_max_m
        for i in range(levels.size):
            if w.along_line:
                distance_m = low + levels[i] * (high - low)
            else:  # evenly over the cell's area
                distance_m = math.sqrt(low**2 + levels[i] * (high**2 - low**2))
            if int(w.environment) == LOG_DISTANCE:
                share = 1.0
                near_db = log_distance_loss_db(w.path_loss_1m_db, w.path_loss_exponent, distance_m)
                far_db = near_db
            else:
                environment = int(w.environment)
                share = los_probability(environment, distance_m)
                near_db = path_loss_db(
                    environment, True, distance_m, w.carrier_ghz, w.bs_height_m, w.ut_height_m
                )
                far_db = path_loss_db(
                    environment, False, distance_m, w.carrier_ghz, w.bs_height_m, w.ut_height_m
                )
            maps[user, LOS_SNR, i] = w.link_budget_db - near_db
            maps[user, NLOS_SNR, i] = w.link_budget_db - far_db
            maps[user, LOS_SHARE, i] = share
    return maps

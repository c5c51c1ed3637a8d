"""Environments of one batch that explore independently of each other, with no loop over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


class Explores:
    """Before an algorithm of SB3's with a replay buffer among the bases of a class."""

    q_net: Any
    exploration_rate: float
    _last_obs: Any

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return epsilon-greedy actions, twice; SB3 tosses one coin for all environments."""
        del learning_starts, action_noise  # the rule is a better start than coins
        with torch.no_grad():
            greedy = self.q_net._predict(torch.from_numpy(self._last_obs)).numpy()
            coins = torch.rand(2, n_envs).numpy()
        explores = coins[0] < self.exploration_rate
        actions = np.where(explores, coins[1] < 0.5, greedy).astype(np.int64)
        return actions, actions

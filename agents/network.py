"""The layers that PPO's and DQN's policies share: they see an observation and a rule's margin."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

INPUTS = 33  # the features of an observation, and the margin


class Features(BaseFeaturesExtractor):
    """Observations squashed by sign(x) log(1 + |x|); the margin, their last column, as it is.

    A fixed squashing instead of running statistics: a policy then is its weights and nothing
    else, and a wait of an hour does not drown the rest.
    """

    def __init__(self, observation_space: spaces.Box) -> None:
        """Take the space of observations with a margin, (33,)."""
        super().__init__(observation_space, INPUTS)

    def forward(self, observations: Tensor) -> Tensor:
        """Return float32, shape (n, 33)."""
        seen, margin = observations[:, :-1], observations[:, -1:]
        return torch.cat((torch.sign(seen) * torch.log1p(seen.abs()), margin), dim=1)


def layers(widths: tuple[int, ...]) -> nn.Sequential:
    """Return rectified layers over `Features`."""
    stack: list[nn.Module] = []
    width = INPUTS
    for following in widths:
        stack += [nn.Linear(width, following), nn.ReLU()]
        width = following
    return nn.Sequential(*stack)


def silence(layer: Any) -> None:
    """Make a linear layer return zero until it has learned."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)

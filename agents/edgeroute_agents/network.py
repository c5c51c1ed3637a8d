"""The layers that PPO's and DQN's policies share: they see an observation and a rule's margin."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from edgeroute_env.simulator.features import COUNT

ACTOR_INPUTS = COUNT + 1  # the features of an observation, and the margin


class Features(BaseFeaturesExtractor):
    """Observations squashed by sign(x) log(1 + |x|); the margin as it is.

    A fixed squashing instead of running statistics: a policy then is its weights and nothing
    else, and a wait of an hour does not drown the rest.
    """

    def __init__(self, observation_space: spaces.Box) -> None:
        """Take the space of observations with a margin, and what more a critic may see."""
        super().__init__(observation_space, observation_space.shape[0])

    def forward(self, observations: Tensor) -> Tensor:
        """Return float32 of the observations' shape."""
        return squashed(observations)


def squashed(observations: Tensor) -> Tensor:
    """Return what the networks see of observations with margins, the same shape."""
    values = torch.sign(observations) * torch.log1p(observations.abs())
    margin = slice(COUNT, ACTOR_INPUTS)
    return torch.cat((values[:, :COUNT], observations[:, margin], values[:, ACTOR_INPUTS:]), dim=1)


def layers(inputs: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Return rectified layers over the first `inputs` columns of `Features`."""
    stack: list[nn.Module] = []
    width = inputs
    for following in widths:
        stack += [nn.Linear(width, following), nn.ReLU(inplace=True)]
        width = following
    return nn.Sequential(*stack)


def silence(layer: Any) -> None:
    """Make a linear layer return zero until it has learned."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)

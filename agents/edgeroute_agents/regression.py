"""Fit a small network to samples of a mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from edgeroute_agents.network import silence

BATCH, EPOCHS, RATE = 4_096, 6, 3e-3

Loss = Callable[[Tensor, Tensor], Tensor]


def fit(
    layers: nn.Sequential, inputs: Tensor, targets: Tensor, seed: int, loss: Loss
) -> nn.Sequential:
    """Fit a network that ends in a linear layer, from zero, and return it.

    Args:
        layers: the network, (n, inputs) to (n, outputs).
        inputs: shape (n, inputs).
        targets: shape (n, outputs).
        seed: of the order of samples; the caller's random numbers stay as they are.
        loss: of outputs and targets.
    """
    silence(layers[-1])
    order = torch.Generator().manual_seed(seed)
    size = min(BATCH, len(inputs))
    rounds = len(inputs) // size
    optimiser = torch.optim.Adam(layers.parameters(), RATE)
    rates = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, EPOCHS * rounds)
    for _ in range(EPOCHS):
        shuffled = torch.randperm(len(inputs), generator=order)
        for mine in shuffled[: rounds * size].split(size):
            optimiser.zero_grad()
            loss(layers(inputs[mine]), targets[mine]).backward()
            optimiser.step()
            rates.step()
    return layers

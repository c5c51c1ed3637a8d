"""The text part's network and its training loop: early stopping, seeds, resume.

One network is trained on all targets at once: both labels of every pair, the helpers' right or
wrong answers, and the lengths of answers. Only the pairs' outputs are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import missing_package

Floats = NDArray[np.float64]
ENCODER_SLOWER = 25.0  # how much lower a finetuned encoder's learning rate is
Report = Callable[[int, float, float], None]  # epoch, training loss, validation loss


@dataclass(frozen=True)
class Settings:
    """How a scorer is trained; the same for every table.

    batch: questions a step at most; small tables take a fortieth of theirs. The learning rate falls
    linearly over `epochs`; a member stops after `patience` epochs without a better validation loss,
    and its best epoch is kept. length_loss: weight of the squared error of standardised log answer
    lengths beside the cross-entropy.
    """

    hidden: int = 96
    members: int = 3
    epochs: int = 8
    patience: int = 3
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    dropout: float = 0.5
    length_loss: float = 0.3
    seed: int = 0


DEFAULTS = Settings()


class Targets(NamedTuple):
    """What a network learns: shares (n, s), 0 to 1, and standardised log lengths (n, k)."""

    shares: Floats
    lengths: Floats


class State(NamedTuple):
    """A member's training as it stands after an epoch, for a later process to continue."""

    epoch: int
    network: dict[str, Any]
    optimiser: dict[str, Any]
    generator: Any
    best_loss: float
    best: dict[str, Any]
    worse: int  # epochs since the best


def torch_module() -> Any:
    """Return torch; InputError where it is not installed."""
    try:
        import torch
    except ImportError:
        raise missing_package("torch", "training a scorer", "bert") from None
    return torch


def new_network(inputs: int, targets: Targets, settings: Settings, seed: int) -> Any:
    """Return an untrained network that starts at every target's mean."""
    torch = torch_module()
    torch.manual_seed(seed)
    shares = np.clip(targets.shares.mean(axis=0), 0.01, 0.99)
    network = torch.nn.Sequential(
        torch.nn.Dropout(settings.dropout / 2),
        torch.nn.Linear(inputs, settings.hidden),
        torch.nn.GELU(approximate="tanh"),
        torch.nn.Dropout(settings.dropout),
        torch.nn.Linear(settings.hidden, len(shares) + targets.lengths.shape[1]),
    )
    with torch.no_grad():
        network[4].weight.mul_(0.1)
        network[4].bias.zero_()
        network[4].bias[: len(shares)] = torch.tensor(np.log(shares / (1 - shares)))
    return network


def loss(logits: Any, shares: Any, lengths: Any, weight: float) -> Any:
    """Return cross-entropy over the shares plus the weighted squared error of the lengths."""
    functional = torch_module().nn.functional
    count = shares.shape[1]
    total = functional.binary_cross_entropy_with_logits(logits[:, :count], shares)
    if lengths.shape[1]:
        total = total + weight * functional.mse_loss(logits[:, count:], lengths)
    return total


def train_member(
    inputs: Callable[[Any], Any],
    width: int,
    targets: Targets,
    train: NDArray[np.int64],
    held: NDArray[np.int64],
    settings: Settings,
    seed: int,
    start: State | None = None,
    extra: Any = None,
    report: Report = lambda epoch, training, validation: None,
    save: Callable[[State], None] = lambda state: None,
) -> Any:
    """Train a network until its loss on the held-out rows stops falling; return the best one.

    Args:
        inputs: rows -> float tensor (rows, width); what it computes is trained too, if `extra` is
            the module it computes with.
        start: where an interrupted training of the same member stood.
        report, save: told after each epoch.
    """
    torch = torch_module()
    network = new_network(width, targets, settings, seed)
    trained = torch.nn.ModuleList([network] if extra is None else [network, extra])
    groups = [{"params": list(network.parameters()), "initial_lr": settings.learning_rate}]
    if extra is not None:
        slow = settings.learning_rate / ENCODER_SLOWER
        groups.append({"params": list(extra.parameters()), "initial_lr": slow})
    optimiser = torch.optim.AdamW(
        groups, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    generator = np.random.default_rng(seed)
    shares = torch.tensor(targets.shares, dtype=torch.float32)
    lengths = torch.tensor(targets.lengths, dtype=torch.float32)
    state = State(0, {}, {}, None, float("inf"), _copy(trained), 0) if start is None else start
    if start is not None:
        trained.load_state_dict(start.network)
        optimiser.load_state_dict(start.optimiser)
        numpy_state, torch_state = start.generator
        generator.bit_generator.state = numpy_state
        torch.set_rng_state(torch_state)
    batch = max(8, min(settings.batch, len(train) // 40))
    while state.epoch < settings.epochs and state.worse < settings.patience:
        trained.train()
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * (1.0 - state.epoch / settings.epochs)
        total = 0.0
        order = generator.permutation(train)
        parts = np.array_split(order, max(1, len(order) // batch))
        for rows in parts:
            value = loss(network(inputs(rows)), shares[rows], lengths[rows], settings.length_loss)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            total += float(value.detach())
        trained.eval()
        with torch.no_grad():
            pieces = np.array_split(held, max(1, len(held) // 256))
            logits = torch.cat([network(inputs(rows)) for rows in pieces])
            validation = float(loss(logits, shares[held], lengths[held], settings.length_loss))
        better = validation < state.best_loss
        state = State(
            epoch=state.epoch + 1,
            network=_copy(trained),
            optimiser=optimiser.state_dict(),
            generator=(generator.bit_generator.state, torch.get_rng_state()),
            best_loss=min(validation, state.best_loss),
            best=_copy(trained) if better else state.best,
            worse=0 if better else state.worse + 1,
        )
        report(state.epoch, total / len(parts), validation)
        save(state)
    trained.load_state_dict(state.best)
    trained.eval()
    return network


def _copy(module: Any) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}

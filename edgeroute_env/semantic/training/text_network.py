"""The text part's network and its training loop: early stopping, seeds, resume.

One network is trained on all targets at once: both labels of every pair, the helpers' right or
wrong answers, and the lengths of answers. Only the pairs' outputs are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edgeroute_env.errors import InputError, shown
from edgeroute_env.semantic.head import Floats
from edgeroute_env.semantic.scorer_settings import ScorerSettings


class Targets(NamedTuple):
    """What a network learns: shares (n, s), 0 to 1, and standardised log lengths (n, k)."""

    shares: Floats
    lengths: Floats


class MemberState(NamedTuple):
    """A member's training as it stands after an epoch, for a later process to continue."""

    epoch: int
    network: dict[str, Any]
    optimiser: dict[str, Any]
    generator: Any  # numpy's state for the order of questions, torch's for dropout
    best_loss: float
    best: dict[str, Any]
    worse: int  # epochs since the best


class Lesson(NamedTuple):
    """What a network reads and learns, as tensors of one row a question."""

    inputs: Tensor
    shares: Tensor
    lengths: Tensor
    length_loss: float

    def loss(self, network: torch.nn.Module, rows: NDArray[np.int64]) -> Tensor:
        """Return cross-entropy over the shares plus the weighted squared error of the lengths."""
        outputs = network(self.inputs[rows])
        shares, lengths = self.shares[rows], self.lengths[rows]
        count = shares.shape[1]
        total = functional.binary_cross_entropy_with_logits(outputs[:, :count], shares)
        if lengths.shape[1]:
            total = total + self.length_loss * functional.mse_loss(outputs[:, count:], lengths)
        return total


def new_network(
    inputs: int, targets: Targets, settings: ScorerSettings, seed: int
) -> torch.nn.Sequential:
    """Return an untrained network that starts at every target's mean."""
    torch.manual_seed(seed)
    shares = np.clip(targets.shares.mean(axis=0), 0.01, 0.99)
    hidden = torch.nn.Linear(inputs, settings.hidden)
    output = torch.nn.Linear(settings.hidden, len(shares) + targets.lengths.shape[1])
    network = torch.nn.Sequential(
        torch.nn.Dropout(settings.dropout / 2),
        hidden,
        torch.nn.GELU(approximate="tanh"),
        torch.nn.Dropout(settings.dropout),
        output,
    )
    with torch.no_grad():
        output.weight.mul_(0.1)
        output.bias.zero_()
        output.bias[: len(shares)] = torch.tensor(np.log(shares / (1 - shares)))
    return network


def train_member(
    inputs: Tensor,
    targets: Targets,
    train: NDArray[np.int64],
    held: NDArray[np.int64],
    settings: ScorerSettings,
    seed: int,
    start: MemberState | None = None,
    after_epoch: Callable[[MemberState, float, float], None] = lambda *_: None,
) -> torch.nn.Sequential:
    """Train a network until its loss on the held-out rows stops falling; return the best one.

    `inputs` are (n, d), `targets` of the same n questions, of which the rows `train` are learnt
    and the rows `held` tell when to stop. `seed` sets the first weights, the dropout and the order
    of questions. `start` is where an interrupted training of the same member stood. `after_epoch`
    is told the state, the training loss and the validation loss.
    """
    network = new_network(inputs.shape[1], targets, settings, seed)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
    generator = np.random.default_rng(seed)
    shares, lengths = (torch.tensor(values, dtype=torch.float32) for values in targets)
    lesson = Lesson(inputs, shares, lengths, settings.length_loss)
    state = MemberState(0, {}, {}, None, float("inf"), _copy(network), 0)
    if start is not None:
        state = start
        _restore(start, network, optimiser, generator)
    batch = max(8, min(settings.batch, len(train) // 40))
    while state.epoch < settings.epochs and state.worse < settings.patience:
        optimiser.param_groups[0]["lr"] = settings.learning_rate * (
            1.0 - state.epoch / settings.epochs
        )
        order = generator.permutation(train)
        parts = np.array_split(order, max(1, len(order) // batch))
        training = _train_epoch(network, optimiser, lesson, parts)
        network.eval()
        with torch.no_grad():
            validation = float(lesson.loss(network, held))
        better = validation < state.best_loss
        state = MemberState(
            epoch=state.epoch + 1,
            network=_copy(network),
            optimiser=optimiser.state_dict(),
            generator=(generator.bit_generator.state, torch.get_rng_state()),
            best_loss=min(validation, state.best_loss),
            best=_copy(network) if better else state.best,
            worse=0 if better else state.worse + 1,
        )
        after_epoch(state, training, validation)
    network.load_state_dict(state.best)
    return network.eval()


def _restore(
    start: MemberState,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: np.random.Generator,
) -> None:
    """Put a member's training where it stood; InputError where the state is none of ours."""
    try:
        if type(start.epoch) is not int or type(start.worse) is not int or start.epoch < 0:
            raise ValueError("its epochs are no whole numbers")
        if not isinstance(start.best_loss, float):
            raise ValueError("its loss is no number")
        for weights in (start.best, start.network):
            network.load_state_dict(weights)
        optimiser.load_state_dict(start.optimiser)
        generator.bit_generator.state, torch_state = start.generator
        torch.set_rng_state(torch_state)
    except Exception as error:  # what others have crafted fails in many ways
        allowed = f"a checkpoint that edgeroute score train wrote ({shown(error)})"
        raise InputError("--resume", "a member's state", allowed) from None


def _train_epoch(
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    lesson: Lesson,
    parts: list[NDArray[np.int64]],
) -> float:
    """Take one step of the optimiser a part; return the mean loss."""
    network.train()
    total = 0.0
    for rows in parts:
        loss = lesson.loss(network, rows)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        total += loss.item()
    return total / len(parts)


def _copy(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}

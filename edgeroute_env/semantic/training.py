"""Training a head: members stopped early on folds of their own, then mixed and calibrated there.

Each of the members leaves one fold out, on which it is stopped; the predictions on the folds left
out, made by members that did not see them, fit the weights of text and length and the calibration.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.semantic.calibration import mixed
from edgeroute_env.semantic.features import FEATURES, Prepared
from edgeroute_env.semantic.folds import By, folds
from edgeroute_env.semantic.head import CLIP, Floats, Head, spread
from edgeroute_env.semantic.network import (
    DEFAULTS,
    Settings,
    State,
    Targets,
    torch_module,
    train_member,
)
from edgeroute_env.semantic.questions import Questions

LENGTH_PENALTY = 1.0  # ridge on the length part's standardised weights


class Watcher(Protocol):
    """What follows a training: a progress bar, TensorBoard, a file to resume from."""

    def epoch(self, member: int, epoch: int, training: float, validation: float) -> None:
        """Note a member's losses after an epoch."""

    def start(self, member: int) -> State | None:
        """Return the State from which the member continues, or None to begin anew."""

    def save(self, member: int, state: State) -> None:
        """Keep a State for `start`."""


class Unwatched:
    """A Watcher that keeps nothing."""

    def epoch(self, member: int, epoch: int, training: float, validation: float) -> None:
        """Do nothing."""

    def start(self, member: int) -> State | None:
        """Return None: begin anew."""
        return None

    def save(self, member: int, state: State) -> None:
        """Do nothing."""


def fit(
    questions: Questions,
    inputs: Prepared,
    about: dict[str, Any],
    by: By = "question",
    settings: Settings = DEFAULTS,
    watcher: Watcher | None = None,
) -> Head:
    """Return a head trained and calibrated on the questions.

    Args:
        inputs: of the same questions, from `prepared`.
        about: what the head should say of itself; `pairs` is added.
        by: whether the folds leave out questions or whole groups: calibration then holds for
            questions of known or of unknown groups.

    Raises:
        InputError: fewer different questions or groups than members.
    """
    watcher = watcher or Unwatched()
    torch = torch_module()
    labels = questions.labels().reshape(len(questions), -1)
    mean, scale = spread(inputs.text)
    x = torch.tensor(np.clip((inputs.text - mean) / scale, -CLIP, CLIP), dtype=torch.float32)
    fold = folds(questions, by, settings.members, settings.seed)
    networks, text = [], np.zeros_like(labels)
    for member in range(settings.members):
        held = np.flatnonzero(fold == member)
        network = train_member(
            lambda rows: x[rows],
            x.shape[1],
            targets_of(questions),
            np.flatnonzero(fold != member),
            held,
            settings,
            seed=1000 * settings.seed + member,
            start=watcher.start(member),
            report=partial(watcher.epoch, member),
            save=partial(watcher.save, member),
        )
        with torch.no_grad():
            text[held] = network(x[held])[:, : labels.shape[1]].numpy()
        networks.append(network)
    about = {**about, "pairs": list(questions.pairs), "by": by}
    held = np.arange(len(questions))
    return assembled(Trained(networks, mean, scale, text), questions, inputs, fold, held, about)


class Trained(NamedTuple):
    """Networks, their inputs' mean and scale, and their logits (n, o) on what they did not see."""

    networks: list[Any]
    mean: Floats
    scale: Floats
    logits: Floats


def assembled(
    trained: Trained,
    questions: Questions,
    inputs: Prepared,
    fold: NDArray[np.int64],
    held: NDArray[np.int64],
    about: dict[str, Any],
) -> Head:
    """Return the head of trained networks, mixed and calibrated on the rows `held`."""
    labels = questions.labels().reshape(len(questions), -1)
    length_mean, length_scale = spread(inputs.length)
    z = (inputs.length - length_mean) / length_scale
    length = np.zeros_like(labels)
    for k in np.unique(fold[held]):
        weight, bias = length_part(z[fold != k], labels[fold != k])
        length[fold == k] = z[fold == k] @ weight + bias
    weight, bias = length_part(z, labels)
    mix = [
        mixed(
            labels[held, k],
            trained.logits[held, k],
            length[held, k],
            fold[held],
            unseen_groups=about["by"] == "group",
        )
        for k in range(labels.shape[1])
    ]
    return Head(
        text_mean=trained.mean,
        text_scale=trained.scale,
        **_stacked(trained.networks, labels.shape[1]),
        length_mean=length_mean,
        length_scale=length_scale,
        length_weight=weight,
        length_bias=bias,
        mix=np.stack(mix, axis=1),
        about={**about, "shape_features": len(FEATURES)},
    )


def targets_of(questions: Questions) -> Targets:
    """Return what a network learns: the pairs' labels first, then what helps."""
    labels = questions.labels().reshape(len(questions), -1)
    wrong = (labels, 1.0 - questions.edge, 1.0 - questions.helpers)
    return Targets(np.concatenate(wrong, axis=1), _standard_lengths(questions.lengths))


def length_part(z: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """Return weights (4, o) and biases (o,) of ridge logistic regressions on the lengths."""
    from sklearn.linear_model import LogisticRegression

    weights, biases = [], []
    for column in labels.T:
        if column.min() == column.max():
            weights.append(np.zeros(z.shape[1]))
            biases.append(10.0 * (2.0 * column[0] - 1.0))
            continue
        fitted = LogisticRegression(C=1.0 / LENGTH_PENALTY, max_iter=1000).fit(z, column)
        weights.append(fitted.coef_[0])
        biases.append(float(fitted.intercept_[0]))
    return np.stack(weights, axis=1), np.array(biases)


def _standard_lengths(tokens: Floats) -> Floats:
    logs = np.log1p(tokens)
    mean, scale = spread(logs)
    return np.clip((logs - mean) / scale, -3.0, 3.0)


def _stacked(networks: list[Any], outputs: int) -> dict[str, Floats]:
    """Return the members' weights for the pairs' outputs, one array a layer."""

    def stack(layer: int, name: str, count: int | None = None) -> Floats:
        values = [getattr(network[layer], name).detach().numpy()[:count] for network in networks]
        return np.stack([value.T.astype(np.float64) for value in values])

    return {
        "hidden_weight": stack(1, "weight"),
        "hidden_bias": stack(1, "bias"),
        "out_weight": stack(4, "weight", outputs),
        "out_bias": stack(4, "bias", outputs),
    }

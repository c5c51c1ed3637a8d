"""Training a head: members stopped early on folds of their own, then mixed and calibrated there.

Each of the members leaves one fold out, on which it is stopped; the predictions on the folds left
out, made by members that did not see them, fit the weights of text and length and the calibration.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeroute_env.semantic.encoder import Encoder
from edgeroute_env.semantic.head import CLIP, OUTPUTS, Floats, Head
from edgeroute_env.semantic.prompt_features import FEATURES, Prepared, prepared
from edgeroute_env.semantic.questions import Questions, Recipe
from edgeroute_env.semantic.scorer_settings import DEFAULT_SETTINGS, By, ScorerSettings
from edgeroute_env.semantic.training.folds import folds
from edgeroute_env.semantic.training.length_part import length_part, spread
from edgeroute_env.semantic.training.mixing import fit_mix
from edgeroute_env.semantic.training.text_network import Targets, train_member
from edgeroute_env.semantic.training.training_log import TrainingLog


def train_scorer(
    recipe: Recipe,
    questions: Questions,
    encoder: Encoder,
    by: By = "question",
    settings: ScorerSettings = DEFAULT_SETTINGS,
    log: TrainingLog | None = None,
    progress: Callable[[int], None] | None = None,
) -> Head:
    """Return a head for the pairs of a recipe, trained on its questions' texts and outcomes.

    The encoder reads the texts, and belongs to the head from then on. For `by` see `train_head`.
    `log` keeps a checkpoint and curves of the losses, and may resume. `progress` is told how many
    texts more are encoded.

    Raises:
        InputError: fewer different questions or groups than members, or nothing to resume.
    """
    log = log or TrainingLog()
    about = {
        "encoder": encoder.name,
        "layers": list(encoder.layers),
        "recipe": recipe.model_dump(mode="json"),
        "settings": asdict(settings),
        "questions": len(questions),
        "data_sha256": questions.digest(),
    }
    log.open(json.dumps({**about, "by": by}, sort_keys=True))
    return train_head(questions, read_by(encoder, questions, progress), about, by, settings, log)


def read_by(
    encoder: Encoder, questions: Questions, progress: Callable[[int], None] | None = None
) -> Prepared:
    """Return what a head reads of questions; `progress` is told how many texts more are encoded."""
    seen = encoder.encode(questions.texts, progress)
    return prepared(questions.texts, seen.vectors, seen.tokens)


def train_head(
    questions: Questions,
    inputs: Prepared,
    about: dict[str, Any],
    by: By = "question",
    settings: ScorerSettings = DEFAULT_SETTINGS,
    log: TrainingLog | None = None,
) -> Head:
    """Return a head trained and calibrated on the questions.

    `inputs` are those of `read_by`; `about` is what the head should say of itself, to which `pairs`
    and `by` are added. The folds leave out questions or whole groups, as `by` says: calibration
    then holds for questions of known or of unknown groups.

    Raises:
        InputError: fewer different questions or groups than members.
    """
    labels = questions.labels().reshape(len(questions), -1)
    fold = folds(questions, by, settings.members, settings.seed)
    text_mean, text_scale = spread(inputs.text)
    standard = np.clip((inputs.text - text_mean) / text_scale, -CLIP, CLIP)
    networks, text = _text_part(standard, questions, fold, settings, log or TrainingLog())
    length_mean, length_scale = spread(inputs.length)
    z = (inputs.length - length_mean) / length_scale
    length = np.zeros_like(labels)
    for k in range(settings.members):
        weight, bias = length_part(z[fold != k], labels[fold != k])
        length[fold == k] = z[fold == k] @ weight + bias
    weight, bias = length_part(z, labels)
    mix = [
        fit_mix(labels[:, k], text[:, k], length[:, k], fold, unseen_groups=by == "group")
        for k in range(labels.shape[1])
    ]
    return Head(
        text_mean=text_mean,
        text_scale=text_scale,
        **_stacked(networks, labels.shape[1]),
        length_mean=length_mean,
        length_scale=length_scale,
        length_weight=weight,
        length_bias=bias,
        mix=np.stack(mix, axis=1),
        about={
            **about,
            "pairs": list(questions.pairs),
            "by": by,
            "shape_features": len(FEATURES),
        },
    )


def _text_part(
    standard: Floats,
    questions: Questions,
    fold: NDArray[np.int64],
    settings: ScorerSettings,
    log: TrainingLog,
) -> tuple[list[torch.nn.Sequential], Floats]:
    """Return a network a member, and logits (n, o) of each question by one that did not see it."""
    targets = _targets(questions)
    outputs = len(OUTPUTS) * len(questions.pairs)
    x = torch.tensor(standard, dtype=torch.float32)
    networks, logits = [], np.zeros((len(questions), outputs))
    for member in range(settings.members):
        held = np.flatnonzero(fold == member)
        network = train_member(
            x,
            targets,
            np.flatnonzero(fold != member),
            held,
            settings,
            seed=1000 * settings.seed + member,
            start=log.start(member),
            after_epoch=partial(log.after_epoch, member),
        )
        with torch.no_grad():
            logits[held] = network(x[held])[:, :outputs].numpy()
        networks.append(network)
    return networks, logits


def _targets(questions: Questions) -> Targets:
    """Return what a network learns: the pairs' labels first, then what helps."""
    labels = questions.labels().reshape(len(questions), -1)
    wrong = (labels, 1.0 - questions.edge, 1.0 - questions.helpers)
    logs = np.log1p(questions.lengths)
    mean, scale = spread(logs)
    return Targets(np.concatenate(wrong, axis=1), np.clip((logs - mean) / scale, -3.0, 3.0))


def _stacked(networks: list[torch.nn.Sequential], outputs: int) -> dict[str, Floats]:
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

"""Training the encoder together with the text part's network.

One member, stopped on a fold that neither the network nor the encoder saw, on which it is also
mixed and calibrated. The tuned encoder belongs to the head and is saved beside it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from edgeroute_env.semantic.encoder import Encoder
from edgeroute_env.semantic.features import prepared, shape_features
from edgeroute_env.semantic.folds import By, folds
from edgeroute_env.semantic.head import CLIP, Head, spread
from edgeroute_env.semantic.network import DEFAULTS, Settings, torch_module, train_member
from edgeroute_env.semantic.questions import Questions
from edgeroute_env.semantic.training import (
    Trained,
    Unwatched,
    Watcher,
    assembled,
    targets_of,
)

HELD = 5  # one fold of so many is held out


def finetune(
    questions: Questions,
    encoder: Encoder,
    about: dict[str, Any],
    by: By = "question",
    settings: Settings = DEFAULTS,
    watcher: Watcher | None = None,
) -> Head:
    """Return a head, after training `encoder` in place together with it.

    Raises:
        InputError: too few different questions or groups.
    """
    watcher = watcher or Unwatched()
    torch = torch_module()
    fold = folds(questions, by, HELD, settings.seed)
    train, held = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    ids = encoder.tokens(questions.texts)
    shape = torch.tensor(shape_features(questions.texts), dtype=torch.float32)
    seen = encoder.encode(questions.texts)
    mean, scale = spread(prepared(questions.texts, seen.vectors, seen.tokens).text[train])
    centre = torch.tensor(mean, dtype=torch.float32)
    width = torch.tensor(scale, dtype=torch.float32)

    def inputs(rows: Any) -> Any:
        vectors = encoder.pooled([ids[row] for row in rows])
        standard = (torch.cat([vectors, shape[rows]], dim=1) - centre) / width
        return standard.clamp(-CLIP, CLIP)

    encoder.model.requires_grad_(True)
    network = train_member(
        inputs,
        len(mean),
        targets_of(questions),
        train,
        held,
        settings,
        seed=settings.seed,
        start=watcher.start(0),
        extra=encoder.model,
        report=partial(watcher.epoch, 0),
        save=partial(watcher.save, 0),
    )
    encoder.model.requires_grad_(False)
    seen = encoder.encode(questions.texts)
    after = prepared(questions.texts, seen.vectors, seen.tokens)
    standard = np.clip((after.text - mean) / scale, -CLIP, CLIP)
    with torch.no_grad():
        outputs = network(torch.tensor(standard, dtype=torch.float32)).numpy().astype(np.float64)
    logits = outputs[:, : 2 * len(questions.pairs)]
    about = {**about, "pairs": list(questions.pairs), "by": by}
    return assembled(Trained([network], mean, scale, logits), questions, after, fold, held, about)

"""How a scorer is trained; part of the key by which recorded scores are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What a fold of questions leaves out: single ones or whole groups.
By = Literal["question", "group"]


@dataclass(frozen=True)
class ScorerSettings:
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


DEFAULT_SETTINGS = ScorerSettings()

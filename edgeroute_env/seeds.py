"""Every range of seeds and every stream of random numbers of the project, in one table.

An episode's seed decides its whole trace. The ranges never overlap, so nothing is judged on the
episodes that it was made with:

| seeds | what they are for |
|---|---|
| 0 to 99,999 | fitting the parameters of routers |
| 100,000 to 899,999 | the environments that a policy is trained on, 1,000 for each training |
| 900,000 to 949,999 | validation: which policy, setting or preset is the better one |
| 950,000 to 999,999 | confirmation: episodes that no choice has looked at, once at the end |
| 1,000,000 to 1,999,999 | evaluation: the figures of every table |

Streams are random numbers that belong to no episode.
"""

from __future__ import annotations

import numpy as np

FIT_SEEDS = range(0, 100_000)
TRAINING_SEEDS = range(100_000, 900_000)
SEEDS_A_TRAINING = 1_000
VALIDATION_SEEDS = range(900_000, 950_000)
CONFIRMATION_SEEDS = range(950_000, 1_000_000)
EVALUATION_SEEDS = range(1_000_000, 2_000_000)

POPULATION_SEED = 20_250_811  # of the users that a scenario draws

FUTURES, EXPECTATION, DISTILLATION = range(3)  # the kinds of streams


def training_seeds(training: int) -> range:
    """Return the seeds of the environments of training number `training`, which counts from 0."""
    start = SEEDS_A_TRAINING * training
    return TRAINING_SEEDS[start : start + SEEDS_A_TRAINING]


def stream(kind: int, *index: int) -> np.random.Generator:
    """Return a stream of random numbers of the given kind, e.g. `stream(FUTURES, 3)`."""
    return np.random.default_rng([kind, *index])

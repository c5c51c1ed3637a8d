"""Least squares of a sum of terms with positive constants, and how well each is told.

Errors are relative. A loss that grows linearly keeps single late answers from counting much, since
a loaded machine makes many. A constant that the measurements cannot tell from the others keeps the
value of the base, one at a time, the worst first; the rest is fitted again. What a side cannot do
without is kept longest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import needs

Floats = NDArray[np.float64]

LOSS_TURNS_AT = 0.03  # relative error beyond which the loss is linear
TOLD_WITHIN = 0.5  # half of the interval, over the value
TOO_SMALL = 0.03  # the most that a constant may add to any time, to be told as none
CONFIDENCE = 0.95


class Constant(NamedTuple):
    """One constant: its value and 95 % interval; NaN where it is the base's."""

    value: float
    low: float = float("nan")
    high: float = float("nan")
    told: bool = False


def fit_terms(
    columns: Mapping[str, Floats],
    measured: Floats,
    base: Mapping[str, float],
    needed: Collection[str] = (),
) -> dict[str, Constant]:
    """Return the constants of `measured` = the sum of constant x column, each column (n,).

    Columns that are 0 everywhere tell nothing, and their constants are the base's. Constants that
    are `needed` are the last to become so.
    """
    found: dict[str, Constant] = {}
    free = list(columns)
    while free:
        rest = measured - sum((base[name] * columns[name] for name in found), np.zeros(1))
        table = np.array([columns[name] for name in free]).T / measured[:, None]
        values, halves = _solved(table, rest / measured)
        doubt: dict[str, float] = {}
        untold: list[str] = []
        for name, value, half, column in zip(free, values, halves, table.T, strict=True):
            doubt[name] = half / max(value, 1e-300)
            adds_nothing = (value + half) * column.max() <= TOO_SMALL and column.any()
            if not (adds_nothing or doubt[name] <= TOLD_WITHIN):
                untold.append(name)
        if not untold:
            for name, value, half in zip(free, values, halves, strict=True):
                found[name] = Constant(value, max(0.0, value - half), value + half, True)
            break
        # Where only a needed one is untold, it may be told without the others.
        spare = [name for name in untold if name not in needed]
        spare = spare or [name for name in free if name not in needed] or untold
        worst = max(spare, key=doubt.__getitem__)
        found[worst] = Constant(base[worst])
        free.remove(worst)
    return found


def _solved(table: Floats, wanted: Floats) -> tuple[list[float], list[float]]:
    """Return the constants of the least loss, 0 or more, and half of each one's interval."""
    with needs("fits of measured times", "cli"):
        from scipy.optimize import least_squares
    size = np.abs(table).max(axis=0)
    size[size == 0.0] = 1.0
    scaled = table / size
    start = np.maximum(np.linalg.lstsq(scaled, wanted, rcond=None)[0], 1e-6)
    solution: Any = least_squares(
        lambda x: scaled @ x - wanted,
        start,
        jac=lambda _: scaled,
        bounds=(0.0, np.inf),
        loss="soft_l1",
        f_scale=LOSS_TURNS_AT,
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    freedom = len(wanted) - len(size)
    if freedom < 1:
        return (solution.x / size).tolist(), [float("inf")] * len(size)
    residuals = scaled @ solution.x - wanted
    weights = 1.0 / np.sqrt(1.0 + (residuals / LOSS_TURNS_AT) ** 2)
    # Both halves of a sandwich, since the loss bounds what a late answer pulls.
    inner = np.linalg.pinv(scaled.T @ (scaled * (weights**3)[:, None]))
    pulls = scaled * (weights * residuals)[:, None]
    variance = np.diag(inner @ (pulls.T @ pulls) @ inner) * len(wanted) / freedom
    rank = np.linalg.matrix_rank(scaled, tol=1e-6 * len(wanted))
    halves = quantile(freedom) * np.sqrt(variance)
    if rank < len(size):
        halves[_tied(scaled)] = np.inf
    return (solution.x / size).tolist(), (halves / size).tolist()


def quantile(freedom: int) -> float:
    """Return half of a 95 % interval in standard errors, at so many degrees of freedom."""
    from scipy.stats import t

    return float(t.ppf(0.5 + 0.5 * CONFIDENCE, freedom))


def _tied(scaled: Floats) -> NDArray[np.bool_]:
    """Return which columns are a sum of others, or nothing."""
    _, sizes, directions = np.linalg.svd(scaled, full_matrices=True)
    sizes = np.pad(sizes, (0, len(directions) - len(sizes)))
    tied: NDArray[np.bool_] = (np.abs(directions[sizes < 1e-6 * sizes.max()]) > 1e-3).any(axis=0)
    return tied

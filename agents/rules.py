"""Analytic rules as margins: positive where the rule sends to the edge.

The arithmetic is written once, over a mapping of named physical values; these are NumPy arrays
in a router and, through `Lazy`, torch tensors in a policy, so that both decide alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines import linear
from baselines.bao import fused
from edgeroute_env import InputError, decode

Weights = Mapping[str, float]
Seen = Mapping[str, Any]

BAO, LINEAR = "bao-multi-queue", "linear"
RULES = {BAO: ("alpha_per_s", "theta"), LINEAR: tuple(linear.SCALES)}


def margin(seen: Seen, name: str, weights: Weights) -> Any:
    """Return by how much the rule prefers the edge, in units of quality, shape (n,).

    Args:
        seen: the features in physical units by name, shape (n,) each.
        name: a rule of RULES.
        weights: its fitted parameters.
    """
    if name == BAO:
        return fused(seen, weights["alpha_per_s"]) - weights["theta"]
    return linear.margin(seen, weights)


@dataclass(frozen=True)
class Rule:
    """One of RULES with its fitted weights."""

    name: str
    weights: Weights

    def __post_init__(self) -> None:
        """Refuse an unknown rule and weights that are not exactly its own."""
        if self.name not in RULES:
            raise InputError("rule", self.name, "one of " + ", ".join(RULES))
        if set(self.weights) != set(RULES[self.name]):
            given = ", ".join(self.weights) or "none"
            raise InputError("rule weights", given, ", ".join(RULES[self.name]))
        if self.name == LINEAR:
            object.__setattr__(self, "_record", linear.weights_record(self.weights))

    def margins(self, observations: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the margins of observations (n, 32), shape (n,)."""
        if self.name == LINEAR:
            return linear.margins(observations, self._record)
        values: NDArray[np.float64] = margin(decode(observations), self.name, self.weights)
        return values


class Lazy(np.lib.mixins.NDArrayOperatorsMixin):
    """A torch tensor that the arithmetic of a rule takes for an array."""

    def __init__(self, tensor: Any) -> None:
        """Wrap a float64 tensor."""
        self.tensor = tensor

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Do with tensors what NumPy would do with arrays."""
        if method != "__call__" or kwargs:
            return NotImplemented
        return Lazy(_torch(ufunc.__name__)(*map(_bare, inputs)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Clip; the rules use no other function."""
        if function is not np.clip:
            return NotImplemented
        return Lazy(_bare(args[0]).clamp(*args[1:]))


def _bare(value: Any) -> Any:
    if isinstance(value, Lazy):
        # A comparison in a rule counts as 0 or 1, which torch does not add to a float.
        return value.tensor.double()
    return float(value)


def _torch(name: str) -> Callable[..., Any]:
    import torch

    bounded: dict[str, Callable[..., Any]] = {
        "minimum": lambda a, b: a.clamp(max=b),
        "maximum": lambda a, b: a.clamp(min=b),
        "greater": torch.gt,
        "less_equal": torch.le,
    }
    return bounded.get(name) or getattr(torch, name)

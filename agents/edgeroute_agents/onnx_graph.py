"""A policy as one ONNX graph from observations to actions, its rule's margin included."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeroute_agents.networks import squashed
from edgeroute_agents.policy import Policy
from edgeroute_baselines.linear import margin
from edgeroute_env.errors import needs
from edgeroute_env.files import replacing
from edgeroute_env.simulator.features import COUNT, NAMES, SCALE

OPSET = 17


class Graph(nn.Module):
    """The computation of `Policy.route` in torch."""

    def __init__(self, policy: Policy) -> None:
        """Take over the policy's weights."""
        super().__init__()
        self._rule = policy.rule
        self.scale: Tensor
        self.register_buffer("scale", torch.tensor(SCALE))
        self.layers = nn.ModuleList()
        for weight, bias in policy.layers:
            layer = nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
            self.layers.append(layer)

    def forward(self, observations: Tensor) -> Tensor:
        """Return the actions, int64, shape (n,), of observations (n, 32)."""
        # In double precision, as the rule itself: a tie must be a tie.
        physical = observations.double() * self.scale
        seen = {name: Lazy(physical[:, i]) for i, name in enumerate(NAMES)}
        margins = margin(seen, self._rule.weights).tensor.float().unsqueeze(1)
        hidden = squashed(torch.cat((observations, margins), dim=1))
        *trunk, head = self.layers
        for layer in trunk:
            hidden = torch.relu(layer(hidden))
        preferences = head(torch.cat((hidden, margins), dim=1))
        actions: Tensor = (preferences[:, 1] > preferences[:, 0]).long()
        return actions


def export(policy: Policy, path: Path) -> None:
    """Write the policy as ONNX: input `observations` float32 (n, 32), output `actions` int64 (n,).

    Raises:
        InputError: onnx is not installed.
    """
    with needs("exporting a policy", "onnx"):
        import onnx  # noqa: F401  (torch asks for it)
    example = torch.zeros(2, COUNT) + 0.5
    with replacing(path) as part, warnings.catch_warnings():
        # The exporter that torch prefers to this one needs a further package.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            Graph(policy).eval(),
            (example,),
            str(part),
            input_names=["observations"],
            output_names=["actions"],
            dynamic_axes={"observations": {0: "n"}, "actions": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )


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


def _bare(value: Any) -> Any:
    if isinstance(value, Lazy):
        # A comparison in a rule counts as 0 or 1, which torch does not add to a float.
        return value.tensor.double()
    return float(value)


def _torch(name: str) -> Callable[..., Any]:
    bounded: dict[str, Callable[..., Any]] = {
        "minimum": lambda a, b: a.clamp(max=b),
        "maximum": lambda a, b: a.clamp(min=b),
        "greater": torch.gt,
        "less_equal": torch.le,
    }
    return bounded.get(name) or getattr(torch, name)

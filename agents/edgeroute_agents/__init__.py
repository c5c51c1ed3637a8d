"""Learned routing: policies that route, and the training that makes them.

A packaged policy needs NumPy and safetensors alone. What needs torch, Stable-Baselines3 or ONNX is
loaded when its name is asked for, not by this import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edgeroute_agents.policy import Policy, learned_names, learned_router, load_policy, packaged
from edgeroute_agents.settings import DqnSettings, PpoSettings, load_settings

if TYPE_CHECKING:
    from edgeroute_agents.onnx_graph import export
    from edgeroute_agents.train import Training
    from edgeroute_agents.tuning import HyperparameterSearch
    from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
    from edgeroute_agents.watching import Follower, Standing

__all__ = [
    "DqnSettings",
    "EdgeRouteSB3VecEnv",
    "Follower",
    "HyperparameterSearch",
    "Policy",
    "PpoSettings",
    "Standing",
    "Training",
    "export",
    "learned_names",
    "learned_router",
    "load_policy",
    "load_settings",
    "packaged",
]

_HEAVY = {  # name -> the module that it is loaded from
    "EdgeRouteSB3VecEnv": "vec_env",
    "Follower": "watching",
    "HyperparameterSearch": "tuning",
    "Standing": "watching",
    "Training": "train",
    "export": "onnx_graph",
}


def __getattr__(name: str) -> Any:
    """Load a name that needs a heavy package."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HEAVY[name]}"), name)

"""Baselines behind one protocol, from constants to the analytic rule and what extends it.

`docs/routers.md` lists them, with what each knows and its source.
"""

from __future__ import annotations

from edgeroute_baselines.bao import BaoRouter
from edgeroute_baselines.benchmarking import benchmark
from edgeroute_baselines.fitted import fit_all, fit_missing, fitted_router, stored_parameters
from edgeroute_baselines.linear import LinearRouter
from edgeroute_baselines.registry import ROUTERS, RouterSpec, make_router, router_names
from edgeroute_baselines.rollout import RolloutRouter
from edgeroute_baselines.static import ConstantRouter, RandomRouter
from edgeroute_baselines.sweeping import Sweep
from edgeroute_baselines.threshold import ScoreThresholdRouter

__all__ = [
    "ROUTERS",
    "BaoRouter",
    "ConstantRouter",
    "LinearRouter",
    "RandomRouter",
    "RolloutRouter",
    "RouterSpec",
    "ScoreThresholdRouter",
    "Sweep",
    "benchmark",
    "fit_all",
    "fit_missing",
    "fitted_router",
    "make_router",
    "router_names",
    "stored_parameters",
]

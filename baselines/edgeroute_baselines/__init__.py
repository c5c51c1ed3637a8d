"""Baselines behind one protocol, from constants to the analytic rule and what extends it.

`docs/routers.md` lists them, with what each knows and its source.
"""

from __future__ import annotations

from edgeroute_baselines.bao import BaoRouter
from edgeroute_baselines.registry import ROUTERS, make_router, router_names
from edgeroute_baselines.static import ConstantRouter, RandomRouter
from edgeroute_baselines.threshold import ScoreThresholdRouter

__all__ = [
    "ROUTERS",
    "BaoRouter",
    "ConstantRouter",
    "RandomRouter",
    "ScoreThresholdRouter",
    "make_router",
    "router_names",
]

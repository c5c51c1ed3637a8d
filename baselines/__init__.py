"""Routers that learn nothing while they run: static, threshold and the analytic rule."""

from __future__ import annotations

from baselines.bao import BaoRouter
from baselines.registry import ROUTERS, make_router, router_names
from baselines.static import ConstantRouter, RandomRouter
from baselines.threshold import ScoreThresholdRouter

__all__ = [
    "ROUTERS",
    "BaoRouter",
    "ConstantRouter",
    "RandomRouter",
    "ScoreThresholdRouter",
    "make_router",
    "router_names",
]

"""Every router by name, with the parameters that are fitted and their grids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from baselines import linear
from baselines.bao import BaoRouter
from baselines.linear import LinearRouter
from baselines.static import DEVICE, EDGE, ConstantRouter, RandomRouter
from baselines.threshold import ScoreThresholdRouter
from edgeroute_env import InputError
from edgeroute_env.routing import Router

# Coarse grids, refined around their best point. Alpha in 1/s: geometric, since a second may
# weigh little or much; theta over the range of calibrated scores, and a little below it.
ALPHAS_PER_S = (0.0, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.25, 0.4)
THETAS = (-0.3, -0.15, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8)


@dataclass(frozen=True)
class Search:
    """Where a router with too many parameters for a grid is looked for: around another's fit.

    `scales` are steps of ordinary size, one a parameter; `start` turns the parameters of the
    router named `around` into its own.
    """

    around: str
    start: Callable[..., dict[str, float]]
    scales: Mapping[str, float]


@dataclass(frozen=True)
class Kind:
    """How to build a router, and how its parameters are fitted: on a grid, or by a search."""

    build: Callable[..., Router]
    grid: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    search: Search | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters that are fitted."""
        return tuple(self.search.scales if self.search else self.grid)


def _bao(name: str) -> Kind:
    def build(alpha_per_s: float, theta: float) -> Router:
        return BaoRouter(name, alpha_per_s, theta)

    return Kind(build, {"alpha_per_s": ALPHAS_PER_S, "theta": THETAS})


ROUTERS: dict[str, Kind] = {
    "device": Kind(lambda: ConstantRouter("device", DEVICE)),
    "edge": Kind(lambda: ConstantRouter("edge", EDGE)),
    "random": Kind(RandomRouter),
    "score-threshold": Kind(ScoreThresholdRouter, {"theta": THETAS}),
    "bao-single": _bao("bao-single"),
    "bao-multi": _bao("bao-multi"),
    "bao-multi-queue": _bao("bao-multi-queue"),
    "linear": Kind(
        lambda **weights: LinearRouter(weights),
        search=Search("bao-multi-queue", linear.from_bao, linear.SCALES),
    ),
}


def router_names() -> list[str]:
    """Return the names of all routers, in the order of the tables."""
    return list(ROUTERS)


def kind(name: str) -> Kind:
    """Return how to build a router; InputError where there is none of that name."""
    if name not in ROUTERS:
        raise InputError("router", name, "one of " + ", ".join(ROUTERS))
    return ROUTERS[name]


def make_router(name: str, parameters: Mapping[str, Any] | None = None) -> Router:
    """Return a router by name, e.g. `make_router("score-threshold", {"theta": 0.3})`."""
    chosen, given = kind(name), dict(parameters or {})
    if set(given) != set(chosen.parameters):
        needed = ", ".join(chosen.parameters) or "none"
        raise InputError(f"{name}: parameters", ", ".join(given) or "none", f"exactly {needed}")
    return chosen.build(**given)

"""Every router by name: how it is built, what it knows, and how its parameters are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from edgeroute_baselines import cr2_gate, linear
from edgeroute_baselines.bao import BaoRouter
from edgeroute_baselines.carrot import CarrotRouter
from edgeroute_baselines.clairvoyant import ClairvoyantRouter
from edgeroute_baselines.congestion import CongestionPriceRouter
from edgeroute_baselines.length import TOKENS, LengthThresholdRouter
from edgeroute_baselines.linear import LinearRouter
from edgeroute_baselines.linucb import WIDTHS, LinUcbRouter
from edgeroute_baselines.lyapunov import LyapunovRouter
from edgeroute_baselines.myopic import MyopicOracle
from edgeroute_baselines.pacing import PacingRouter
from edgeroute_baselines.rollout import RolloutRouter
from edgeroute_baselines.static import DEVICE, EDGE, SHARES, ConstantRouter, RandomRouter
from edgeroute_baselines.sticky import StickyRouter
from edgeroute_baselines.threshold import ScoreThresholdRouter
from edgeroute_env import InputError
from edgeroute_env.routing import Role, Router

# Coarse grids, refined around their best point. Alpha in 1/s: geometric, since a second may
# weigh little or much; theta over the range of calibrated scores, and a little below it.
ALPHAS_PER_S = (0.0, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.25, 0.4)
THETAS = (-0.3, -0.15, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8)

EDGE_ONLY, ANALYTIC = "edge", "bao-multi-queue"


@dataclass(frozen=True)
class Search:
    """Where a router with too many parameters for a grid is looked for: around ANALYTIC's fit.

    `scales` are steps of ordinary size, one a parameter; `start` turns ANALYTIC's parameters into
    its own; `least` bounds parameters from below. The budget is about that of the largest grid, 248
    settings.
    """

    start: Callable[..., dict[str, float]]
    scales: Mapping[str, float]
    least: Mapping[str, float] = field(default_factory=dict)
    generations: int = 32
    offspring: int = 8


class Added(NamedTuple):
    """A parameter beyond the analytic rule's, in a search that begins at that rule."""

    start: float  # where it changes nothing
    scale: float
    least: float | None = None


@dataclass(frozen=True)
class Calibrated:
    """Parameters of which training turns (ROW records) imply the few settings worth a trial."""

    parameters: tuple[str, ...]
    settings: Callable[[NDArray[Any]], list[dict[str, float]]]
    trials: int


@dataclass(frozen=True)
class RouterSpec:
    """How to build a router, the part it plays, and where its parameters come from.

    At most one says where: `grid`, `search`, `calibrated`, or `parameters_of`, the router whose
    fit it takes over. In the role of hindsight, a grid is searched on the evaluation traces.
    """

    build: Callable[..., Router]
    role: Role
    grid: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    search: Search | None = None
    calibrated: Calibrated | None = None
    parameters_of: str | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters that it is built with."""
        if self.parameters_of is not None:
            return ROUTERS[self.parameters_of].parameters
        if self.calibrated is not None:
            return self.calibrated.parameters
        return tuple(self.search.scales if self.search else self.grid)

    @property
    def fitted(self) -> bool:
        """Whether its parameters are fitted on training seeds for it alone."""
        return bool(self.parameters) and self.role.causal and self.parameters_of is None


def _bao(name: str) -> RouterSpec:
    def build(alpha_per_s: float, theta: float) -> Router:
        return BaoRouter(name, alpha_per_s, theta)

    return RouterSpec(build, Role.ANALYTIC, {"alpha_per_s": ALPHAS_PER_S, "theta": THETAS})


def _extends_bao(build: Callable[..., Router], **added: Added) -> RouterSpec:
    """Return a rule that extends the analytic one by parameters, and is searched around it."""

    def start(alpha_per_s: float, theta: float) -> dict[str, float]:
        same = {name: parameter.start for name, parameter in added.items()}
        return {"alpha_per_s": alpha_per_s, "theta": theta, **same}

    bounded = {"alpha_per_s": Added(0.0, 0.02, 0.0), "theta": Added(0.0, 0.05), **added}
    scales = {name: parameter.scale for name, parameter in bounded.items()}
    least = {name: p.least for name, p in bounded.items() if p.least is not None}
    return RouterSpec(build, Role.ANALYTIC, search=Search(start, scales, least))


ROUTERS: dict[str, RouterSpec] = {
    "device": RouterSpec(lambda: ConstantRouter("device", DEVICE), Role.CONSTANT),
    EDGE_ONLY: RouterSpec(lambda: ConstantRouter(EDGE_ONLY, EDGE), Role.CONSTANT),
    "random": RouterSpec(RandomRouter, Role.STATIC),
    "static-split": RouterSpec(
        lambda edge_share: RandomRouter(edge_share, name="static-split"),
        Role.HINDSIGHT,
        {"edge_share": SHARES},
    ),
    "length-threshold": RouterSpec(LengthThresholdRouter, Role.STATIC, {"tokens": TOKENS}),
    "score-threshold": RouterSpec(ScoreThresholdRouter, Role.STATIC, {"theta": THETAS}),
    "cr2-gate": RouterSpec(
        cr2_gate.Cr2Gate,
        Role.ANALYTIC,
        calibrated=Calibrated(("risk", "threshold"), cr2_gate.settings, len(cr2_gate.RISKS)),
    ),
    "bao-single": _bao("bao-single"),
    "bao-multi": _bao("bao-multi"),
    ANALYTIC: _bao(ANALYTIC),
    "carrot-queue": RouterSpec(
        CarrotRouter,
        Role.ANALYTIC,
        search=Search(
            lambda alpha_per_s, theta: {
                "own_prices": 0.0,
                "price_per_s": alpha_per_s,
                "price_call": theta,
            },
            scales={"own_prices": 0.3, "price_per_s": 0.02, "price_call": 0.05},
            least={"own_prices": 0.0, "price_per_s": 0.0},
        ),
    ),
    "sticky": _extends_bao(StickyRouter, margin=Added(0.0, 0.05, 0.0)),
    "pacing": _extends_bao(
        PacingRouter,
        call_price=Added(0.0, 0.1, 0.0),
        calls_per_h=Added(60.0, 20.0, 1.0),
        work_price_per_s=Added(0.0, 0.02, 0.0),
    ),
    "lyapunov": _extends_bao(
        LyapunovRouter,
        call_price=Added(0.0, 0.2, 0.0),
        reserve=Added(0.0, 0.1),
        work_price_per_s=Added(0.0, 0.05, 0.0),
    ),
    "congestion-price": _extends_bao(CongestionPriceRouter, price_per_s=Added(0.0, 0.005, 0.0)),
    "linear": RouterSpec(
        lambda **weights: LinearRouter(weights),
        Role.ANALYTIC,
        search=Search(linear.from_bao, linear.SCALES, generations=80, offspring=14),
    ),
    "linucb": RouterSpec(LinUcbRouter, Role.ONLINE, {"width": WIDTHS}),
    "rollout": RouterSpec(
        lambda alpha_per_s, theta: RolloutRouter(LinearRouter(linear.from_bao(alpha_per_s, theta))),
        Role.PLANNER,
        parameters_of=ANALYTIC,
    ),
    "rollout-linear": RouterSpec(
        lambda **weights: RolloutRouter(LinearRouter(weights), "rollout-linear"),
        Role.PLANNER,
        parameters_of="linear",
    ),
    "myopic-oracle": RouterSpec(MyopicOracle, Role.ORACLE),
    "clairvoyant": RouterSpec(ClairvoyantRouter, Role.BOUND),
}


def router_names() -> list[str]:
    """Return the names of all routers, in the order of the tables."""
    return list(ROUTERS)


def spec(name: str) -> RouterSpec:
    """Return how to build a router; InputError where there is none of that name."""
    if name not in ROUTERS:
        raise InputError("router", name, "one of " + ", ".join(ROUTERS))
    return ROUTERS[name]


def make_router(name: str, parameters: Mapping[str, Any] | None = None) -> Router:
    """Return a router by name, e.g. `make_router("score-threshold", {"theta": 0.3})`."""
    chosen, given = spec(name), dict(parameters or {})
    if set(given) != set(chosen.parameters):
        needed = ", ".join(chosen.parameters) or "none"
        raise InputError(f"{name}: parameters", ", ".join(given) or "none", f"exactly {needed}")
    return chosen.build(**given)

"""Parameters of ordinary size for every router, which tests of all routers share."""

from __future__ import annotations

from edgeroute_baselines.linear import SCALES
from edgeroute_baselines.registry import spec

_WEIGHTS = {key: -w if key.startswith(("edge", "stale")) else w for key, w in SCALES.items()}
_VALUES = {
    **_WEIGHTS,
    **{"alpha_per_s": 0.06, "theta": 0.3, "edge_share": 0.4, "tokens": 80.0},
    **{"risk": 0.05, "threshold": 0.25, "width": 0.2, "margin": 0.05},
    **{"own_prices": 0.5, "price_per_s": 0.03, "price_call": 0.15},
    **{"call_price": 0.2, "calls_per_h": 40.0, "work_price_per_s": 0.02, "reserve": 0.1},
}


def ordinary(name: str) -> dict[str, float]:
    """Return parameters with which the router `name` sends some turns to either side."""
    return {key: _VALUES[key] for key in spec(name).parameters}

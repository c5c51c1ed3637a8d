"""A router of one's own, compared with the analytic one on identical traces.

python examples/custom_router.py [episodes]
"""

import sys

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines import fitted_router
from edgeroute_env import decode, load_scenario
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval


class Patient:
    """Sends hard questions to the edge, unless the phone would be done long before it."""

    name = "patient"

    def reset(self, n: int) -> None:
        """Nothing to forget."""

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        seen = decode(observations)
        edge_s = seen["edge_radio_s"] + seen["edge_wait_s"] + seen["edge_decode_s"]
        device_s = seen["device_wait_s"] + seen["device_decode_s"]
        return ((seen["score"] > 0.2) & (edge_s < device_s + 5.0)).astype(np.int64)


episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 200
scenario = load_scenario("paper")
analytic = fitted_router(scenario, "synthetic", "bao-multi-queue")
own, theirs = evaluation_returns([Patient(), analytic], scenario, episodes)
print(f"patient - bao-multi-queue: {with_interval(interval(own - theirs))}")

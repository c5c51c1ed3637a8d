"""Milliseconds that `rollout` takes for one decision of one episode, on one core.

python studies/rollout_speed.py
"""

import time

import numpy as np

from edgeroute_baselines import make_router, stored_parameters
from edgeroute_env import load_scenario, scenario_names
from edgeroute_env.evaluation.episodes import generators
from edgeroute_env.seeds import FIT_SEEDS
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.sources import Drawn

ORDINARY = {"alpha_per_s": 0.06, "theta": 0.3}  # where there is no stored fit
TURNS = 100


def main() -> None:
    """Print the median and the 95th percentile of each preset."""
    for name in scenario_names():
        scenario = load_scenario(name)
        router = make_router(
            "rollout", stored_parameters(scenario, "synthetic", "rollout") or ORDINARY
        )
        batch = Batch(scenario, Drawn(scenario), 1)
        batch.begin(np.arange(1), generators(FIT_SEEDS[:1]))
        router.reset(1)
        router.attach(scenario, batch)
        taken_s = []
        for _ in range(TURNS):
            begun_s = time.process_time()
            actions = router.route(batch.observations)
            taken_s.append(time.process_time() - begun_s)
            batch.step(actions)
        median, most = (1e3 * float(q) for q in np.quantile(taken_s[5:], (0.5, 0.95)))
        print(f"{name:13s} median {median:.2f} ms, 95 % below {most:.2f} ms")


if __name__ == "__main__":
    main()

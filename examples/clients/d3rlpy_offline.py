"""Learn offline with d3rlpy's DiscreteCQL from what examples/clients/minari_data.py has stored.

python examples/clients/d3rlpy_offline.py [updates]
"""

import sys

import minari
import numpy as np
from d3rlpy.algos import DiscreteCQLConfig
from d3rlpy.dataset import MDPDataset
from d3rlpy.logging import NoopAdapterFactory
from d3rlpy.metrics import EnvironmentEvaluator

updates = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
stored = minari.load_dataset("edgeroute/paper/threshold-v0")
episodes = list(stored)
# Not d3rlpy's get_minari: it leaves each last observation in, which shifts all later episodes.
data = MDPDataset(
    observations=np.concatenate([each.observations[:-1] for each in episodes]),
    actions=np.concatenate([each.actions for each in episodes]),
    rewards=np.concatenate([each.rewards for each in episodes]),
    terminals=np.concatenate([each.terminations for each in episodes]),
    timeouts=np.concatenate([each.truncations for each in episodes]),
)
judged = (
    DiscreteCQLConfig(gamma=0.95, batch_size=256)
    .create(device="cpu:0")
    .fit(
        data,
        n_steps=updates,
        n_steps_per_epoch=updates,
        logger_adapter=NoopAdapterFactory(),
        evaluators={"return": EnvironmentEvaluator(stored.recover_environment(eval_env=True))},
    )
)
print(f"{data.transition_count} turns, return {judged[-1][1]['return']:.2f} an episode")

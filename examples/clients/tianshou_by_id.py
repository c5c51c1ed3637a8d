"""Train Tianshou's PPO and DQN by the environment's id, through its high-level interface.

python examples/clients/tianshou_by_id.py [frames]
"""

import sys

from tianshou.highlevel.config import OffPolicyTrainingConfig, OnPolicyTrainingConfig
from tianshou.highlevel.env import EnvFactoryRegistered, VectorEnvType
from tianshou.highlevel.experiment import (
    DQNExperimentBuilder,
    ExperimentConfig,
    PPOExperimentBuilder,
)
from tianshou.highlevel.params.algorithm_params import DQNParams, PPOParams

frames = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
# the module in front registers the id
factory = EnvFactoryRegistered(task="edgeroute_env:EdgeRoute-v0", venv_type=VectorEnvType.DUMMY)
quiet = ExperimentConfig(device="cpu", watch=False, persistence_enabled=False)
size = {"max_epochs": 1, "epoch_num_steps": frames, "num_training_envs": 8, "num_test_envs": 4}
on = OnPolicyTrainingConfig(collection_step_num_env_steps=1024, batch_size=256, **size)
off = OffPolicyTrainingConfig(
    collection_step_num_env_steps=64, update_step_num_gradient_steps_per_sample=0.1, **size
)
ppo, dqn = PPOParams(gamma=0.95), DQNParams(gamma=0.95, target_update_freq=500)
experiments = {
    "PPO": PPOExperimentBuilder(factory, quiet, on).with_ppo_params(ppo),
    "DQN": DQNExperimentBuilder(factory, quiet, off).with_dqn_params(dqn),
}
for name, experiment in experiments.items():
    found = experiment.build().run().trainer_result
    print(f"{name}: return {found.best_reward:.2f} an episode after {found.train_step} turns")

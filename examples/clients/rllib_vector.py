"""Train RLlib's PPO on our vector of environments, which it takes without glue.

python examples/clients/rllib_vector.py [iterations] [runners]
"""

import math
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # of each learner and runner: more wait for each other
import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

iterations = int(sys.argv[1]) if len(sys.argv) > 1 else 60
runners = int(sys.argv[2]) if len(sys.argv) > 2 else 0  # processes; 0: this one collects too
ray.init("local", include_dashboard=False, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}})
config = (
    PPOConfig()
    .environment("edgeroute_env:EdgeRoute-v0")  # the module in front registers the id
    .env_runners(
        num_env_runners=runners,
        num_envs_per_env_runner=64 // max(runners, 1),
        gym_env_vectorize_mode="vector_entry_point",  # all episodes in one call of the kernel
        rollout_fragment_length=128,
    )
    .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[64, 64], vf_share_layers=False))
    .training(train_batch_size_per_learner=64 * 128, minibatch_size=2048, num_epochs=10, lr=3e-4)
    .training(gamma=0.95, lambda_=0.95, clip_param=0.2, vf_clip_param=math.inf, grad_clip=0.5)
    .training(use_kl_loss=False, vf_loss_coeff=0.5)  # so far as Stable-Baselines3 has it
    .debugging(seed=0, log_level="ERROR")
)
algorithm = config.build_algo()
for _ in range(iterations):
    found = algorithm.train()["env_runners"]
turns = found["num_env_steps_sampled_lifetime"]
print(f"return {found['episode_return_mean']:.2f} an episode after {turns:.0f} turns")
algorithm.stop()

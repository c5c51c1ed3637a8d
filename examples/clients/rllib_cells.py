"""Train one policy that all phones of a cell share, with RLlib's PPO: an agent a phone.

python examples/clients/rllib_cells.py [iterations]
"""

import sys

import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.env.wrappers.pettingzoo_env import PettingZooEnv
from ray.tune.registry import register_env

import edgeroute_env


def main(iterations: int) -> None:
    """Train for some iterations of one episode each, 1,280 turns of seventy phones."""
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    register_env("cell", lambda config: PettingZooEnv(edgeroute_env.cell_env(**config)))
    config = (
        PPOConfig()
        .environment("cell", env_config={"scenario": "busy-cell", "rewards": "own"})
        .multi_agent(policies={"phone"}, policy_mapping_fn=lambda *_, **__: "phone")
        .env_runners(num_env_runners=0, rollout_fragment_length=1280)
        .training(train_batch_size_per_learner=1280, minibatch_size=256, num_epochs=4, gamma=0.95)
        .debugging(seed=0, log_level="ERROR")
    )
    algorithm = config.build_algo()
    for iteration in range(1, iterations + 1):
        told = algorithm.train()["env_runners"]
        print(f"iteration {iteration}: return {told['episode_return_mean']:.1f} a cell")
    algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)

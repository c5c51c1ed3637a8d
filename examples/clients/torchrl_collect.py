"""Step EdgeRoute in TorchRL: one environment, its vector of four, and ours of 64.

python examples/clients/torchrl_collect.py [turns]
"""

import sys

import gymnasium as gym
from torchrl.envs import GymEnv, GymWrapper, StepCounter, TransformedEnv
from torchrl.envs.utils import check_env_specs

import edgeroute_env  # noqa: F401  (registers the ids)


def main(turns: int) -> None:
    """Check each environment against its specs and step it at random."""
    environments = {
        "single": lambda: GymEnv("EdgeRoute-v0"),
        "pixels": lambda: GymEnv("EdgeRoute-v0", from_pixels=True, pixels_only=False),
        "num_envs=4": lambda: GymEnv("EdgeRoute-v0", num_envs=4),
        # TorchRL resets environments itself, so that a vector must not
        "our vector of 64": lambda: GymWrapper(
            gym.make_vec("EdgeRoute-v0", 64, autoreset_mode="Disabled")
        ),
    }
    for name, make in environments.items():
        env = TransformedEnv(make(), StepCounter())
        check_env_specs(env)
        env.set_seed(0)
        seen = env.rollout(turns, break_when_any_done=False)
        print(f"{name}: {tuple(seen.batch_size)}, mean reward {seen['next', 'reward'].mean():.3f}")
        env.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)

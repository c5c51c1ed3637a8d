"""Train Stable-Baselines3 by the environment's id alone, as its users and rl-zoo3 do.

python examples/clients/sb3_by_id.py [frames]
"""

import sys
import tempfile

from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

ID = "edgeroute_env:EdgeRoute-v0"  # the module in front registers the id, also in new processes


def main(frames: int) -> None:
    """Train once in this process and once in four, and judge each with EvalCallback."""
    PPO("MlpPolicy", ID, n_steps=32, batch_size=32, device="cpu").learn(32)
    with tempfile.TemporaryDirectory() as folder:
        for kind in (DummyVecEnv, SubprocVecEnv):
            env = VecNormalize(make_vec_env(ID, 4, seed=0, monitor_dir=folder, vec_env_cls=kind))
            test = VecNormalize(make_vec_env(ID, 1, seed=10_000), training=False, norm_reward=False)
            judge = EvalCallback(test, n_eval_episodes=4, eval_freq=frames // 8, verbose=0)
            model = PPO("MlpPolicy", env, n_steps=128, gamma=0.95, seed=0, device="cpu")
            model.learn(frames, callback=judge)
            print(f"{kind.__name__}: return {judge.best_mean_reward:.2f} an episode")
            env.close()


if __name__ == "__main__":  # the processes of SubprocVecEnv import this file
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)

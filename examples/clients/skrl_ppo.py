"""Train skrl's PPO on our vector of environments.

python examples/clients/skrl_ppo.py [frames]
"""

import sys

import gymnasium as gym
from skrl.agents.torch.ppo import PPO, PPO_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.trainers.torch import SequentialTrainer, SequentialTrainerCfg
from skrl.utils.model_instantiators.torch import categorical_model, deterministic_model

ENVS, ROLLOUT = 16, 128

frames = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
env = wrap_env(gym.make_vec("edgeroute_env:EdgeRoute-v0", ENVS))
spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
layers = [{"name": "net", "input": "OBSERVATIONS", "layers": [64, 64], "activations": "tanh"}]
models = {
    "policy": categorical_model(network=layers, output="ACTIONS", **spaces),
    "value": deterministic_model(network=layers, output="ONE", **spaces),
}
settings = PPO_CFG(
    rollouts=ROLLOUT, mini_batches=8, learning_rate=3e-4, discount_factor=0.95,
    time_limit_bootstrap=True,
)  # fmt: skip
settings.experiment.write_interval = settings.experiment.checkpoint_interval = 0
memory = RandomMemory(memory_size=ROLLOUT, num_envs=ENVS)
agent = PPO(models=models, memory=memory, cfg=settings, **spaces)
trainer = SequentialTrainer(
    env=env, agents=agent, cfg=SequentialTrainerCfg(timesteps=frames // ENVS, headless=True)
)
trainer.train()
print(f"trained on {frames // ENVS * ENVS} turns of {env.num_envs} episodes side by side")

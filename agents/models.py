"""SB3's PPO and DQN on the batched kernel, built from settings, and what a policy takes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN, PPO
from torch import nn

from agents.network import Features
from agents.policies import SHARPNESS, MarginActorCritic, MarginDQNPolicy
from agents.settings import DqnSettings, PpoSettings
from agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_env.scenario import Scenario


class BatchDQN(DQN):
    """DQN whose environments explore independently of each other, with no loop over them."""

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return epsilon-greedy actions, twice; SB3 tosses one coin for all environments."""
        del learning_starts, action_noise  # the rule is a better start than coins
        with torch.no_grad():
            seen = torch.as_tensor(self._last_obs, device=self.device)
            greedy = self.q_net(seen).argmax(dim=1).cpu().numpy()
            coins = torch.rand(2, n_envs).numpy()
        explores = coins[0] < self.exploration_rate
        actions = np.where(explores, coins[1] < 0.5, greedy).astype(np.int64)
        return actions, actions


def build(
    settings: PpoSettings | DqnSettings, env: EdgeRouteSB3VecEnv, seed: int
) -> PPO | BatchDQN:
    """Return an untrained model that acts as the environment's rule."""
    first_rate = settings.learning_rate
    shared: dict[str, Any] = {
        "env": env,
        "learning_rate": lambda left: first_rate * left,
        "gamma": settings.gamma,
        "max_grad_norm": settings.max_grad_norm,
        "batch_size": settings.batch_size,
        "seed": seed,
        "device": "cpu",  # a network this small is faster there
    }
    if isinstance(settings, PpoSettings):
        names: tuple[str, ...] = ("n_steps", "n_epochs", "clip_range", "ent_coef", "vf_coef")
        architecture = {"features_extractor_class": Features, "widths": settings.widths}
        own = {name: getattr(settings, name) for name in names}
        own["gae_lambda"] = getattr(settings, lambda_field(env.scenario))
        return PPO(MarginActorCritic, policy_kwargs=architecture, **shared, **own)
    names = (
        *("buffer_size", "learning_starts", "train_freq", "gradient_steps"),
        *("target_update_interval", "exploration_fraction"),
        *("exploration_initial_eps", "exploration_final_eps"),
    )
    architecture = {"features_extractor_class": Features, "net_arch": list(settings.widths)}
    own = {name: getattr(settings, name) for name in names}
    return BatchDQN(MarginDQNPolicy, policy_kwargs=architecture, **shared, **own)


def lambda_field(scenario: Scenario) -> str:
    """Return the field of PPO's settings that holds its lambda on a scenario."""
    budgets = scenario.budgets
    limited = budgets.edge_calls is not None or budgets.battery_j is not None
    return "gae_lambda_budget" if limited else "gae_lambda"


def start_at(model: PPO | BatchDQN, worth: nn.Sequential) -> None:
    """Let an untrained model act on the margin plus `worth`; see `agents.distillation`."""
    sides = torch.tensor([[-0.5], [0.5]])
    *trunk, last = worth
    with torch.no_grad():
        if isinstance(model, PPO):
            policy: Any = model.policy
            policy.mlp_extractor.actor.load_state_dict(nn.Sequential(*trunk).state_dict())
            policy.action_net.weight[:, :-1] = SHARPNESS * sides * last.weight
            policy.action_net.bias[:] = SHARPNESS * (sides * last.bias).flatten()
            return
        model.q_net.q_net.load_state_dict(worth.state_dict())
        model.q_net_target.load_state_dict(model.q_net.state_dict())


def layers_of(
    model: PPO | BatchDQN,
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]:
    """Return the acting network's layers as `agents.policy.Policy` takes them."""
    if isinstance(model, PPO):
        policy: Any = model.policy
        found = [*_linear(policy.mlp_extractor.actor), _arrays(policy.action_net)]
    else:
        found = _linear(model.q_net.q_net)
        weight, bias = found[-1]
        # What the edge is worth beyond the phone, and so the phone at nothing.
        both = np.concatenate((weight, np.ones((1, 1), np.float32)), axis=1)
        found[-1] = (np.concatenate((0.0 * both, both)), np.concatenate((0.0 * bias, bias)))
    return tuple(found)


def _linear(sequence: Any) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    return [_arrays(layer) for layer in sequence.modules() if isinstance(layer, nn.Linear)]


def _arrays(layer: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()

"""SB3's algorithms on the batched kernel, built from settings, and what a policy takes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from torch import nn

from edgeroute_agents.exploration import Explores
from edgeroute_agents.memory import Memory
from edgeroute_agents.network import Features
from edgeroute_agents.policies import SHARPNESS, MarginActorCritic, MarginDQNPolicy
from edgeroute_agents.settings import DqnSettings, PpoSettings, QrDqnSettings, RecurrentPpoSettings
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_env.errors import missing_package
from edgeroute_env.scenario import Scenario

Model = OnPolicyAlgorithm | OffPolicyAlgorithm


class BatchDQN(Explores, DQN):
    """DQN on a batch."""


def build(settings: PpoSettings | DqnSettings, env: EdgeRouteSB3VecEnv, seed: int) -> Model:
    """Return an untrained model that acts as the environment's rule.

    Raises:
        InputError: the algorithm is one of sb3-contrib's, which is not installed.
    """
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
    architecture: dict[str, Any] = {"features_extractor_class": Features}
    if isinstance(settings, PpoSettings):
        names: tuple[str, ...] = ("n_steps", "n_epochs", "clip_range", "ent_coef", "vf_coef")
        architecture["widths"] = settings.widths
        if isinstance(settings, RecurrentPpoSettings):
            architecture["units"] = settings.lstm_units
        shared["gae_lambda"] = getattr(settings, lambda_field(env.scenario))
    else:
        names = (
            *("buffer_size", "learning_starts", "train_freq", "gradient_steps"),
            *("target_update_interval", "exploration_fraction"),
            *("exploration_initial_eps", "exploration_final_eps"),
        )
        architecture["net_arch"] = list(settings.widths)
        architecture["optimizer_kwargs"] = {"fused": True}  # small steps: calls are what costs
        if isinstance(settings, QrDqnSettings):
            architecture["n_quantiles"] = settings.n_quantiles
    own = {name: getattr(settings, name) for name in names}
    algorithm, policy = _kinds(settings)
    model: Model = algorithm(policy, policy_kwargs=architecture, **shared, **own)
    return model


def lambda_field(scenario: Scenario) -> str:
    """Return the field of PPO's settings that holds its lambda on a scenario."""
    budgets = scenario.budgets
    limited = budgets.edge_calls is not None or budgets.battery_j is not None
    return "gae_lambda_budget" if limited else "gae_lambda"


def _kinds(settings: PpoSettings | DqnSettings) -> tuple[Any, Any]:
    """Return SB3's algorithm and its policy; sb3-contrib is loaded by what needs it alone."""
    try:
        if isinstance(settings, RecurrentPpoSettings):
            from sb3_contrib import RecurrentPPO

            from edgeroute_agents.recurrent import MarginRecurrentActorCritic

            return RecurrentPPO, MarginRecurrentActorCritic
        if isinstance(settings, QrDqnSettings):
            from edgeroute_agents.quantiles import BatchQRDQN, MarginQRDQNPolicy

            return BatchQRDQN, MarginQRDQNPolicy
    except ImportError:
        raise missing_package("sb3-contrib", "qr-dqn and recurrent-ppo", "agents") from None
    if isinstance(settings, PpoSettings):
        return PPO, MarginActorCritic
    return BatchDQN, MarginDQNPolicy


def start_at(model: Any, worth: nn.Sequential) -> None:
    """Let an untrained model act on the margin plus `worth`; see `distillation`."""
    sides = torch.tensor([[-0.5], [0.5]])
    *trunk, last = worth
    with torch.no_grad():
        if isinstance(model, OnPolicyAlgorithm):
            policy: Any = model.policy
            policy.mlp_extractor.actor.load_state_dict(nn.Sequential(*trunk).state_dict())
            policy.action_net.weight[:, : last.in_features] = SHARPNESS * sides * last.weight
            policy.action_net.bias[:] = SHARPNESS * (sides * last.bias).flatten()
            return
        model.q_net.q_net.load_state_dict(worth.state_dict())
        model.q_net_target.load_state_dict(model.q_net.state_dict())


def layers_of(model: Any) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]:
    """Return the acting network's layers as `edgeroute_agents.policy.Policy` takes them."""
    if isinstance(model, OnPolicyAlgorithm):
        policy: Any = model.policy
        found = [*_linear(policy.mlp_extractor.actor), _arrays(policy.action_net)]
    else:
        found = _linear(model.q_net.q_net)
        weight, bias = found[-1]
        # What the edge is worth beyond the phone, and so the phone at nothing.
        both = np.concatenate((weight, np.ones((1, 1), np.float32)), axis=1)
        found[-1] = (np.concatenate((0.0 * both, both)), np.concatenate((0.0 * bias, bias)))
    return tuple(found)


def memory_of(model: Any) -> Memory | None:
    """Return what a recurrent policy remembers with, None for the others."""
    if not hasattr(model.policy, "lstm_actor"):
        return None
    lstm = model.policy.lstm_actor
    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
    named = {"inputs": lstm.weight_ih_l0, "hidden": lstm.weight_hh_l0, "bias": bias}
    return Memory({name: value.detach().numpy().copy() for name, value in named.items()})


def _linear(sequence: Any) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    return [_arrays(layer) for layer in sequence.modules() if isinstance(layer, nn.Linear)]


def _arrays(layer: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()

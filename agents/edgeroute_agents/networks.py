"""The networks that PPO and DQN train, and SB3's algorithms built on them.

Both start as an analytic rule: the rule's margin plus a network that is zero at first. They see an
observation and the margin; PPO's critic may see more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn

from edgeroute_agents.policy import LAYOUT, Layers, Policy
from edgeroute_agents.settings import DqnSettings, PpoSettings
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.simulator.features import COUNT

ACTOR_INPUTS = COUNT + 1  # the features of an observation, and the margin
# Of the first policy: a margin of .05 makes the rule's choice 20 times likelier. With 20 the policy
# that learns is so much softer than the one that decides that the better of it is the worse rule.
SHARPNESS = 60.0


class Features(BaseFeaturesExtractor):
    """Observations squashed by sign(x) log(1 + |x|); the margin as it is.

    A fixed squashing instead of running statistics: a policy then is its weights and nothing
    else, and a wait of an hour does not drown the rest.
    """

    def __init__(self, observation_space: spaces.Box) -> None:
        """Take the space of observations with a margin, and what more a critic may see."""
        super().__init__(observation_space, observation_space.shape[0])

    def forward(self, observations: Tensor) -> Tensor:
        """Return float32 of the observations' shape."""
        return squashed(observations)


class Trunk(nn.Module):
    """Separate layers for actor and critic; the margin passes the actor's by.

    The critic also sees what the rule sees, where rewards are paired; the actor never does.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        """Take the number of features and the hidden layers' widths."""
        super().__init__()
        self.actor, self.critic = layers(ACTOR_INPUTS, widths), layers(inputs, widths)
        self.latent_dim_pi, self.latent_dim_vf = widths[-1] + 1, widths[-1]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the actor's head sees, and the critic's."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Return the last layer and the margin, shape (n, latent_dim_pi)."""
        latent = self.actor(features[:, :ACTOR_INPUTS])
        return torch.cat((latent, features[:, COUNT:ACTOR_INPUTS]), dim=1)

    def forward_critic(self, features: Tensor) -> Tensor:
        """Return the last layer, shape (n, latent_dim_vf)."""
        latent: Tensor = self.critic(features)
        return latent


class MarginActorCritic(ActorCriticPolicy):
    """Action logits = +-30 x margin + network, the network zero at first, for PPO."""

    def __init__(self, *args: Any, widths: tuple[int, ...] = (64, 64), **kwargs: Any) -> None:
        """Take the hidden layers' `widths`; `features_extractor_class` must be `Features`."""
        self._widths = tuple(widths)
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = Trunk(self.features_dim, self._widths)  # type: ignore[assignment]

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        silence(self.action_net)
        silence(self.value_net)
        weight: Any = self.action_net.weight
        with torch.no_grad():
            weight[:, -1] = SHARPNESS * torch.tensor([-0.5, 0.5])


class MarginQNetwork(QNetwork):
    """Q(action) = V - the action's regret, which a margin plus a network tells; both start at 0.

    The regret is 0 for the action that the margin plus the network prefers, and that sum's size for
    the other. A dueling network (Wang et al., ICML 2016) whose halves share no weights: what a
    state is worth varies far more than what a choice is, and would drown it.
    """

    def __init__(self, *, net_arch: Any, **kwargs: Any) -> None:
        """Take the hidden layers' widths as `net_arch`."""
        super().__init__(net_arch=list(net_arch), **kwargs)
        self.q_net, self.value_net = (silent(tuple(net_arch)) for _ in range(2))

    def forward(self, obs: Any) -> Tensor:
        """Return the values of both actions, shape (n, 2)."""
        features = self.extract_features(obs, self.features_extractor)[:, :ACTOR_INPUTS]
        value: Tensor = self.value_net(features)
        margin = self._preference(features)
        return value - torch.relu(torch.cat((margin, -margin), dim=1))

    def _predict(self, observation: Any, deterministic: bool = True) -> Tensor:
        """Return the better actions, shape (n,): what the state is worth says nothing of them."""
        features = self.extract_features(observation, self.features_extractor)[:, :ACTOR_INPUTS]
        return (self._preference(features)[:, 0] > 0.0).long()

    def _preference(self, features: Tensor) -> Tensor:
        """Return by how much margin and network prefer the edge, shape (n, 1)."""
        margin: Tensor = features[:, COUNT:ACTOR_INPUTS] + self.q_net(features)
        return margin


class MarginDQNPolicy(DQNPolicy):
    """DQN's policy over `MarginQNetwork`; `features_extractor_class` must be `Features`."""

    def make_q_net(self) -> QNetwork:
        """Return a network of values that starts as the rule."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MarginQNetwork(**arguments).to(self.device)

    def set_training_mode(self, mode: bool) -> None:
        """Nothing: no layer here acts otherwise in training, and SB3 calls this every rollout."""


class BatchDQN(DQN):
    """DQN whose environments explore independently of each other, with no loop over them."""

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return epsilon-greedy actions, twice; SB3 tosses one coin for all environments."""
        del learning_starts, action_noise  # the rule is a better start than coins
        last: Any = self._last_obs
        with torch.no_grad():
            greedy = self.q_net._predict(torch.from_numpy(last)).numpy()
            coins = torch.rand(2, n_envs).numpy()
        explores = coins[0] < self.exploration_rate
        actions = np.where(explores, coins[1] < 0.5, greedy).astype(np.int64)
        return actions, actions


Model = PPO | BatchDQN


def build(settings: PpoSettings | DqnSettings, env: EdgeRouteSB3VecEnv, seed: int) -> Model:
    """Return an untrained model that acts as the environment's rule."""
    first_rate = settings.learning_rate
    same = {"gamma", "max_grad_norm", *type(settings).__annotations__}  # as SB3 names them
    shared: dict[str, Any] = {
        "env": env,
        "learning_rate": lambda left: first_rate * left,
        "seed": seed,
        "device": "cpu",  # a network this small is faster there
        **settings.model_dump(include=same, exclude={"gae_lambda", "gae_lambda_budget"}),
    }
    if isinstance(settings, PpoSettings):
        return PPO(
            MarginActorCritic,
            policy_kwargs={"features_extractor_class": Features, "widths": settings.widths},
            gae_lambda=getattr(settings, lambda_field(env.scenario)),
            **shared,
        )
    architecture = {
        "features_extractor_class": Features,
        "net_arch": list(settings.widths),
        "optimizer_kwargs": {"fused": True},  # small steps: calls are what costs
    }
    return BatchDQN(MarginDQNPolicy, policy_kwargs=architecture, **shared)


def lambda_field(scenario: Scenario) -> str:
    """Return the field of PPO's settings that holds its lambda on a scenario.

    A call that spends a budget, or slows the edge for many phones, is paid for much later.
    """
    budgets = scenario.budgets
    limited = budgets.edge_calls is not None or budgets.battery_j is not None
    return "gae_lambda_budget" if limited or scenario.device.count > 1 else "gae_lambda"


def start_at(model: Model, worth: nn.Sequential) -> None:
    """Let an untrained model act on the margin plus `worth`; see `distillation`."""
    *trunk, last = worth
    head: Any = last
    with torch.no_grad():
        if isinstance(model, PPO):
            sides = torch.tensor([[-0.5], [0.5]])
            policy: Any = model.policy
            policy.mlp_extractor.actor.load_state_dict(nn.Sequential(*trunk).state_dict())
            policy.action_net.weight[:, :-1] = SHARPNESS * sides * head.weight
            policy.action_net.bias[:] = SHARPNESS * (sides * head.bias).flatten()
            return
        model.q_net.q_net.load_state_dict(worth.state_dict())
        model.q_net_target.load_state_dict(model.q_net.state_dict())


def policy_of(
    model: Model, rule: LinearRouter, scenario: Scenario, trained: Mapping[str, Any]
) -> Policy:
    """Return the policy that a model has learned so far, for NumPy.

    The model sees the rule's margin; `trained` says how it was trained, for the policy's file.
    """
    about = {
        "scenario": scenario.name,
        "scenario_hash": scenario_hash(scenario),
        "layout": LAYOUT,
        **trained,
    }
    if isinstance(model, PPO):
        policy: Any = model.policy
        found = (*_linear(policy.mlp_extractor.actor), _arrays(policy.action_net))
        return Policy("ppo", rule, found, about)
    *trunk, (weight, bias) = _linear(model.q_net.q_net)
    # What the edge is worth beyond the phone, and so the phone at nothing.
    both = np.concatenate((weight, np.ones((1, 1), np.float32)), axis=1)
    head = (np.concatenate((0.0 * both, both)), np.concatenate((0.0 * bias, bias)))
    return Policy("dqn", rule, (*trunk, head), about)


def squashed(observations: Tensor) -> Tensor:
    """Return what the networks see of observations with margins, the same shape."""
    values = torch.sign(observations) * torch.log1p(observations.abs())
    margin = slice(COUNT, ACTOR_INPUTS)
    return torch.cat((values[:, :COUNT], observations[:, margin], values[:, ACTOR_INPUTS:]), dim=1)


def layers(inputs: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Return rectified layers over the first `inputs` columns of `Features`."""
    stack: list[nn.Module] = []
    width = inputs
    for following in widths:
        stack += [nn.Linear(width, following), nn.ReLU(inplace=True)]
        width = following
    return nn.Sequential(*stack)


def silent(widths: tuple[int, ...]) -> nn.Sequential:
    """Return a network of features (n, 33), (n, 1), that says zero until it has learned."""
    head = nn.Linear(widths[-1], 1)
    silence(head)
    return nn.Sequential(*layers(ACTOR_INPUTS, widths), head)


def silence(layer: Any) -> None:
    """Make a linear layer return zero until it has learned."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def _linear(sequence: Any) -> Layers:
    return tuple(_arrays(layer) for layer in sequence.modules() if isinstance(layer, nn.Linear))


def _arrays(layer: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()

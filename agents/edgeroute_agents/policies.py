"""SB3 policies that start as an analytic rule: its margin plus a network that begins at zero."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn

from edgeroute_agents.network import ACTOR_INPUTS, layers, silence
from edgeroute_env.simulator.features import COUNT

# Of the first policy: a margin of .05 makes the rule's choice 20 times likelier. With 20 the policy
# that learns is so much softer than the one that decides that the better of it is the worse rule.
SHARPNESS = 60.0


class Trunk(nn.Module):
    """Separate layers for actor and critic; the margin passes the actor's by.

    The critic also sees what the rule sees, where rewards are paired; the actor never does.
    A memory of `units` columns, after the `inputs` features, passes the actor's by as well.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], units: int = 0) -> None:
        """Take the features' number, the hidden layers' widths and the memory's size."""
        super().__init__()
        self._inputs = inputs
        self.actor, self.critic = layers(ACTOR_INPUTS, widths), layers(inputs + units, widths)
        self.latent_dim_pi, self.latent_dim_vf = widths[-1] + units + 1, widths[-1]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the actor's head sees, and the critic's."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Return the last layer, the memory and the margin, shape (n, latent_dim_pi)."""
        latent = self.actor(features[:, :ACTOR_INPUTS])
        memory = features[:, self._inputs :]
        return torch.cat((latent, memory, features[:, COUNT:ACTOR_INPUTS]), dim=1)

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
        self.q_net, self.value_net = (silent(tuple(net_arch), 1) for _ in range(2))

    def forward(self, obs: Any) -> Tensor:
        """Return the values of both actions, shape (n, 2)."""
        features = self.extract_features(obs, self.features_extractor)[:, :ACTOR_INPUTS]
        value: Tensor = self.value_net(features)
        return value - regrets(features, self.q_net)

    def _predict(self, observation: Any, deterministic: bool = True) -> Tensor:
        """Return the better actions, shape (n,): what the state is worth says nothing of them."""
        features = self.extract_features(observation, self.features_extractor)[:, :ACTOR_INPUTS]
        return (preference(features, self.q_net)[:, 0] > 0.0).long()


def regrets(features: Tensor, network: nn.Module) -> Tensor:
    """Return both actions' regrets, shape (n, 2), of features (n, 33) by margin and network."""
    margin = preference(features, network)
    return torch.relu(torch.cat((margin, -margin), dim=1))


def preference(features: Tensor, network: nn.Module) -> Tensor:
    """Return by how much margin and network prefer the edge, shape (n, 1), of features (n, 33)."""
    margin: Tensor = features[:, COUNT:ACTOR_INPUTS] + network(features)
    return margin


def silent(widths: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Return a network over features (n, 33) that says zero until it has learned."""
    head = nn.Linear(widths[-1], outputs)
    silence(head)
    return nn.Sequential(*layers(ACTOR_INPUTS, widths), head)


class MarginDQNPolicy(DQNPolicy):
    """DQN's policy over `MarginQNetwork`; `features_extractor_class` must be `Features`."""

    def make_q_net(self) -> QNetwork:
        """Return a network of values that starts as the rule."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MarginQNetwork(**arguments).to(self.device)

    def set_training_mode(self, mode: bool) -> None:
        """Nothing: no layer here acts otherwise in training, and SB3 calls this every rollout."""

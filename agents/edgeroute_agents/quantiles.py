"""QR-DQN (Dabney et al., AAAI 2018): DQN that learns how returns are spread, not only a mean."""

from __future__ import annotations

from typing import Any

from sb3_contrib import QRDQN
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from torch import Tensor

from edgeroute_agents.exploration import Explores
from edgeroute_agents.network import ACTOR_INPUTS
from edgeroute_agents.policies import regrets, silent


class MarginQuantileNetwork(QuantileNetwork):
    """The values of `MarginQNetwork`, each action's return spread about its own.

    Were the spread common to both actions, the regret would be how far one distribution must
    be shifted to be mostly as good as the other, which a rare and long wait hardly changes.
    """

    def __init__(self, *, net_arch: Any, **kwargs: Any) -> None:
        """Take the hidden layers' widths as `net_arch`."""
        super().__init__(net_arch=list(net_arch), **kwargs)
        del self.quantile_net
        self.q_net = silent(tuple(net_arch), 1)
        self.value_net = silent(tuple(net_arch), 2 * self.n_quantiles)

    def forward(self, obs: Any) -> Tensor:
        """Return the quantiles of both actions, shape (n, n_quantiles, 2)."""
        features = self.extract_features(obs, self.features_extractor)[:, :ACTOR_INPUTS]
        values: Tensor = self.value_net(features).view(-1, self.n_quantiles, 2)
        spread = values - values.mean(dim=1, keepdim=True)
        value = values.mean(dim=(1, 2), keepdim=True)
        return value + spread - regrets(features, self.q_net).unsqueeze(1)


class MarginQRDQNPolicy(QRDQNPolicy):
    """QR-DQN's policy over that network; `features_extractor_class` must be `Features`."""

    def make_quantile_net(self) -> QuantileNetwork:
        """Return a network of quantiles that starts as the rule."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MarginQuantileNetwork(**arguments).to(self.device)


class BatchQRDQN(Explores, QRDQN):
    """QR-DQN on a batch; its networks have DQN's names too."""

    def _create_aliases(self) -> None:
        super()._create_aliases()
        self.q_net, self.q_net_target = self.quantile_net, self.quantile_net_target

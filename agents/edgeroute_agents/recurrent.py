"""PPO whose actor remembers its episode: a memoryless policy's logits plus an LSTM's."""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import Tensor, nn

from edgeroute_agents.network import ACTOR_INPUTS
from edgeroute_agents.policies import MarginActorCritic, Trunk

States = tuple[Tensor, Tensor]


class MarginRecurrentActorCritic(MarginActorCritic, RecurrentActorCriticPolicy):
    """The logits of `MarginActorCritic` plus what an LSTM adds to them, nothing at first.

    So it begins as the memoryless policy does, and what memory is worth is the difference. The
    critic reads the actor's memory beside all that it sees.
    """

    def __init__(
        self, observation_space: Any, action_space: Any, lr_schedule: Any, units: int, **kwargs: Any
    ) -> None:
        """Take the LSTM's `units`, and what `MarginActorCritic` takes."""
        spaces = (observation_space, action_space)
        memory = {"lstm_hidden_size": units, "shared_lstm": True, "enable_critic_lstm": False}
        super().__init__(*spaces, lr_schedule, **memory, **kwargs)
        # SB3's would see what the critic alone may.
        self.lstm_actor = nn.LSTM(ACTOR_INPUTS, units)
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def _build_mlp_extractor(self) -> None:
        trunk = Trunk(self.features_dim, self._widths, self.lstm_output_dim)
        self.mlp_extractor = trunk  # type: ignore[assignment]

    @staticmethod
    def _process_sequence(
        features: Tensor, lstm_states: States, episode_starts: Tensor, lstm: nn.LSTM
    ) -> tuple[Tensor, States]:
        """Return the features with the memory as further columns, and the states after them.

        In a rollout each sequence is a single turn, and the buffer begins a sequence wherever an
        episode starts: so only a first turn can be a start, and no loop over turns is needed.
        """
        n = lstm_states[0].shape[1]
        sequences = features[:, : lstm.input_size].reshape(n, -1, lstm.input_size).swapaxes(0, 1)
        goes_on = 1.0 - episode_starts.reshape(n, -1)[:, 0].view(1, n, 1)
        hidden, cell = (goes_on * state for state in lstm_states)
        memory, states = lstm(sequences, (hidden, cell))
        return torch.cat((features, memory.swapaxes(0, 1).flatten(end_dim=1)), dim=1), states

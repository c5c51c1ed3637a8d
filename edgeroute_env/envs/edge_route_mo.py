"""EdgeRouteMOEnv: the same environment, which pays each objective apart, as MO-Gymnasium does."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from edgeroute_env.envs.edge_route import EdgeRouteEnv
from edgeroute_env.errors import InputError
from edgeroute_env.simulator.state import REWARD_TERMS

PAYS_LATER = ("deadline", "dialogue-min")  # kinds of objective that change what quality is paid

# Nothing bounds how long a turn takes or what it draws; all else is a share or a count of one turn.
_LOW, _HIGH = np.array([[0.0, -np.inf, -np.inf, -1.0, -1.0], [1.0, 0.0, 0.0, 0.0, 0.0]])


class EdgeRouteMOEnv(EdgeRouteEnv):
    """`EdgeRouteEnv` with a reward of five entries and no weights.

    The reward is float64, shape (5,): `quality` (0 to 1), minus `latency` (s), minus `energy` (J),
    minus `edge_call` (0 or 1), minus `failure` (0 or 1). Each is what the scenario's objective
    pays, before its weight. Under `ttft`, latency is the time to first token; under `deadline`, a
    late answer's quality is 0; under `dialogue-min`, a dialogue's worst quality is paid when the
    dialogue ends. So the product with `weights` is the scalar environment's reward. Under
    `relative-cost` it is not, since no fixed weights make that reward: there the entries are the
    plain quality, latency and the phone's energy.

    Arguments, observations, infos and ends are those of `EdgeRouteEnv`.
    """

    OBJECTIVES = REWARD_TERMS  # the names of the entries, in order

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of `EdgeRouteEnv`.

        Raises:
            InputError: quality has no weight in an objective that pays another than the answer's.
        """
        super().__init__(*args, **kwargs)
        self.reward_space = gym.spaces.Box(_LOW, _HIGH, dtype=np.float64)
        self.reward_dim = len(self.OBJECTIVES)
        kind, parameters = self.scenario.objective.kind, self._batch.parameters
        if kind in PAYS_LATER and not (parameters["weight_quality"] > 0.0).all():
            raise InputError("weights.quality", 0.0, f"above 0 where objective.kind is {kind!r}")

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights of the entries, shape (5,), as `LinearReward` takes them.

        They are those of the user whose turn waits: on `fleet` users differ, and an episode has one
        of them; in a mixed cell each phone has another. After the end they are those of the trace's
        last turn. Before the first `reset` they are the first user's.
        """
        batch = self._batch
        row = batch.traces[batch.episodes[0]["trace"]]
        user = batch.parameters[row[min(batch.episodes[0]["cursor"], row.size - 1)]["user"]]
        return np.array([user[f"weight_{term}"] for term in self.OBJECTIVES])

    def step(  # type: ignore[override]
        self, action: np.int64 | int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], bool, bool, dict[str, Any]]:
        """Route the current turn; see `EdgeRouteEnv.step`."""
        pays_later = self.scenario.objective.kind in PAYS_LATER
        weight = float(self.weights[0]) if pays_later else None  # of the turn that waits now
        observation, _, terminated, truncated, info = super().step(action)
        return observation, self._paid(info, weight), terminated, truncated, info

    def _paid(self, info: dict[str, float], weight: float | None) -> NDArray[np.float64]:
        """Return the entries; a quality that only the kernel knows comes without its weight."""
        kind = self.scenario.objective.kind
        quality = info["quality"] if weight is None else info["reward_quality"] / weight
        waited_s = info["ttft_s"] if kind == "ttft" else info["latency_s"]
        costs = (waited_s, info["energy_j"], info["edge_call"], info["failed"])
        return np.array([quality, *(0.0 - cost for cost in costs)])  # no -0.0

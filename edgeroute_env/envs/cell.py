"""CellEnv: an agent a phone, by PettingZoo's AEC interface, on the cell of `EdgeRouteEnv`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray
from pettingzoo import AECEnv

from edgeroute_env.envs.edge_route import EdgeRouteEnv
from edgeroute_env.envs.observation import observation_space
from edgeroute_env.envs.rendering import USUAL
from edgeroute_env.envs.setup import ScenarioLike, TracesLike
from edgeroute_env.errors import InputError
from edgeroute_env.simulator.features import COUNT

REWARDS = ("own", "shared")


class CellEnv(AECEnv[str, NDArray[np.float32], int | None]):  # type: ignore[misc]  # untyped
    """The phones of a cell as agents: each turn that arrives is its phone's move.

    Agents are `phone_0`, `phone_1`, ... Spaces, rewards and infos are those of `EdgeRouteEnv`,
    which routes the turns, so equal seeds and actions give equal observations and rewards.

    - `agent_selection` is the phone whose turn has arrived. A phone that is not asked has nothing
      to decide. It sees what it saw at its last turn, and zeros before its first.
    - `rewards="own"` pays a turn to its phone. With `"shared"` it pays every phone for every turn,
      so that each one's return is the cell's.
    - A phone's info holds the figures of its last turn; before its first it is empty.
    - A phone whose battery is spent is terminated and leaves; the others go on.
    - At the end every phone is truncated and gets what it has not been told yet: its last
      observation, reward and info.

    `reset(options={"trace": trace})` makes one episode follow a given `Trace`; other options do
    nothing, since PettingZoo's own test passes one.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  (as PettingZoo declares it)
        **EdgeRouteEnv.metadata,
        "name": "edgeroute_cell_v0",
        "is_parallelizable": False,
    }

    def __init__(
        self,
        scenario: ScenarioLike = "busy-cell",
        overrides: Mapping[str, Any] | None = None,
        traces: TracesLike = None,
        rewards: str = "own",
        render_mode: str | None = None,
        render_width: int = USUAL,
    ) -> None:
        """Prepare the cell; `rewards` is "own" or "shared", the others are `EdgeRouteEnv`'s.

        Raises:
            InputError: names a bad argument or a bad field of the scenario.
        """
        super().__init__()
        if not (isinstance(rewards, str) and rewards in REWARDS):
            raise InputError("rewards", rewards, " or ".join(map(repr, REWARDS)))
        self._cell = EdgeRouteEnv(scenario, overrides, traces, render_mode, render_width)
        self._shares = rewards == "shared"
        self.scenario, self.render_mode = self._cell.scenario, render_mode
        self.possible_agents = [f"phone_{d}" for d in range(self.scenario.device.count)]
        self.observation_spaces = {name: observation_space() for name in self.possible_agents}
        self.action_spaces = {name: gym.spaces.Discrete(2) for name in self.possible_agents}
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> gym.Space[NDArray[np.float32]]:
        """Return the phone's space of observations, the same for all phones."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gym.spaces.Discrete:
        """Return the phone's space of actions: 0 answers on the device, 1 sends to the edge."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode; without a seed, the random stream continues."""
        known = {"trace": options["trace"]} if options and "trace" in options else None
        observation, _ = self._cell.reset(seed=seed, options=known)
        names = self.possible_agents
        self.agents = names.copy()
        self.rewards = dict.fromkeys(names, 0.0)
        self._cumulative_rewards = dict.fromkeys(names, 0.0)
        self.terminations = dict.fromkeys(names, False)
        self.truncations = dict.fromkeys(names, False)
        self.infos: dict[str, dict[str, Any]] = {name: {} for name in names}
        nothing = np.zeros(COUNT, np.float32)
        self._seen = dict.fromkeys(names, nothing)
        self._order = [names[d] for d in self._cell.trace["device"]]
        self._battery_j = self._cell._batch.devices["battery_j"][0]  # its own memory: always now
        self._number = {name: d for d, name in enumerate(names)}
        self._turn = 0
        self._paid = self.agent_selection = self._order[0]
        self._skip_agent_selection = None
        self._seen[self.agent_selection] = observation

    def step(self, action: Any) -> None:
        """Route the turn of the phone `agent_selection`; None where that phone has ended.

        Raises:
            ResetNeeded: before the first `reset`, or after the episode's end.
            InvalidAction: the action is not 0 or 1.
            ValueError: the phone has ended, and the action is not None.
        """
        if not self.agents:
            raise ResetNeeded("step: the episode has not begun or is over; call reset() first")
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            self._paid = self.agent_selection  # the one before may be gone
            return
        observation, reward, terminated, truncated, info = self._cell.step(action)
        self.infos[agent] = info
        self._pay(agent, reward)
        leaves = self.terminations[agent] = bool(self._battery_j[self._number[agent]] <= 0.0)
        if terminated or truncated:
            self._seen[agent] = observation
            self.truncations = dict.fromkeys(self.agents, truncated)
            self._deads_step_first()
            return
        self._turn += 1
        while self.terminations.get(self._order[self._turn], True):
            self._turn += 1
        self.agent_selection = self._order[self._turn]
        self._seen[self.agent_selection] = observation
        if leaves:
            self._deads_step_first()

    def _pay(self, agent: str, reward: float) -> None:
        """Pay a turn of `agent`; what it has been told of earlier turns is forgotten."""
        self._cumulative_rewards[agent] = 0.0
        if self._shares:
            self.rewards = dict.fromkeys(self.agents, reward)
            self._accumulate_rewards()
        else:  # two entries change, whatever the number of phones
            self.rewards[self._paid] = 0.0
            self.rewards[agent] = self._cumulative_rewards[agent] = reward
            self._paid = agent

    def observe(self, agent: str) -> NDArray[np.float32]:
        """Return what the phone sees, shape (32,): its turn if it is asked, else its last one."""
        return self._seen[agent].copy()

    def render(self) -> NDArray[np.uint8] | str | None:
        """Return what `EdgeRouteEnv.render` does: the phone that was asked last, and the edge."""
        return self._cell.render()

    def close(self) -> None:
        """Close the window, where there is one."""
        self._cell.close()

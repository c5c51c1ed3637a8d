"""EdgeRouteVectorEnv: thousands of episodes through the same compiled kernel."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from edgeroute_env.envs.edge_route import ACTIONS_ALLOWED
from edgeroute_env.envs.info import vector_info
from edgeroute_env.envs.observation import observation_space
from edgeroute_env.envs.setup import ScenarioLike, TracesLike, prepare
from edgeroute_env.errors import InputError
from edgeroute_env.simulator.batch import Batch

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class EdgeRouteVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.int64], Any]):
    """A vector of `EdgeRouteEnv`, bit for bit.

    With seed s, environment i of the vector equals the scalar environment with seed s + i. This
    holds through autoreset and for any number of environments. Spaces, rewards and infos are those
    of `EdgeRouteEnv`, in batches. All three autoreset modes of Gymnasium work.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  (as Gymnasium declares it)
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        scenario: ScenarioLike = "paper",
        overrides: Mapping[str, Any] | None = None,
        traces: TracesLike = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: None = None,
    ) -> None:
        """Validate the scenario and allocate the episodes.

        Args:
            num_envs: how many episodes run side by side, at least 1.
            scenario: as for `EdgeRouteEnv`.
            overrides: as for `EdgeRouteEnv`.
            traces: as for `EdgeRouteEnv`.
            autoreset_mode: an `AutoresetMode` or its value.
            render_mode: None; render a scalar environment instead.
        """
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise InputError("num_envs", num_envs, "a whole number from 1")
        if render_mode is not None:
            raise InputError("render_mode", render_mode, "None; render a scalar environment")
        try:
            self._mode = AutoresetMode(autoreset_mode)
        except ValueError:
            allowed = ", ".join(repr(mode.value) for mode in AutoresetMode)
            raise InputError("autoreset_mode", autoreset_mode, f"one of {allowed}") from None
        self.scenario, source = prepare(scenario, overrides, traces)
        self.metadata = {**type(self).metadata, "autoreset_mode": self._mode}
        self.num_envs = num_envs
        self.single_observation_space = observation_space()
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._batch = Batch(self.scenario, source, num_envs)
        self._generators: list[np.random.Generator] = []
        self._begun = False

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start all episodes, or those of `options["reset_mask"]` (bool, shape (n,)).

        A number gives environment i the seed `seed + i`. A sequence gives each environment its
        own seed, or None to continue its random stream. None continues all streams.
        """
        if options and "trace" in options:
            raise InputError("options", "trace", "reset_mask; give a vector its traces when made")
        which = self._to_reset(options)
        self._seed(seed, which)
        batch = self._batch
        kept = batch.observations
        batch.renew()
        batch.observations[:] = kept
        batch.begin(which, self._generators)
        self._begun = True
        return batch.observations, {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], Floats, Flags, Flags, dict[str, Any]]:
        """Route the current turn of every environment; `actions` has shape (n,).

        Raises:
            ResetNeeded: before the first `reset`, or (mode "Disabled") when an episode is over.
            InvalidAction: an action is not 0 or 1; then no environment has been stepped.
        """
        batch = self._batch
        actions = self._checked(actions)
        ended = batch.over
        resets_itself = self._begun and self._mode is AutoresetMode.NEXT_STEP
        if ended.any() and not resets_itself:
            raise ResetNeeded("step: an episode has not begun or is over; call reset() first")
        batch.renew()
        batch.step(actions)
        outcomes = batch.outcomes
        if self._mode is AutoresetMode.NEXT_STEP and ended.any():
            batch.figures[ended] = 0.0
            batch.begin(np.flatnonzero(ended), self._generators)
        terminated, truncated = outcomes["terminated"] != 0.0, outcomes["truncated"] != 0.0
        done = terminated | truncated
        if self._mode is AutoresetMode.SAME_STEP and done.any():
            info = self._restart(done)
        else:
            info = vector_info(batch.figures, ~ended)
        return batch.observations, outcomes["reward"].copy(), terminated, truncated, info

    def _restart(self, done: Flags) -> dict[str, Any]:
        """Begin new episodes where they have ended; their last turn moves to `final_*`."""
        final_obs = np.full(self.num_envs, None, object)
        for e in np.flatnonzero(done):
            final_obs[e] = self._batch.observations[e].copy()
        self._batch.begin(np.flatnonzero(done), self._generators)
        info = vector_info(self._batch.figures, ~done)
        info |= {"final_obs": final_obs, "_final_obs": done}
        info |= {"final_info": vector_info(self._batch.figures, done), "_final_info": done}
        return info

    def _checked(self, actions: Any) -> NDArray[np.int64]:
        try:
            array = np.asarray(actions)
        except ValueError:  # ragged
            array = np.empty(0)
        if array.shape != (self.num_envs,):
            raise InvalidAction(f"actions: got shape {array.shape}; allowed: ({self.num_envs},)")
        if array.dtype.kind not in "iub":
            raise InvalidAction(f"actions: got {array!r}; allowed: integers, {ACTIONS_ALLOWED}")
        if array.min() < 0 or array.max() > 1:
            e = int(((array < 0) | (array > 1)).argmax())
            raise InvalidAction(f"actions[{e}]: got {array[e]!r}; allowed: {ACTIONS_ALLOWED}")
        return array.astype(np.int64, copy=False)

    def _to_reset(self, options: dict[str, Any] | None) -> NDArray[np.int64]:
        if not options or "reset_mask" not in options:
            return np.arange(self.num_envs)
        mask = np.asarray(options["reset_mask"])
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            allowed = f"a boolean array of shape ({self.num_envs},) with at least one True"
            raise InputError("options.reset_mask", options["reset_mask"], allowed)
        return np.flatnonzero(mask)

    def _seed(self, seed: int | Sequence[int | None] | None, which: NDArray[np.int64]) -> None:
        if not self._generators:
            self._generators = [seeding.np_random(None)[0] for _ in range(self.num_envs)]
        if seed is None:
            return
        if isinstance(seed, Sequence):
            seeds = list(seed)
        else:
            first = operator.index(seed)
            seeds = [first + i for i in range(self.num_envs)]
        if len(seeds) != self.num_envs:
            raise InputError("seed", f"{len(seeds)} seeds", f"one an environment, {self.num_envs}")
        fresh = {e: seeding.np_random(seeds[e])[0] for e in which if seeds[e] is not None}
        for e, generator in fresh.items():
            self._generators[e] = generator

"""EdgeRouteVectorEnv: thousands of episodes through the same compiled kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from edgeroute_env.envs.edge_route import EdgeRouteEnv
from edgeroute_env.envs.info import ENDS, vector_info
from edgeroute_env.envs.observation import observation_space
from edgeroute_env.envs.rendering import USUAL, Picture, Screen, checked_mode
from edgeroute_env.envs.setup import (
    Busy,
    ScenarioLike,
    TracesLike,
    checked_limit,
    checked_number,
    checked_options,
    checked_seed,
    prepare,
)
from edgeroute_env.errors import InputError
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.checks import checked_actions
from edgeroute_env.simulator.state import OUTCOME

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DRAWN = 16  # environments at most
_NO_TURN = np.array([0.0 if name in ENDS else np.nan for name in OUTCOME.names or ()])


class EdgeRouteVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.int64], Any]):
    """A vector of `EdgeRouteEnv`, bit for bit.

    With seed s, environment i of the vector equals the scalar environment with seed s + i. This
    holds through autoreset and for any number of environments. Spaces, rewards and infos are those
    of `EdgeRouteEnv`, in batches. All three autoreset modes of Gymnasium work.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  (as Gymnasium declares it)
        "render_modes": ["rgb_array"],
        "render_fps": EdgeRouteEnv.metadata["render_fps"],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        scenario: ScenarioLike = "paper",
        overrides: Mapping[str, Any] | None = None,
        traces: TracesLike = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        render_width: int = USUAL,
    ) -> None:
        """Validate the scenario and allocate `num_envs` episodes; see `EdgeRouteEnv`.

        `autoreset_mode` is an `AutoresetMode` or its value. `render_mode` is "rgb_array" or None.
        After `max_episode_steps` turns an episode is truncated, as by Gymnasium's `TimeLimit`.
        """
        self.render_mode = checked_mode(render_mode, self.metadata["render_modes"])
        modes = {mode.value: mode for mode in AutoresetMode}
        if isinstance(autoreset_mode, AutoresetMode):
            self.autoreset_mode = autoreset_mode
        elif isinstance(autoreset_mode, str) and autoreset_mode in modes:
            self.autoreset_mode = modes[autoreset_mode]
        else:
            allowed = "one of " + ", ".join(map(repr, modes))
            raise InputError("autoreset_mode", autoreset_mode, allowed)
        self._most_steps = checked_limit(max_episode_steps)
        self.scenario, source = prepare(scenario, overrides, traces)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.num_envs = num_envs = checked_number(num_envs, self.scenario, source)
        self.single_observation_space = observation_space()
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._batch = Batch(self.scenario, source, num_envs)
        screen = Screen(self.scenario, min(num_envs, DRAWN), render_width)
        self._screen = None if render_mode is None else screen
        self._steps = np.zeros(num_envs, np.int64)  # a trace's turns may be more: see `_skip_spent`
        self._generators: list[np.random.Generator] = []
        self._seeds: list[int] = []
        self._begun = False
        self._busy = Busy()

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start all episodes, or those of `options["reset_mask"]` (bool, shape (n,)).

        A number gives environment i the seed `seed + i`. A sequence gives each environment its
        own seed, or None to continue its random stream. None continues all streams.

        Raises:
            InputError: bad seeds, an option other than `reset_mask`, or a bad mask.
        """
        which = self._to_reset(options)
        with self._busy:
            self._seed(seed, which)
            batch = self._batch
            kept = batch.observations
            batch.renew()
            batch.observations[:] = kept
            self._begin(which)
            self._begun = True
            batch.figures[:] = np.nan
            begun = np.isin(np.arange(self.num_envs), which)
            return batch.observations, vector_info(batch.figures, begun)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], Floats, Flags, Flags, dict[str, Any]]:
        """Route the current turn of every environment; `actions` has shape (n,).

        Raises:
            ResetNeeded: before the first `reset`, or (mode "Disabled") when an episode is over.
            InvalidAction: an action is not 0 or 1; then no environment has been stepped.
            AlreadyPendingCallError: another thread is inside `step` or `reset`.
        """
        actions = checked_actions(actions, self.num_envs)
        with self._busy:
            return self._stepped(actions)

    def _stepped(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], Floats, Flags, Flags, dict[str, Any]]:
        batch = self._batch
        ended = batch.over
        resets = bool(ended.any())
        if resets and not (self._begun and self.autoreset_mode is AutoresetMode.NEXT_STEP):
            raise ResetNeeded("step: an episode has not begun or is over; call reset() first")
        batch.renew()
        batch.step(actions)
        if self._most_steps is not None:
            self._steps += ~ended
            self._truncate(~ended & (self._steps >= self._most_steps))
        if self._screen is not None:
            self._screen.add(batch, ~ended)
        outcomes = batch.outcomes
        if resets:
            batch.figures[ended] = _NO_TURN
            self._begin(np.flatnonzero(ended))
        terminated, truncated = outcomes["terminated"] != 0.0, outcomes["truncated"] != 0.0
        restarts = self.autoreset_mode is AutoresetMode.SAME_STEP
        if restarts and (done := terminated | truncated).any():
            info = self._restart(done)
        else:
            info = vector_info(batch.figures, np.ones(self.num_envs, np.bool_))
        return batch.observations, outcomes["reward"].copy(), terminated, truncated, info

    def render(self) -> tuple[Picture, ...] | None:
        """Return the pictures of the first environments, 16 at most, as `EdgeRouteEnv.render` does.

        Raises:
            ResetNeeded: before the first `reset`.
            DependencyNotInstalled: pygame is missing.
        """
        if self._screen is None:
            return None
        if not self._begun:
            raise ResetNeeded("render: no episode has begun; call reset() first")
        return self._screen.pictures(self._batch)

    def _begin(self, which: NDArray[np.int64]) -> None:
        self._batch.begin(which, self._generators)
        self._steps[which] = 0
        if self._screen is not None:
            self._screen.begin(which)

    def _restart(self, done: Flags) -> dict[str, Any]:
        """Begin new episodes where they have ended; their last turn moves to `final_*`."""
        final_obs = np.full(self.num_envs, None, object)
        for e in np.flatnonzero(done):
            final_obs[e] = self._batch.observations[e].copy()
        self._begin(np.flatnonzero(done))
        figures = self._batch.figures.copy()
        figures[done] = np.nan
        info = vector_info(figures, np.ones(self.num_envs, np.bool_))
        info |= {"final_obs": final_obs, "_final_obs": done}
        info |= {"final_info": vector_info(self._batch.figures, done), "_final_info": done}
        return info

    def _truncate(self, late: Flags) -> None:
        """End the episodes that have reached the limit on steps."""
        self._batch.outcomes["truncated"][late] = 1.0
        self._batch.episodes["over"][late] = 1

    def _to_reset(self, options: dict[str, Any] | None) -> NDArray[np.int64]:
        given = checked_options(options, "reset_mask")
        if "reset_mask" not in given:
            return np.arange(self.num_envs)
        try:
            mask = np.asarray(given["reset_mask"])
        except ValueError:  # ragged
            mask = np.zeros(0)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            allowed = f"a boolean array of shape ({self.num_envs},) with at least one True"
            raise InputError("options.reset_mask", given["reset_mask"], allowed)
        return np.flatnonzero(mask)

    def _seed(self, seed: int | Sequence[int | None] | None, which: NDArray[np.int64]) -> None:
        """Give the environments `which` the streams of their seeds, where there are any."""
        self._open_streams()
        if isinstance(seed, list | tuple):
            if len(seed) != self.num_envs:
                allowed = f"one an environment, {self.num_envs}"
                raise InputError("seed", f"{len(seed)} seeds", allowed)
            seeds = [checked_seed(s, f"seed[{e}]") for e, s in enumerate(seed)]
        else:
            first = checked_seed(seed)
            seeds = [None if first is None else first + e for e in range(self.num_envs)]
        for e in which:
            if seeds[e] is not None:
                self._generators[e], self._seeds[e] = seeding.np_random(seeds[e])

    def _open_streams(self) -> None:
        """Give every environment a stream of its own, unless they have theirs."""
        if not self._generators:
            streams = [seeding.np_random(None) for _ in range(self.num_envs)]
            self._generators = [generator for generator, _ in streams]
            self._seeds = [seed for _, seed in streams]

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The random streams of the environments, as in Gymnasium's own vectors of them."""
        self._open_streams()
        return tuple(self._generators)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seeds with which the streams began."""
        self._open_streams()
        return tuple(self._seeds)

"""A Stable-Baselines3 `VecEnv` that is the batched kernel, and a rule's own episodes beside it.

What the rule earns on the same traces is a baseline that no action of the policy can move. The
traces are the inputs of an input-driven process (Mao et al., "Variance Reduction for Reinforcement
Learning in Input-Driven Environments", ICLR 2019): subtracting what a fixed rule earns on them
leaves the gradient's mean as it is and takes out most of what the traces cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import torch
from gymnasium.utils import seeding
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.envs.observation import observation_space
from edgeroute_env.envs.setup import (
    Busy,
    ScenarioLike,
    TracesLike,
    checked_number,
    checked_seed,
    prepare,
)
from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.checks import checked_actions
from edgeroute_env.simulator.state import OUTCOME

Stepped: TypeAlias = tuple[
    NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]
]
_STATE = ("episodes", "devices", "waiting", "live", "observations")  # of a batch, but its traces


class EdgeRouteSB3VecEnv(VecEnv):
    """`num_envs` episodes for SB3, restarted on fresh traces as they end.

    Env i seeded s follows the traces of `EdgeRouteEnv` seeded s + i, bit for bit. An info holds
    something only where an episode has just ended: `terminal_observation`,
    `TimeLimit.truncated`, and SB3's `episode` with the return (never the paired one) and length.
    """

    def __init__(
        self,
        num_envs: int = 64,
        scenario: ScenarioLike = "paper",
        overrides: Mapping[str, Any] | None = None,
        traces: TracesLike = None,
        rule: LinearRouter | None = None,
        paired: bool = False,
        bootstraps: bool = True,
    ) -> None:
        """Validate the scenario and allocate the episodes.

        Args:
            num_envs: how many episodes run side by side, at least 1.
            scenario: as for `EdgeRouteEnv`.
            overrides: the same.
            traces: the same.
            rule: whose margin becomes the last column of the observations.
            paired: whether what the rule earns on the same traces is subtracted, turn by turn, so
                that an episode's rewards sum to the gap between the two returns. What the rule
                sees there is appended to the observations, for a critic: without it a spent
                quota would look harmless, since the rule has mostly spent its own by then.
            bootstraps: whether SB3 may go on valuing an episode beyond its last turn
                (`TimeLimit.truncated`); False makes the last turn the end, as an evaluation does.
        """
        self.scenario, source = prepare(scenario, overrides, traces)
        num_envs = checked_number(num_envs, self.scenario, source)
        self.render_mode = None
        self._busy = Busy()
        self.batch = Batch(self.scenario, source, num_envs)
        if paired and rule is None:
            raise InputError("paired", paired, "False where no rule is given")
        self._rule = rule
        self._shadow = Shadow(self.scenario, self.batch, rule) if rule and paired else None
        self._bootstraps = bootstraps
        self._generators: list[np.random.Generator] = []
        self._actions = np.zeros(num_envs, np.int64)
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)
        self._forget()
        super().__init__(num_envs, seen_space(rule is not None, paired), gym.spaces.Discrete(2))

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Keep the seed of the next reset, as Stable-Baselines3 does; InputError for a bad one."""
        return super().seed(checked_seed(seed))

    def reset(self) -> NDArray[np.float32]:
        """Start all episodes; the seed given by `seed` is used once, then the streams continue.

        Like `step`, it raises AlreadyPendingCallError where another thread is inside.
        """
        with self._busy:
            seeds = [s for s in self._seeds if s is not None]
            if seeds or not self._generators:
                self._generators = [seeding.np_random(s)[0] for s in self._seeds]
            self._reset_seeds()
            self._reset_options()
            self.batch.renew()
            self._begin(np.arange(self.num_envs))
            return self._seen()

    def step(self, actions: NDArray[np.int64]) -> Stepped:
        """Route the current turn of every environment; see `step_async` and `step_wait`."""
        with self._busy:
            self._actions[:] = checked_actions(actions, self.num_envs)
            return self._step()

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Take the actions, shape (n,); InvalidAction where they are not 0 or 1."""
        with self._busy:
            self._actions[:] = checked_actions(actions, self.num_envs)

    def step_wait(self) -> Stepped:
        """Route the current turn of every environment as `step_async` was told."""
        with self._busy:
            return self._step()

    def _step(self) -> Stepped:
        batch = self.batch
        if self._rule is None:  # else what is returned is joined of copies
            batch.renew()
        batch.step(self._actions)
        rewards = batch.figures[:, 0].copy()
        self._returns += rewards
        self._lengths += 1
        self._sums += batch.figures
        self._turns += self.num_envs
        if self._shadow is not None:
            rewards -= self._shadow.earn()
        over = batch.over
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if over.any():
            self._restart(over, infos)
        return self._seen(), rewards.astype(np.float32), over, infos

    def set_options(self, options: Any = None) -> None:
        """Refuse options: the environments are given their traces when they are made."""
        if options:
            raise InputError("options", options, "none; give `traces` when the VecEnv is made")

    def take_means(self) -> dict[str, float]:
        """Return the mean of every figure of OUTCOME a turn since the last call, and forget."""
        turns = max(self._turns, 1)
        means = {
            name: float(total) / turns
            for name, total in zip(OUTCOME.names or (), self._sums.sum(axis=0), strict=True)
        }
        self._forget()
        return means

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on: memory as bytes (uint8), and streams."""
        streams = [generator.bit_generator.state for generator in self._generators]
        memory = [
            torch.frombuffer(bytearray(array.tobytes()), dtype=torch.uint8)
            for array in self._arrays()
        ]
        return {"memory": memory, "streams": streams}

    def restore(self, state: Mapping[str, Any], source: str = "state") -> None:
        """Continue from a `state` of an environment made with the same arguments.

        Raises:
            InputError: names `source` where the state is of other arguments, or damaged.
        """
        with self._busy:
            if self._shadow is not None:
                self._shadow.batch.share_traces(self.batch.traces)
            arrays = self._arrays()
            sizes = [array.nbytes for array in arrays]
            if [memory.numel() for memory in state["memory"]] != sizes:
                raise InputError(source, "arrays of other sizes", "a state of the same arguments")
            for array, memory in zip(arrays, state["memory"], strict=True):
                array.reshape(-1).view(np.uint8)[:] = memory.numpy()
            self.batch.check(source)
            if self._shadow is not None:
                self._shadow.batch.check(source)
            self._generators = [seeding.np_random(0)[0] for _ in state["streams"]]
            for generator, stream in zip(self._generators, state["streams"], strict=True):
                generator.bit_generator.state = stream
            self._seen()

    def _arrays(self) -> list[NDArray[Any]]:
        """Return the arrays, contiguous, that the next step depends on."""
        own = [self._returns, self._lengths, self.batch.traces]
        batches = [self.batch] if self._shadow is None else [self.batch, self._shadow.batch]
        return own + [getattr(batch, name) for batch in batches for name in _STATE]

    def _begin(self, which: NDArray[np.int64]) -> None:
        self.batch.begin(which, self._generators)
        self._returns[which] = 0.0
        self._lengths[which] = 0
        if self._shadow is not None:
            self._shadow.begin(which)

    def _restart(self, over: NDArray[np.bool_], infos: list[dict[str, Any]]) -> None:
        """Begin the next episodes of the ended environments; `infos` tell of the last ones."""
        truncated = self.batch.outcomes["truncated"] != 0.0
        ended = np.flatnonzero(over)
        last = self._seen()[ended].copy()
        for e, observation in zip(ended, last, strict=True):
            infos[e] = {
                "terminal_observation": observation,
                "TimeLimit.truncated": bool(truncated[e]) and self._bootstraps,
                "episode": {"r": float(self._returns[e]), "l": int(self._lengths[e]), "t": 0.0},
            }
        self._begin(ended)

    def _seen(self) -> NDArray[np.float32]:
        """Return the observations, with their margins where there is a rule."""
        observations = self.batch.observations
        if self._rule is None:
            return observations
        theirs = () if self._shadow is None else (self._shadow.batch.observations,)
        return with_margin(observations, self._rule, *theirs)

    def _forget(self) -> None:
        self._sums = np.zeros_like(self.batch.figures)
        self._turns = 0

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, the same for every environment."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: the environments share everything."""
        raise NotImplementedError("the environments of a batch have no attributes of their own")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Refuse: there is no environment object to call."""
        raise NotImplementedError("the environments of a batch have no methods of their own")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False for each: episode returns are in the infos without a Monitor."""
        return [False for _ in self._get_indices(indices)]


class Shadow:
    """A rule's own episodes beside those of a batch, the leader; the source of their traces too."""

    def __init__(self, scenario: Scenario, leader: Batch, rule: LinearRouter) -> None:
        """Allocate as many episodes as the leader has."""
        self._leader, self._rule = leader, rule
        self.batch = Batch(scenario, self, leader.episodes.size)

    def store(self, episodes: int) -> NDArray[Any]:
        """Return no memory: the leader's is used."""
        return np.empty(0)

    def assign(
        self,
        which: NDArray[np.int64],
        generators: Sequence[np.random.Generator],
        store: NDArray[Any],
        episodes: NDArray[Any],
    ) -> None:
        """Follow what the leader's episodes `which` follow."""
        for field in ("trace", "length"):
            episodes[field][which] = self._leader.episodes[field][which]

    def begin(self, which: NDArray[np.int64]) -> None:
        """Begin the episodes `which` on the traces that the leader has just been given."""
        self.batch.share_traces(self._leader.traces)
        self.batch.begin(which, ())

    def earn(self) -> NDArray[np.float64]:
        """Route the next turn and return what it earned, shape (n,).

        Where the leader's episode ends before its trace does (an empty battery), all that the
        router still earns is added, so that the sum over an episode is always its whole return.
        """
        earned = self._turn()
        ended_early = self._leader.over & ~self.batch.over
        if ended_early.any():
            running = self.batch.over
            self.batch.episodes["over"][~ended_early] = 1
            while not self.batch.over.all():
                earned += self._turn()
            self.batch.episodes["over"] = running | ended_early
        return earned

    def _turn(self) -> NDArray[np.float64]:
        batch = self.batch
        over = batch.over
        batch.step(self._rule.route(batch.observations))
        return np.where(over, 0.0, batch.figures[:, 0])


def seen_space(with_rule: bool, paired: bool) -> gym.spaces.Box:
    """Return the space of observations (32,), with a margin (33,), with the rule's too (65,)."""
    plain = observation_space()
    assert isinstance(plain, gym.spaces.Box)
    unbounded = np.full(int(with_rule), np.inf, np.float32)
    low, high = [plain.low, -unbounded], [plain.high, unbounded]
    if paired:
        low, high = [*low, plain.low], [*high, plain.high]
    return gym.spaces.Box(np.concatenate(low), np.concatenate(high))


def with_margin(
    observations: NDArray[np.float32], rule: LinearRouter, *more: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return observations (n, 32) with the rule's margin as the next column, then `more` columns.

    The margin is rounded to float32, which keeps its sign.
    """
    columns: list[NDArray[Any]] = [observations, rule.margins(observations)[:, None], *more]
    return np.concatenate(columns, axis=1, dtype=np.float32, casting="same_kind")

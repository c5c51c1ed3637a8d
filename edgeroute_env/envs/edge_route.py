"""EdgeRouteEnv: its docstring is the specification of the environment."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded
from numpy.typing import NDArray

from edgeroute_env.envs.info import scalar_info
from edgeroute_env.envs.observation import observation_space
from edgeroute_env.envs.rendering import describe
from edgeroute_env.envs.setup import ScenarioLike, TracesLike, given, prepare
from edgeroute_env.errors import InputError
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.trace import Trace

_FIRST = np.zeros(1, np.int64)
ACTIONS_ALLOWED = "0 (answer on the device) or 1 (send to the edge)"


class EdgeRouteEnv(gym.Env[NDArray[np.float32], np.int64]):
    """Route the turns of LLM dialogues between a phone and an edge server.

    ## Description

    Turn by turn, a router sends a query to the small model on the phone or, over the air, to the
    large model at the edge. The phone queues, heats up and drains; the edge is shared with other
    tenants; each side keeps a KV cache of what it has seen of the dialogue, and must recompute
    what it has not. After Bao et al., arXiv 2508.11291; docs/model.md has the equations, their
    sources and what is ours.

    ## Action Space

    `Discrete(2)`.

    | Num | Action |
    |-----|--------|
    | 0   | answer on the device |
    | 1   | send to the edge |

    ## Observation Space

    `Box`, float32, shape `(32,)`: the features of `edgeroute_env.simulator.features`, each its
    physical value over its scale, clipped to finite bounds. `edgeroute_env.decode(observation)`
    gives the physical values by name.

    | Num   | Feature | Unit | Scale |
    |-------|---------|------|-------|
    | 0, 1  | semantic score of the prompt; its mean over the dialogue's turns | 1 | 1 |
    | 2-5   | device: wait, prefill, switch (with KV recomputation), decode | s | 10 |
    | 6-10  | edge: radio, wait, prefill, switch (with KV recomputation), decode | s | 10 |
    | 11, 12 | share of the context cached on the device, at the edge | 1 | 1 |
    | 13    | SNR | dB | 10 |
    | 14, 15 | reported load of the edge; age of the report | 1; s | 1; 10 |
    | 16    | turn of the dialogue | 1 | 4 |
    | 17, 18 | context tokens; prompt tokens | tokens | 1000; 100 |
    | 19    | attachment | B | 100,000 |
    | 20-24 | heat; battery left; quota left; quota time left; episode left | 1 | 1 |
    | 25    | P(a turn of this dialogue that the phone answered needed the edge) | 1 | 1 |
    | 26    | turns an hour that this phone's user has asked so far | 1/h | 100 |
    | 27, 28 | wait that the phone's last edge call met; time since it knew | s | 10; 100 |
    | 29-31 | what a second, a joule and an edge call cost the user | 1/s, 1/J, 1 | .1, .01, .1 |

    Times are what a router may know: nominal speeds, the reported load, the expected answer
    length. What happens depends on heat, the real load and the real length. For ablations the
    scenario's `observation.hidden` withholds the edge's load, the caches or the SNR: the router
    then sees a constant, and estimates that assume it.

    ## Rewards

    The sum of named terms, each times its weight in the scenario: `quality` (0 to 1), minus
    `latency` (s), minus `energy` (J), minus `edge_call`, minus `failure`. The objective `ttft`
    counts the time to first token, `deadline` pays quality only for answers complete in time,
    `dialogue-min` pays a dialogue's worst turn when it ends, `relative-cost` takes latency and
    energy over what the edge would cost on the same turn. `objective.quality` chooses between
    sampled outcomes and their expectation given the score.

    ## Starting State

    A phone that is cold and idle, an edge without own requests, the first turn of a trace that
    is drawn from the seed. Where the scenario has `users`, the episode belongs to one of them.

    ## Episode End

    - Truncation: after the trace's last turn (128 by default).
    - Termination: when the phone's energy budget, where the scenario has one, is spent.

    ## Information

    `step` returns the turn's figures (`latency_s`, `ttft_s`, `energy_j`, `quality`, `edge_call`,
    `switched`, `recomputed_tokens`, `failed`, `refused`, `benchmark`, `radio_ttft_s`: the radio's
    part of the time to first token, `edge_energy_j`, `relative_cost`), the reward's terms
    (`rewards`) and the parts of the latency (`latency_parts`: radio, queue, switch, prefill and
    decode, in seconds; they sum to `latency_s`).

    ## Arguments

    ```python
    import gymnasium as gym
    import edgeroute_env

    env = gym.make("EdgeRoute-v0", scenario="mmlu", overrides={"radio.speed_m_per_s": 0.5})
    ```

    - `scenario`: a preset's name, a path to a YAML file, a mapping, or a `Scenario`.
    - `overrides`: dotted fields of the scenario and their values.
    - `traces`: None draws from the scenario's law, `"recorded"` from its recordings; a path, a
      `Trace` or a sequence of them is replayed.
    - `render_mode`: `"ansi"` or None.

    `reset(options={"trace": trace})` makes one episode follow a given `Trace`.

    ## Version History

    - v0: initial version.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        scenario: ScenarioLike = "paper",
        overrides: Mapping[str, Any] | None = None,
        traces: TracesLike = None,
        render_mode: str | None = None,
    ) -> None:
        """Validate the scenario and prepare the first episode; InputError names a bad field."""
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InputError("render_mode", render_mode, "'ansi' or None")
        self.scenario, source = prepare(scenario, overrides, traces)
        self.render_mode = render_mode
        self.observation_space = observation_space()
        self.action_space = gym.spaces.Discrete(2)
        self._source = source
        self._batch = Batch(self.scenario, source, 1)
        self._action = np.zeros(1, np.int64)
        self._running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; without a seed, the random stream continues."""
        super().reset(seed=seed)
        source = self._source
        if options and options.get("trace") is not None:
            source = given([options["trace"]], self.scenario)
        if source is not self._batch.source:
            self._batch = Batch(self.scenario, source, 1)
        self._batch.begin(_FIRST, (self.np_random,))
        self._running = True
        return self._batch.observations[0].copy(), {}

    def step(
        self, action: np.int64 | int
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Route the current turn.

        Raises:
            ResetNeeded: before the first `reset`, or after the episode's end.
            InvalidAction: the action is not 0 or 1.
        """
        if not self._running:
            raise ResetNeeded("step: the episode has not begun or is over; call reset() first")
        try:
            chosen = operator.index(action)
        except TypeError:
            chosen = -1
        if chosen not in (0, 1):
            raise InvalidAction(f"action: got {action!r}; allowed: {ACTIONS_ALLOWED}")
        batch = self._batch
        self._action[0] = chosen
        batch.step(self._action)
        outcome = batch.figures[0].tolist()
        reward, terminated, truncated = outcome[0], outcome[1] != 0.0, outcome[2] != 0.0
        self._running = not (terminated or truncated)
        return batch.observations[0].copy(), reward, terminated, truncated, scalar_info(outcome)

    def render(self) -> str | None:
        """Return the last turn as a line of text (render mode "ansi")."""
        if self.render_mode is None:
            return None
        return describe(self._batch)

    @property
    def trace(self) -> Trace:
        """The trace that the current episode follows."""
        episode = self._batch.episodes[0]
        return Trace.from_rows(self._batch.traces[episode["trace"], : episode["length"]])

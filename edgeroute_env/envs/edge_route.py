"""EdgeRouteEnv: its docstring is the specification of the environment."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import InvalidAction, ResetNeeded
from numpy.typing import NDArray

from edgeroute_env.envs.info import no_turn_info, scalar_info
from edgeroute_env.envs.observation import observation_space
from edgeroute_env.envs.rendering import USUAL, Screen, checked_mode
from edgeroute_env.envs.setup import (
    Busy,
    ScenarioLike,
    TracesLike,
    checked_options,
    checked_seed,
    given,
    prepare,
)
from edgeroute_env.errors import shown
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.checks import ACTIONS_ALLOWED
from edgeroute_env.traces.trace import Trace

_FIRST = np.zeros(1, np.int64)


class EdgeRouteEnv(gym.Env[NDArray[np.float32], np.int64]):
    """Route the turns of LLM dialogues between a phone and an edge server.

    ## Description

    For each turn, a router sends the query to the small model on the phone or, over the air, to
    the large model at the edge. The phone has a queue, heats up and uses up its battery. Other
    tenants share the edge. Each side keeps a KV cache of the part of the dialogue that it has seen,
    and must recompute the rest. The setting follows Bao et al., arXiv 2508.11291. docs/model.md has
    the equations and their sources, and says what is ours.

    ## Action Space

    `Discrete(2)`.

    | Num | Action |
    |-----|--------|
    | 0   | answer on the device |
    | 1   | send to the edge |

    ## Observation Space

    `Box`, float32, shape `(32,)`: physical values, clipped to [min, max], over their scales.
    `edgeroute_env.decode(observation)` gives the physical values by name, and
    `edgeroute_env.FEATURES` says in words what each one means.

    | Num | Feature | Unit | Scale | Min | Max |
    |-----|---------|------|-------|-----|-----|
    | 0 | `score` | 1 | 1 | 0 | 1 |
    | 1 | `dialogue_score` | 1 | 1 | 0 | 1 |
    | 2 | `device_wait_s` | s | 10 | 0 | 36000 |
    | 3 | `device_prefill_s` | s | 10 | 0 | 36000 |
    | 4 | `device_switch_s` | s | 10 | 0 | 36000 |
    | 5 | `device_decode_s` | s | 10 | 0 | 36000 |
    | 6 | `edge_radio_s` | s | 10 | 0 | 36000 |
    | 7 | `edge_wait_s` | s | 10 | 0 | 36000 |
    | 8 | `edge_prefill_s` | s | 10 | 0 | 36000 |
    | 9 | `edge_switch_s` | s | 10 | 0 | 36000 |
    | 10 | `edge_decode_s` | s | 10 | 0 | 36000 |
    | 11 | `device_cached` | 1 | 1 | 0 | 1 |
    | 12 | `edge_cached` | 1 | 1 | 0 | 1 |
    | 13 | `snr_db` | dB | 10 | -20 | 30 |
    | 14 | `edge_load` | 1 | 1 | 0 | 1 |
    | 15 | `report_age_s` | s | 10 | 0 | 36000 |
    | 16 | `turn` | 1 | 4 | 0 | 1000 |
    | 17 | `context_tokens` | tokens | 1000 | 0 | 1e+07 |
    | 18 | `prompt_tokens` | tokens | 100 | 0 | 1e+07 |
    | 19 | `attachment_bytes` | B | 100000 | 0 | 1e+09 |
    | 20 | `heat` | 1 | 1 | 0 | 1 |
    | 21 | `battery_left` | 1 | 1 | 0 | 1 |
    | 22 | `quota_left` | 1 | 1 | 0 | 1 |
    | 23 | `quota_time_left` | 1 | 1 | 0 | 1 |
    | 24 | `battery_time_left` | 1 | 1 | 0 | 1 |
    | 25 | `dialogue_risk` | 1 | 1 | 0 | 1 |
    | 26 | `demand_per_h` | 1/h | 100 | 0 | 1e+06 |
    | 27 | `last_edge_wait_s` | s | 10 | 0 | 36000 |
    | 28 | `last_edge_age_s` | s | 100 | 0 | 36000 |
    | 29 | `weight_latency_per_s` | 1/s | 0.1 | 0 | 1000 |
    | 30 | `weight_energy_per_j` | 1/J | 0.01 | 0 | 1000 |
    | 31 | `weight_edge_call` | 1 | 0.1 | 0 | 1000 |

    The times are estimates from what a router may know: nominal speeds, the reported load, the
    expected answer length. What happens depends on heat, the real load and the real length. Of an
    answer that is under way the router knows what it expects: waits, context, caches and budgets
    follow expected lengths until the answer has come (docs/model.md, What a router knows). For
    ablations the scenario's `observation.hidden` hides the edge's load, the caches or the SNR. The
    router then sees a constant, and estimates that assume this constant.

    ## Rewards

    The sum of named terms, each times its weight in the scenario: `quality` (0 to 1), minus
    `latency` (s), minus `energy` (J), minus `edge_call`, minus `failure`. The objective `ttft`
    counts the time to first token instead of the latency. `deadline` pays quality only for answers
    that are complete in time. `dialogue-min` pays a dialogue's worst turn when the dialogue ends.
    `relative-cost` divides latency and energy by what the edge would cost on the same turn.
    `objective.quality` chooses between sampled outcomes and their expectation given the score.

    ## Starting State

    The phone is cold and idle, the edge holds none of our requests, and the first turn of a trace
    waits. The trace is drawn from the seed. If the scenario has `users`, the episode belongs to one
    of them, or (`users.own: phone`) each phone to another.

    ## Episode End

    - Truncation: after the trace's last turn (128 by default). The phone lives on, so a learner
      may add the value of the last observation. docs/clients.md says what libraries do there.
    - Termination: when the phone's energy budget is spent, if the scenario has one. Of several
      phones, one whose budget is spent leaves: its later turns do not come. The episode ends when
      every phone has left.

    ## Information

    `reset` and `step` return the same keys, all floats: NaN at a reset, where no turn has been
    routed, and after a step the turn's figures:

    | Key | Unit | Meaning |
    |-----|------|---------|
    | `latency_s` | s | from asking to the whole answer |
    | `ttft_s` | s | from asking to the first token |
    | `energy_j` | J | of the phone |
    | `quality` | 1 | of the answer, 0 to 1 |
    | `edge_call` | 1 | 1 where the edge answered |
    | `switched` | 1 | 1 where the dialogue changed sides |
    | `recomputed_tokens` | tokens | history that had to be prefilled again |
    | `failed` | 1 | 1 where the link was out for too long |
    | `refused` | 1 | 1 where the quota was spent: the phone answered, or the turn failed |
    | `benchmark` | 1 | index into the scenario's `workload.mix` |
    | `radio_ttft_s` | s | the radio's part of `ttft_s` |
    | `edge_energy_j` | J | of the edge server |
    | `relative_cost` | 1 | cost over the edge's, objective `relative-cost` alone |
    | `reward_quality` | 1 | the reward's term for the answer |
    | `reward_latency` | 1 | for the time |
    | `reward_energy` | 1 | for the energy |
    | `reward_edge_call` | 1 | for the call |
    | `reward_failure` | 1 | for a failure |
    | `latency_scoring_s` | s | scoring the query |
    | `latency_radio_s` | s | both ways, the round trip, outages |
    | `latency_queue_s` | s | waiting for the phone or the edge |
    | `latency_switch_s` | s | changing sides |
    | `latency_prefill_s` | s | reading prompt and history |
    | `latency_decode_s` | s | writing the answer |

    The terms `reward_*` sum to the reward, the parts `latency_*_s` to `latency_s`.

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
    - `render_mode`: `"rgb_array"` (a picture of the episode), `"human"` (the same in a window,
      after each `reset` and `step`), `"ansi"` (a panel of text, 80 columns) or None.
    - `render_width`: pixels of a picture's width; its height is 5/8 of it. 640 by default.

    `reset(options={"trace": trace})` makes one episode follow a given `Trace`.

    ## Version History

    - v0: initial version.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  (as Gymnasium declares it)
        "render_modes": ["rgb_array", "human", "ansi"],
        "render_fps": 4,
    }

    def __init__(
        self,
        scenario: ScenarioLike = "paper",
        overrides: Mapping[str, Any] | None = None,
        traces: TracesLike = None,
        render_mode: str | None = None,
        render_width: int = USUAL,
    ) -> None:
        """Validate the scenario and prepare the first episode; an InputError names a bad field."""
        self.render_mode = checked_mode(render_mode, self.metadata["render_modes"])
        self.scenario, source = prepare(scenario, overrides, traces)
        screen = Screen(self.scenario, width=render_width)
        self._screen = None if render_mode is None else screen
        self.observation_space = observation_space()
        self.action_space = gym.spaces.Discrete(2)
        self._source = source
        self._batch = Batch(self.scenario, source, 1)
        self._action = np.zeros(1, np.int64)
        self._running = False
        self._busy = Busy()
        self._spec: EnvSpec | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; without a seed, the random stream continues.

        Raises:
            InputError: a seed that is no whole number from 0, or an option other than `trace`.
        """
        seed, trace = checked_seed(seed), checked_options(options, "trace").get("trace")
        with self._busy:
            source = self._source if trace is None else given([trace], self.scenario)
            super().reset(seed=seed)
            if source is not self._batch.source:
                self._batch = Batch(self.scenario, source, 1)
            self._running = False  # until the source has given a trace that fits
            self._batch.begin(_FIRST, (self.np_random,))
            self._running = True
            if self._screen is not None:
                self._screen.begin()
                self._show()
            return self._batch.observations[0].copy(), no_turn_info()

    def step(
        self, action: np.int64 | int
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Route the current turn.

        Raises:
            ResetNeeded: before the first `reset`, or after the episode's end.
            InvalidAction: the action is not 0 or 1.
            AlreadyPendingCallError: another thread is inside `step` or `reset`.
        """
        try:
            chosen = operator.index(action)
        except TypeError:
            chosen = -1
        if chosen not in (0, 1):
            raise InvalidAction(f"action: got {shown(action)}; allowed: {ACTIONS_ALLOWED}")
        busy = self._busy
        if not busy.acquire(False):  # spelt out: a `with` would cost a twentieth of a step
            raise busy.error()
        try:
            if not self._running:
                raise ResetNeeded("step: the episode has not begun or is over; call reset() first")
            batch = self._batch
            self._action[0] = chosen
            batch.step(self._action)
            outcome = batch.figures[0].tolist()
            if self._screen is not None:
                self._screen.add(batch)
                self._show()
            reward, terminated, truncated = outcome[0], outcome[1] != 0.0, outcome[2] != 0.0
            self._running = not (terminated or truncated)
            return batch.observations[0].copy(), reward, terminated, truncated, scalar_info(outcome)
        finally:
            busy.release()

    def render(self) -> NDArray[np.uint8] | str | None:
        """Return a picture, uint8, shape (400, 640, 3), or a panel of text; None in other modes.

        Raises:
            ResetNeeded: before the first `reset`.
            DependencyNotInstalled: mode "rgb_array" or "human" without pygame.
            InputError: mode "human" where there is no display.
        """
        if self._screen is None:
            return None
        if self._batch.episodes["length"][0] == 0:
            raise ResetNeeded("render: no episode has begun; call reset() first")
        if self.render_mode == "ansi":
            return self._screen.text(self._batch)
        if self.render_mode == "rgb_array":
            return self._screen.pictures(self._batch)[0]
        self._show()
        return None

    def close(self) -> None:
        """Close the window, where there is one."""
        if self._screen is not None:
            self._screen.close()

    def _show(self) -> None:
        if self._screen is not None and self.render_mode == "human":
            self._screen.show(self._batch, self.metadata["render_fps"])

    @property
    def trace(self) -> Trace:
        """The trace that the current episode follows; ResetNeeded before the first `reset`."""
        episode = self._batch.episodes[0]
        if episode["length"] == 0:
            raise ResetNeeded("trace: no episode has begun; call reset() first")
        return Trace.from_rows(self._batch.traces[episode["trace"], : episode["length"]])

    @property
    def spec(self) -> EnvSpec | None:
        """How `gym.make` made this environment; the limit on steps is the longest trace's turns.

        The id's own limit cannot say that, because the scenario's turns depend on the arguments.
        """
        return self._spec

    @spec.setter
    def spec(self, made: EnvSpec | None) -> None:
        if made is not None and made.max_episode_steps is None:
            made = replace(made, max_episode_steps=self._batch.traces.shape[1])
        self._spec = made

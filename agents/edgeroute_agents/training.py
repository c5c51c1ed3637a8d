"""Train a policy on a scenario: the one entry point of the command line and of programs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.logger import configure

from edgeroute_agents import checkpoints
from edgeroute_agents.distillation import EPISODES, advantages, distilled
from edgeroute_agents.expectation import Expectation, Refined
from edgeroute_agents.models import build, layers_of, memory_of, start_at
from edgeroute_agents.policy import LAYOUT, Policy, scenario_hash
from edgeroute_agents.settings import KINDS, DqnSettings, PpoSettings
from edgeroute_agents.validation import CONFIRMATION_SEEDS, Validation
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_agents.watching import Stopped, Watch
from edgeroute_baselines.fitted import stored_parameters
from edgeroute_baselines.linear import LinearRouter, from_bao
from edgeroute_env.errors import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import TraceSource

FIRST_SEED = 100_000  # of the training environments: beyond the seeds that parameters are fitted on
SEEDS_A_RUN = 1_000
RUNS = 800  # what fits below the validation seeds
BAO, LINEAR = "bao-multi-queue", "linear"


class Training:
    """One training; `run` it, `stop` it, resume it from its folder."""

    def __init__(
        self,
        scenario: Scenario,
        settings: PpoSettings | DqnSettings,
        folder: Path,
        seed: int = 0,
        traces: TraceKind = "synthetic",
        resume: bool = False,
        rule: LinearRouter | None = None,
        reference: LinearRouter | None = None,
        say: Callable[[str], None] = lambda line: None,
        tell: Callable[[int], None] = lambda frames: None,
    ) -> None:
        """Build the environments, the model and the validation, or restore them.

        Args:
            scenario: what to train on; how training and validation pay quality, the settings say.
            settings: from `load_settings`.
            folder: an existing folder for the policy, the checkpoint and the curves.
            seed: of the networks and the environments, from 0.
            traces: "synthetic" or "recorded"; recordings give the half kept for fitting.
            resume: continue from the folder's checkpoint.
            rule: what to start from; by default the settings' rule as it was fitted.
            reference: what validation compares with; by default the tuned analytic router.
            say: takes a line for the user after each validation.
            tell: takes the frames done so far.

        Raises:
            InputError: there is no valid stored fit, or no usable checkpoint to resume from.
        """
        check_seeds(settings, seed)
        torch.set_num_threads(1)  # more threads only wait for each other on networks this small
        kind = next(name for name, kind in KINDS.items() if type(settings) is kind)
        analytic = reference or _analytic(scenario, traces)
        trained_on, source = paid(scenario, traces, settings.quality)
        judges = (trained_on, source, analytic, settings.validation_episodes)
        validation = Validation(*judges)
        rule = rule or _start(settings.rule, scenario, traces, validation)
        validation.start_at(rule)
        self._env = EdgeRouteSB3VecEnv(
            settings.num_envs,
            trained_on,
            traces=source,
            rule=rule,
            paired=settings.paired,
            bootstraps=settings.bootstraps,
        )
        self._env.seed(FIRST_SEED + SEEDS_A_RUN * seed)
        self._model = build(settings, self._env, seed)
        self._model.set_logger(configure(str(folder), ["tensorboard"]))
        about = {
            "scenario": scenario.name,
            "scenario_hash": scenario_hash(scenario),
            "layout": LAYOUT,
            "traces": traces,
            "seed": seed,
            "settings": settings.model_dump(mode="json"),
        }
        self.policy_of = lambda: Policy(
            kind, rule, layers_of(self._model), about, memory_of(self._model)
        )
        described = json.dumps([about, rule.name, dict(rule.weights)], sort_keys=True)
        key = hashlib.sha256(described.encode()).hexdigest()
        self._frames = settings.frames
        notes = None
        self._resumes = resume
        if resume:
            notes = checkpoints.restore(folder / checkpoints.FILE, key, self._model, self._env)
        self.watch = Watch(
            *(self._env, validation, settings.validate_every, folder, key, self.policy_of),
            *(say, tell, notes),
        )
        self.watch.model = self._model  # also where nothing is left to learn
        self._confirm = lambda: self.watch.confirm(
            Validation(*judges, CONFIRMATION_SEEDS), analytic
        )
        if not resume:
            self.watch.keep_rule()
            if settings.distilled_turns:
                streams = [np.random.default_rng([2, seed, k]) for k in range(EPISODES)]
                samples = advantages(trained_on, source, rule, settings.distilled_turns, streams)
                start_at(self._model, distilled(*samples, settings.widths, seed))

    def run(self) -> bool:
        """Train to the end, or until `watch.stops`; return whether it is finished.

        The best policy on the validation seeds, the start included, lies in the folder; once it
        is finished, what fresh episodes confirm of it (`Watch.confirm`).
        """
        left = self._frames - self._model.num_timesteps
        if left > 0:
            try:
                self._model.learn(
                    left,
                    callback=self.watch,
                    log_interval=None,  # type: ignore[arg-type]
                    reset_num_timesteps=not self._resumes,
                )
            except Stopped:
                return False
            self.watch.validate()
        self._confirm()
        return True


def check_seeds(settings: PpoSettings | DqnSettings, seed: int) -> None:
    """Raise InputError where a training would need seeds that are not its own."""
    if not 0 <= seed < RUNS:
        raise InputError("seed", seed, f"a whole number from 0 to {RUNS - 1}")
    if settings.num_envs > SEEDS_A_RUN:
        raise InputError("num_envs", settings.num_envs, f"at most {SEEDS_A_RUN}")


def paid(scenario: Scenario, traces: TraceKind, quality: str) -> tuple[Scenario, TraceSource]:
    """Return what to train on, and its traces, so that quality is paid as `quality` says.

    The worst of several expectations is not the expectation of the worst, so an objective that
    asks for the worst is paid what was sampled.
    """
    source = drawn(scenario, traces, "fit")
    if quality == "sampled" or scenario.objective.kind == "dialogue-min":
        return load_scenario(scenario, {"objective.quality": "sampled"}), source
    return (
        load_scenario(scenario, {"objective.quality": "expected"}),
        Refined(source, Expectation(scenario).fill),
    )


def _start(
    name: str, scenario: Scenario, traces: TraceKind, validation: Validation
) -> LinearRouter:
    """Return the fitted rule that a policy starts from, in the linear rule's terms."""
    linear = LinearRouter(fitted(scenario, traces, LINEAR))
    bao = _analytic(scenario, traces)
    if name == "strongest":
        return linear if validation.judge(linear).confirms else bao
    return {LINEAR: linear, BAO: bao}[name]


def _analytic(scenario: Scenario, traces: TraceKind) -> LinearRouter:
    """Return the tuned analytic router, in the linear rule's terms."""
    return LinearRouter(from_bao(**fitted(scenario, traces, BAO)), BAO)


def fitted(scenario: Scenario, traces: TraceKind, name: str) -> Any:
    """Return a router's stored parameters; InputError where no valid fit is stored."""
    found = stored_parameters(scenario, traces, name)
    if found is None:
        allowed = f"a scenario with a valid fit; edgeroute tune -s {scenario.name} makes one"
        raise InputError("scenario", f"{scenario.name}, {traces} traces", allowed)
    return found

"""Train a policy: the method from top to bottom, in the order in which it happens.

Start at `Training.run`. Seven more files hold the parts: `settings` (what can be set), `vec_env`
(the episodes, with the rule's own beside them), `networks` (what learns), `distillation` (what it
knows before it learns), `judging` (validation and confirmation), `watching` (curves, log,
checkpoint) and `board` (TensorBoard's pages). What comes out is a `policy.Policy`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat

from edgeroute_agents.distillation import EPISODES, Expectation, Refined, advantages, distilled
from edgeroute_agents.judging import Validation
from edgeroute_agents.networks import Model, build, policy_of, start_at
from edgeroute_agents.settings import DqnSettings, PpoSettings
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_agents.watching import Follower, Standing, Stopped, Watch, remove_earlier
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_baselines.linear import LinearRouter, from_bao
from edgeroute_baselines.registry import EDGE_ONLY
from edgeroute_env.errors import InputError
from edgeroute_env.files import writing
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.seeds import (
    CONFIRMATION_SEEDS,
    DISTILLATION,
    SEEDS_A_TRAINING,
    TRAINING_SEEDS,
    stream,
    training_seeds,
)
from edgeroute_env.traces.recorded import TraceKind, drawn
from edgeroute_env.traces.sources import TraceSource

BAO, LINEAR = "bao-multi-queue", "linear"
RULES = (BAO, LINEAR)  # the fitted rules that a training needs


@dataclass(frozen=True)
class Training:
    """What is trained, on what, and from what.

    Attributes:
        scenario: what to train on; how training and validation pay quality, the settings say.
        settings: from `load_settings`.
        seed: of the networks and the environments, from 0.
        traces: "synthetic" or "recorded"; recordings give the half kept for fitting.
        rule: what to start from; by default the settings' rule as it was fitted.
        reference: what validation compares with; by default the tuned analytic router.
    """

    scenario: Scenario
    settings: PpoSettings | DqnSettings
    seed: int = 0
    traces: TraceKind = "synthetic"
    rule: LinearRouter | None = None
    reference: LinearRouter | None = None

    def run(self, folder: Path, follower: Follower | None = None, resume: bool = False) -> Standing:
        """Train to the end, or until `follower.stops`; the standing says which.

        The best policy on the validation seeds, the start included, lies in the folder; once the
        training is finished, what fresh episodes confirm of it. The log, the checkpoint and the
        curves lie there too; `resume` continues from the checkpoint.

        Raises:
            InputError: the seed cannot be used, there is no valid stored fit, or no usable
                checkpoint to resume from.
        """
        settings, scenario = self.settings, self.scenario
        check_seeds(settings, self.seed)
        folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            remove_earlier(folder)
        torch.set_num_threads(1)  # more threads only wait for each other on networks this small

        # Start from the rule. All that follows is judged beside it and the analytic router.
        analytic = self.reference or analytic_rule(scenario, self.traces)
        paid, source = paying(scenario, self.traces, settings.quality)
        validation = Validation(paid, source, analytic, settings.validation_episodes)
        rule = self.rule or starting_rule(self, validation)
        validation.start_at(rule)

        # Build the model: before it learns, it acts as the rule.
        env = EdgeRouteSB3VecEnv(
            settings.num_envs,
            paid,
            traces=source,
            rule=rule,
            paired=settings.paired,
            bootstraps=settings.bootstraps,
        )
        env.seed(training_seeds(self.seed)[0])
        model = build(settings, env, self.seed)
        board = TensorBoardOutputFormat(str(folder))
        model.set_logger(Logger(str(folder), [board]))
        trained = {
            "traces": self.traces,
            "seed": self.seed,
            "settings": settings.model_dump(mode="json"),
        }
        present = functools.partial(policy_of, model, rule, scenario, trained)
        every = settings.validate_every
        follower = follower or Follower()
        watch = Watch(model, env, board.writer, present, validation, every, folder, follower)

        # Distil: the network's first weights are what hindsight says the edge is worth.
        if resume:
            watch.resume()
        else:
            watch.keep_rule()
            if settings.distilled_turns:
                streams = [stream(DISTILLATION, self.seed, k) for k in range(EPISODES)]
                samples = advantages(paid, source, rule, settings.distilled_turns, streams)
                start_at(model, distilled(*samples, settings.widths, self.seed))

        # Learn, and validate in between; `watch` keeps the best.
        try:
            with writing(folder):  # TensorBoard's thread tells of a full disk without a name
                learn(model, watch, settings.frames, resume)
        except Stopped:
            return watch.standing

        # Confirm on episodes that nothing was chosen by.
        if not watch.standing.finished:
            episodes = settings.validation_episodes
            fresh = Validation(paid, source, analytic, episodes, CONFIRMATION_SEEDS)
            watch.confirm(fresh, analytic)
        return watch.standing


def check_seeds(settings: PpoSettings | DqnSettings, seed: int) -> None:
    """Raise InputError where a training would need seeds that are not its own."""
    trainings = len(TRAINING_SEEDS) // SEEDS_A_TRAINING
    if not 0 <= seed < trainings:
        raise InputError("seed", seed, f"a whole number from 0 to {trainings - 1}")
    if settings.num_envs > SEEDS_A_TRAINING:
        raise InputError("num_envs", settings.num_envs, f"at most {SEEDS_A_TRAINING}")


def paying(scenario: Scenario, traces: TraceKind, quality: str) -> tuple[Scenario, TraceSource]:
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


def starting_rule(training: Training, validation: Validation) -> LinearRouter:
    """Return the rule that a policy starts from, in the linear rule's terms.

    "strongest" is `linear` where that is better than the analytic router beyond the noise; "edge"
    knows nothing that was fitted: the edge wherever the score is above 0.
    """
    asked = training.settings.rule
    if asked == EDGE_ONLY:
        return LinearRouter(from_bao(alpha_per_s=0.0, theta=0.0), EDGE_ONLY)
    linear = LinearRouter(fitted_parameters(training.scenario, training.traces, LINEAR))
    bao = analytic_rule(training.scenario, training.traces)
    if asked == "strongest":
        return linear if validation.judge(linear).confirms else bao
    return {LINEAR: linear, BAO: bao}[asked]


def analytic_rule(scenario: Scenario, traces: TraceKind) -> LinearRouter:
    """Return the tuned analytic router, in the linear rule's terms."""
    return LinearRouter(from_bao(**fitted_parameters(scenario, traces, BAO)), BAO)


def learn(model: Model, watch: Watch, frames: int, resumes: bool) -> None:
    """Let a model learn until `frames` in all, and judge it at the end.

    Raises:
        Stopped: the follower of `watch` asked for it.
    """
    left = frames - model.num_timesteps
    if left > 0:
        no_log: Any = None  # SB3's own would mix with the curves
        model.learn(left, watch, log_interval=no_log, reset_num_timesteps=not resumes)
        watch.validate()

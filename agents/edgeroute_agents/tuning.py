"""Search training settings with Optuna, on training and validation seeds alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from edgeroute_agents.judging import Verdict
from edgeroute_agents.networks import lambda_field
from edgeroute_agents.policy import FILE
from edgeroute_agents.settings import DqnSettings, PpoSettings, read_tuned
from edgeroute_agents.train import BAO, LINEAR, Training, check_seeds
from edgeroute_agents.watching import Follower, Standing, frames_as_steps
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation.result_files import command_and_versions
from edgeroute_env.files import open_folder, replacing, with_sha256
from edgeroute_env.parallel import HERE, Plan, Step, Task, Workers, outcome
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.seeds import VALIDATION_SEEDS, training_seeds
from edgeroute_env.traces.recorded import TraceKind

TUNED = "tuned.yaml"  # the result, and what resume reads
# Trials that may run side by side. They know nothing of each other, whatever the number of jobs, so
# that any number finds the same; with more of them each would know less.
ROUND = 4
PRUNING_TRIALS = 5  # finished ones before any is cut short: a median of fewer says little
PRUNING_STEPS = 3  # validations that none is cut short before: all start at the distilled rule
_NOTE = """\
# Written by `edgeroute tune`. A value is by how much a trial's best policy is better than the rule
# it started from: the lower end of the 95 % interval of the paired gap on the validation seeds.
"""

# What is searched; the packaged settings lie within. As text, since Optuna takes no lists: widths.
_WIDTHS = CategoricalDistribution(("[32]", "[64]", "[32, 32]", "[64, 64]", "[128, 128]"))
_SPACES: dict[str, dict[str, BaseDistribution]] = {
    "ppo": {
        # A decade or so around the packaged rate, which suits a policy that starts good.
        "learning_rate": FloatDistribution(2e-5, 2e-3, log=True),
        # Whole episodes of the presets' 128 turns; with the packaged 64 environments every batch
        # size divides every rollout.
        "n_steps": IntDistribution(128, 1024, step=128),
        "batch_size": CategoricalDistribution((1024, 2048, 4096, 8192)),  # rewards are noisy
        "n_epochs": IntDistribution(1, 10),
        "gae_lambda": FloatDistribution(0.8, 1.0),  # 0.8 leaves a tenth after ten turns
        "clip_range": FloatDistribution(0.05, 0.4),
        # The start is nearly certain of each turn; a larger bonus would pay for forgetting it.
        "ent_coef": FloatDistribution(0.0, 0.01),
        "widths": _WIDTHS,
    },
    "dqn": {
        "learning_rate": FloatDistribution(5e-6, 5e-4, log=True),
        "gamma": FloatDistribution(0.5, 1.0),  # what a turn does is mostly over after a few turns
        # Frames; from a few updates to a target that moves ten times in a training.
        "target_update_interval": IntDistribution(1_000, 150_000, log=True),
        "exploration_fraction": FloatDistribution(0.1, 0.9),
        # Apart, so that exploration never grows.
        "exploration_initial_eps": FloatDistribution(0.05, 0.5),
        "exploration_final_eps": FloatDistribution(0.0, 0.05),
        "batch_size": CategoricalDistribution((32, 64, 128, 256)),
        "widths": _WIDTHS,
    },
}


@dataclass(frozen=True)
class SearchTask:
    """What is searched.

    Attributes:
        scenario: what to train on.
        start: the settings of the first trial, from `load_settings`.
        fixed: the fields that are not searched.
        seed: of every training and of the search.
        traces: "synthetic" or "recorded"; recordings give the half kept for fitting.
    """

    scenario: Scenario
    start: PpoSettings | DqnSettings
    fixed: Mapping[str, Any]
    seed: int = 0
    traces: TraceKind = "synthetic"

    def space(self) -> dict[str, BaseDistribution]:
        """Return what is searched, by field of the settings.

        Raises:
            InputError: nothing is left.
        """
        whole = dict(_SPACES[_algorithm(self.start)])
        if isinstance(self.start, PpoSettings):
            whole[lambda_field(self.scenario)] = whole.pop("gae_lambda")
        found = {name: within for name, within in whole.items() if name not in self.fixed}
        if not found:
            allowed = f"any but all of {', '.join(whole)}: nothing is left"
            raise InputError("--set", ", ".join(self.fixed), allowed)
        return found

    def settings(self, params: Mapping[str, Any]) -> PpoSettings | DqnSettings:
        """Return the settings of a trial."""
        return type(self.start).model_validate({**self.start.model_dump(), **_decoded(params)})

    def about(self) -> dict[str, Any]:
        """Return what two searches must share for one to go on with the other's trials."""
        trained = training_seeds(self.seed)[: self.start.num_envs]
        judged = VALIDATION_SEEDS[: self.start.validation_episodes]
        return {
            "algorithm": _algorithm(self.start),
            "scenario": self.scenario.name,
            "scenario_hash": scenario_hash(self.scenario),
            "traces": self.traces,
            "seed": self.seed,
            "trials_at_once": ROUND,
            "training_seeds": f"{trained[0]} to {trained[-1]}",
            "validation_seeds": f"{judged[0]} to {judged[-1]}",
            "start": self.start.model_dump(mode="json"),
            "space": {name: str(within) for name, within in self.space().items()},
        }


class HyperparameterSearch:
    """One search: `open` it in its folder, `run` it.

    Attributes:
        trials: those that need not be run any more, by their place.
    """

    trials: dict[int, FrozenTrial]

    def __init__(
        self, task: SearchTask, folder: Path, say: Callable[[str], None] = lambda line: None
    ) -> None:
        """Take what is searched, and a folder for `tuned.yaml` and all trials.

        `say` takes a line for the user after each trial.
        """
        self._task, self._folder, self._say = task, folder, say

    def open(self, overwrite: bool = False, resume: bool = False) -> None:
        """Make the folder, or keep the finished trials of a search that is there (`resume`).

        Raises:
            InputError: nothing is left to search, the seed cannot be used, there is no valid
                stored fit to start from, or the folder cannot be used.
        """
        task = self._task
        check_seeds(task.start, task.seed)
        task.space()
        for rule in (BAO, LINEAR):  # before anything is replaced
            fitted_parameters(task.scenario, task.traces, rule)
        self._make_folder(overwrite, resume)
        self.trials = self._known()

    def run(self, trials: int, by: Workers = HERE) -> None:
        """Try settings until `trials` are finished; `by` says where, the result is the same.

        The best settings so far, the first trial's included, lie in the folder's `tuned.yaml`.
        """
        outcome(self._plan(trials), by)

    def _plan(self, trials: int) -> Plan[None]:
        """Plan the trials, ROUND at a time: each knows those of earlier rounds alone."""
        if self.trials:  # perhaps more are asked for now
            self._write(trials)
        for first in range(0, trials, ROUND):
            earlier = [self.trials[place] for place in range(first)]
            places = range(first, min(first + ROUND, trials))
            yield [self._trial(k, earlier, trials) for k in places if k not in self.trials]

    def _trial(self, place: int, earlier: list[FrozenTrial], trials: int) -> Task:
        def keep(trial: FrozenTrial) -> None:
            self.trials[place] = trial
            self._write(trials)
            best_place, best = self.best
            learned, cut = trial.user_attrs["learned"], trial.state is TrialState.PRUNED
            line = f"trial {place}: {learned:+.4f}{', cut short' if cut else ''}"
            self._say(f"{line} (best {best.value:+.4f}, trial {best_place})")

        folder = (self._folder / f"trial-{place:03d}").resolve()
        given = (self._task, place, earlier, folder)
        return Task(f"trial {place}", _tried, given, self._task.start.frames, keep)

    @property
    def best(self) -> tuple[int, FrozenTrial]:
        """The best trial with its place, of equal ones the first."""
        complete = [
            (place, self.trials[place])
            for place in sorted(self.trials)
            if self.trials[place].state is TrialState.COMPLETE
        ]
        return max(complete, key=lambda found: float(found[1].values[0]))

    def _make_folder(self, overwrite: bool, resume: bool) -> None:
        """Make the folder, empty of another search unless that is resumed."""
        trials = [str(path.relative_to(self._folder)) for path in self._folder.glob(f"*/{FILE}")]
        open_folder(self._folder, [TUNED, *trials], overwrite, resume)
        if not resume:
            (self._folder / TUNED).unlink(missing_ok=True)
            for old in self._folder.glob("trial-[0-9][0-9][0-9]"):
                shutil.rmtree(old)

    def _known(self) -> dict[int, FrozenTrial]:
        """Return the finished trials of the search in the folder; none where none is there."""
        path = self._folder / TUNED
        if not path.exists():
            return {}
        found, about = read_tuned(path, "--resume"), self._task.about()
        differing = ", ".join(name for name in about if found.get(name) != about[name])
        if differing:
            allowed = f"a search with the same settings; these differ: {differing}"
            raise InputError("--resume", str(path), allowed)
        return {
            trial["trial"]: create_trial(
                state=TrialState[trial["state"].upper()],
                value=trial["value"],
                params=_coded(trial["settings"]),
                distributions=self._task.space(),
                intermediate_values=trial["validations"],
            )
            for trial in found["trials"]
        }

    def _write(self, trials: int) -> None:
        place, best = self.best
        content = {
            **command_and_versions("optuna", "stable-baselines3", "torch"),
            **self._task.about(),
            "trials_asked": trials,
            "best": {"trial": place, "value": best.value},
            "settings": self._task.settings(best.params).model_dump(mode="json"),
            "trials": [
                {
                    "trial": place,
                    "state": trial.state.name.lower(),
                    "value": trial.value,
                    "settings": _decoded(trial.params),
                    "validations": trial.intermediate_values,
                }
                for place, trial in sorted(self.trials.items())
            ],
        }
        with replacing(self._folder / TUNED) as part:
            text = _NOTE + yaml.safe_dump(with_sha256(content), sort_keys=False)
            part.write_text(text, encoding="utf-8")


def _tried(
    step: Step, task: SearchTask, place: int, earlier: list[FrozenTrial], folder: Path
) -> FrozenTrial:
    """Train with the settings that a trial asks for, knowing those of earlier rounds."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A sampler for each trial, so that what it asks for depends on its place and on these alone.
    seed = np.random.SeedSequence([task.seed, place]).generate_state(1)[0]
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=int(seed)),
        pruner=optuna.pruners.MedianPruner(PRUNING_TRIALS, PRUNING_STEPS),
    )
    study.add_trials(earlier)
    if place == 0:
        first = task.start.model_dump(mode="json", include=set(task.space()))
        study.enqueue_trial(_coded(first))
    trial = study.ask(task.space())
    settings = task.settings(trial.params)
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted trial left

    def judged(standing: Standing, verdict: Verdict) -> None:
        if standing.frames < settings.frames:  # the last validation gives the value
            trial.report(standing.learned, standing.frames // settings.validate_every)
            follower.stops |= trial.should_prune()

    follower = Follower(tell=frames_as_steps(step), judged=judged)
    training = Training(task.scenario, settings, task.seed, task.traces)
    standing = training.run(folder, follower)
    trial.set_user_attr("learned", standing.learned)
    if standing.finished:
        return study.tell(trial, standing.learned)
    return study.tell(trial, state=TrialState.PRUNED)


def _algorithm(settings: PpoSettings | DqnSettings) -> str:
    return "ppo" if isinstance(settings, PpoSettings) else "dqn"


def _coded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as Optuna takes them: lists as text."""
    return {k: json.dumps(v) if isinstance(v, list) else v for k, v in settings.items()}


def _decoded(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are from those that Optuna holds."""
    return {k: json.loads(v) if isinstance(v, str) else v for k, v in params.items()}

"""Search training settings with Optuna, on training and validation seeds alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
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
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from edgeroute_agents.models import lambda_field
from edgeroute_agents.policy import FILE, scenario_hash
from edgeroute_agents.settings import DqnSettings, PpoSettings
from edgeroute_agents.training import (
    BAO,
    FIRST_SEED,
    LINEAR,
    SEEDS_A_RUN,
    Training,
    check_seeds,
    fitted,
)
from edgeroute_agents.validation import VALIDATION_SEEDS
from edgeroute_env.config_files import read_yaml
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation.result_files import command_and_versions
from edgeroute_env.files import replacing
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind

TUNED = "tuned.yaml"
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


def space(settings: PpoSettings | DqnSettings, scenario: Scenario) -> dict[str, BaseDistribution]:
    """Return what is searched for an algorithm, by field of its settings."""
    found = dict(_SPACES[_algorithm(settings)])
    if isinstance(settings, PpoSettings):
        found[lambda_field(scenario)] = found.pop("gae_lambda")
    return found


class Search:
    """One search; `run` it, `stop` it, resume it from its folder."""

    def __init__(
        self,
        scenario: Scenario,
        start: PpoSettings | DqnSettings,
        fixed: Mapping[str, Any],
        folder: Path,
        seed: int = 0,
        traces: TraceKind = "synthetic",
        overwrite: bool = False,
        resume: bool = False,
        say: Callable[[str], None] = lambda line: None,
        tell: Callable[[int], None] = lambda frames: None,
    ) -> None:
        """Open the folder and restore the finished trials of a search that is resumed.

        Args:
            scenario: what to train on.
            start: the settings of the first trial, from `load_settings`.
            fixed: the fields that are not searched.
            folder: for `tuned.yaml` and a folder of each trial.
            seed: of every training and of the search.
            traces: "synthetic" or "recorded"; recordings give the half kept for fitting.
            overwrite: replace a search that is there.
            resume: keep the finished trials of a search that is there.
            say: takes a line for the user after each trial.
            tell: takes the frames done so far, those of a trial cut short included.

        Raises:
            InputError: nothing is left to search, there is no valid stored fit to start from, or
                the folder cannot be used.
        """
        check_seeds(start, seed)
        for rule in (BAO, LINEAR):  # before anything is replaced
            fitted(scenario, traces, rule)
        self._space = {k: v for k, v in space(start, scenario).items() if k not in fixed}
        if not self._space:
            allowed = f"any but all of {', '.join(space(start, scenario))}: nothing is left"
            raise InputError("--set", ", ".join(fixed), allowed)
        self._scenario, self._start, self._folder = scenario, start, folder
        self._seed, self._traces, self._say, self._tell = seed, traces, say, tell
        self._stops = False
        self._training: Training | None = None
        first_seed = FIRST_SEED + SEEDS_A_RUN * seed
        judged = VALIDATION_SEEDS[: start.validation_episodes]
        self._about = {
            "algorithm": _algorithm(start),
            "scenario": scenario.name,
            "scenario_hash": scenario_hash(scenario),
            "traces": traces,
            "seed": seed,
            "training_seeds": f"{first_seed} to {first_seed + start.num_envs - 1}",
            "validation_seeds": f"{judged[0]} to {judged[-1]}",
            "start": start.model_dump(mode="json"),
            "space": {name: str(within) for name, within in self._space.items()},
        }
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(PRUNING_TRIALS, PRUNING_STEPS),
        )
        self._study.add_trials(self._open(overwrite, resume))
        if not self.finished:
            first = start.model_dump(mode="json", include=set(self._space))
            self._study.enqueue_trial(_coded(first))

    def run(self, trials: int) -> bool:
        """Try settings until `trials` are finished, or `stop`; return whether they are.

        The best settings so far, the first trial's included, lie in the folder's `tuned.yaml`.
        """
        for number in range(self.finished, trials):
            # A sampler for each trial, so that a resumed search goes on as an uninterrupted one.
            seed = np.random.SeedSequence([self._seed, number]).generate_state(1)[0]
            self._study.sampler = optuna.samplers.TPESampler(seed=int(seed))
            if not self._try(self._study.ask(self._space)):
                return False
            self._tell((number + 1) * self._start.frames)
            self._write(trials)
        return True

    def stop(self) -> None:
        """Let `run` end after the present rollout; the trial that it cuts short does not count."""
        self._stops = True
        if self._training is not None:
            self._training.watch.stops = True

    @property
    def finished(self) -> int:
        """How many trials need not be run any more."""
        return len(self._study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))

    @property
    def best(self) -> FrozenTrial:
        """The best trial, of equal ones the first."""
        ended = self._study.get_trials(states=(TrialState.COMPLETE,))
        return max(
            ended, key=lambda trial: float(trial.value if trial.value is not None else -np.inf)
        )

    def _try(self, trial: Trial) -> bool:
        """Train with a trial's settings; return whether it came to an end of its own."""
        settings = self._settings(trial.params)
        folder = self._folder / f"trial-{trial.number:03d}"
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted trial left
        folder.mkdir()
        before = trial.number * settings.frames
        training = Training(
            *(self._scenario, settings, folder, self._seed, self._traces),
            tell=lambda frames: self._tell(before + min(frames, settings.frames)),
        )
        watch = training.watch

        def judge() -> None:
            if watch.num_timesteps < settings.frames:  # the last validation gives the value
                trial.report(watch.learned, watch.num_timesteps // settings.validate_every)
                watch.stops |= trial.should_prune()

        watch.validated = judge
        self._training = training
        watch.stops = self._stops
        ended = training.run()
        if not ended and self._stops:
            return False
        if ended:
            self._study.tell(trial, watch.learned)
        else:
            self._study.tell(trial, state=TrialState.PRUNED)
        cut = "" if ended else ", cut short"
        best = f"best {self.best.value:+.4f}, trial {self.best.number}"
        self._say(f"trial {trial.number}: {watch.learned:+.4f}{cut} ({best})")
        return True

    def _settings(self, params: Mapping[str, Any]) -> PpoSettings | DqnSettings:
        return type(self._start).model_validate({**self._start.model_dump(), **_decoded(params)})

    def _open(self, overwrite: bool, resume: bool) -> list[FrozenTrial]:
        """Make the folder, or take the finished trials from it."""
        path = self._folder / TUNED
        if not (overwrite or resume) and (path.exists() or any(self._folder.glob(f"*/{FILE}"))):
            allowed = "a folder without a search, --overwrite or --resume"
            raise InputError("--out", str(self._folder), allowed)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not resume:
                path.unlink(missing_ok=True)
                for old in self._folder.glob("trial-[0-9][0-9][0-9]"):
                    shutil.rmtree(old)
        except OSError as error:
            raise InputError("--out", str(self._folder), f"a usable folder ({error})") from None
        return self._kept(path) if path.exists() else []

    def _kept(self, path: Path) -> list[FrozenTrial]:
        """Return the finished trials of an earlier search like this one."""
        found = read_yaml(path)
        differing = [name for name, value in self._about.items() if found.get(name) != value]
        if differing:
            allowed = f"a search with the same settings; these differ: {', '.join(differing)}"
            raise InputError("--resume", str(path), allowed)
        try:
            return [
                create_trial(
                    state=TrialState[row["state"].upper()],
                    value=row["value"],
                    params=_coded(row["settings"]),
                    distributions=self._space,
                    intermediate_values=row["validations"],
                )
                for row in found["trials"]
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"a {TUNED} that edgeroute tune wrote ({error!r})"
            raise InputError("--resume", str(path), reason) from None

    def _write(self, trials: int) -> None:
        ended = self._study.get_trials()
        content = {
            **command_and_versions("optuna", "stable-baselines3", "torch"),
            **self._about,
            "trials_asked": trials,
            "best": {"trial": self.best.number, "value": self.best.value},
            "settings": self._settings(self.best.params).model_dump(mode="json"),
            "trials": [
                {
                    "state": trial.state.name.lower(),
                    "value": trial.value,
                    "settings": _decoded(trial.params),
                    "validations": trial.intermediate_values,
                }
                for trial in ended
            ],
        }
        with replacing(self._folder / TUNED) as part:
            part.write_text(_NOTE + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _algorithm(settings: PpoSettings | DqnSettings) -> str:
    return "ppo" if isinstance(settings, PpoSettings) else "dqn"


def _coded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as Optuna takes them: lists as text."""
    return {k: json.dumps(v) if isinstance(v, list) else v for k, v in settings.items()}


def _decoded(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are from those that Optuna holds."""
    return {k: json.loads(v) if isinstance(v, str) else v for k, v in params.items()}

"""How a policy is trained: `configs/agents/ALGORITHM.yaml`, validated.

The comments there say what each field means.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from edgeroute_env.config_files import config_path, read_checked_yaml, read_yaml
from edgeroute_env.errors import InputError, input_error
from edgeroute_env.fields import Count, NonNegative, Part, Positive, Share, Within
from edgeroute_env.seeds import VALIDATION_SEEDS

MOST_FRAMES = 10**7  # of observations in memory at once: some gigabytes


class TrainingSettings(Part):
    """What all algorithms need to know."""

    rule: Literal["strongest", "linear", "bao-multi-queue", "edge"]
    distilled_turns: Annotated[int, Within(0, 10**8)]
    paired: bool
    quality: Literal["expected", "sampled"]
    bootstraps: bool
    frames: Count
    num_envs: Count
    widths: Annotated[
        tuple[Annotated[int, Within(1, 4096)], ...], Field(min_length=1, max_length=8)
    ]
    learning_rate: Positive
    gamma: Share
    max_grad_norm: Positive
    validate_every: Count
    validation_episodes: Annotated[int, Within(2, len(VALIDATION_SEEDS))]


class PpoSettings(TrainingSettings):
    """PPO's own, named as in Stable-Baselines3."""

    n_steps: Annotated[int, Within(1, 10**5)]
    batch_size: Annotated[int, Within(2, 10**7)]
    n_epochs: Count
    gae_lambda: Share
    gae_lambda_budget: Share
    clip_range: Positive
    ent_coef: NonNegative
    vf_coef: NonNegative

    @model_validator(mode="after")
    def _fits_into_memory(self) -> PpoSettings:
        if self.n_steps * self.num_envs > MOST_FRAMES:
            allowed = f"at most {MOST_FRAMES} with num_envs multiplied"
            raise InputError("n_steps", self.n_steps, allowed)
        return self


class DqnSettings(TrainingSettings):
    """DQN's own, named as in Stable-Baselines3."""

    buffer_size: Annotated[int, Within(1, 10**7)]
    learning_starts: Annotated[int, Within(0, 10**12)]
    batch_size: Annotated[int, Within(1, 10**7)]
    train_freq: Count
    gradient_steps: Count
    target_update_interval: Count
    exploration_fraction: Share
    exploration_initial_eps: Share
    exploration_final_eps: Share


KINDS: dict[str, type[PpoSettings] | type[DqnSettings]] = {"ppo": PpoSettings, "dqn": DqnSettings}


def load_settings(
    algorithm: str, overrides: Mapping[str, Any] | None = None, tuned: Path | None = None
) -> PpoSettings | DqnSettings:
    """Return the settings of "ppo" or "dqn", with `overrides` by field.

    `tuned` is what `edgeroute tune ALGORITHM` wrote; by default the packaged settings.

    Raises:
        InputError: names the unknown algorithm, the unusable file or the first bad field.
    """
    if algorithm not in KINDS:
        raise InputError("algorithm", algorithm, "one of " + ", ".join(KINDS))
    kind = KINDS[algorithm]
    if tuned is None:
        content = read_yaml(config_path("agents", f"{algorithm}.yaml"))
    else:
        content = _tuned(tuned, algorithm)
    try:
        return kind.model_validate({**content, **(overrides or {})})
    except ValidationError as error:
        raise input_error(error, kind) from None


def _tuned(path: Path, algorithm: str) -> dict[str, Any]:
    found = read_tuned(path, "--settings")
    if found["algorithm"] != algorithm:
        raise InputError("--settings", str(path), f"a file that edgeroute tune {algorithm} wrote")
    settings: dict[str, Any] = found["settings"]
    return settings


def read_tuned(path: Path, field: str) -> dict[str, Any]:
    """Return what `edgeroute tune` wrote; InputError names `field` where it is not that."""
    allowed = "a file as edgeroute tune wrote it, changed by --set alone"
    return read_checked_yaml(path, field, allowed)

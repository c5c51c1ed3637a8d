"""How a policy is trained: `configs/agents/ALGORITHM.yaml`, validated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from edgeroute_env.config_files import config_path, read_yaml
from edgeroute_env.errors import InputError, allowed_by
from edgeroute_env.fields import Count, NonNegative, Part, Positive, Share


class Settings(Part):
    """What all algorithms need to know."""

    # What the policy starts from; strongest: linear where it is surely better in validation.
    rule: Literal["strongest", "linear", "bao-multi-queue"]
    distilled_turns: Annotated[int, Field(ge=0)]  # what distillation learns from; 0: skip
    paired: bool  # subtract what the rule earns on the same traces
    quality: Literal["expected", "sampled"]  # how it is paid; see `edgeroute_agents.expectation`
    bootstraps: bool  # whether an episode's last turn is valued as if it went on
    frames: Count
    num_envs: Count
    widths: Annotated[tuple[Count, ...], Field(min_length=1)]
    learning_rate: Positive  # falls linearly to 0
    gamma: Share
    max_grad_norm: Positive
    validate_every: Count  # frames
    validation_episodes: Annotated[int, Field(ge=2)]


class PpoSettings(Settings):
    """PPO's own, named as in Stable-Baselines3."""

    n_steps: Count
    batch_size: Annotated[int, Field(ge=2)]
    n_epochs: Count
    gae_lambda: Share
    gae_lambda_budget: Share  # instead, where calls or energy are limited
    clip_range: Positive
    ent_coef: NonNegative
    vf_coef: NonNegative


class DqnSettings(Settings):
    """DQN's own, named as in Stable-Baselines3."""

    buffer_size: Count
    learning_starts: int
    batch_size: Count
    train_freq: Count
    gradient_steps: Count
    target_update_interval: Count
    exploration_fraction: Share
    exploration_initial_eps: Share
    exploration_final_eps: Share


class RecurrentPpoSettings(PpoSettings):
    """PPO with a memory; see `edgeroute_agents.recurrent`."""

    lstm_units: Count


class QrDqnSettings(DqnSettings):
    """DQN that values by quantiles; see `edgeroute_agents.quantiles`."""

    n_quantiles: Count


KINDS: dict[str, type[PpoSettings] | type[DqnSettings]] = {
    "ppo": PpoSettings,
    "dqn": DqnSettings,
    "recurrent-ppo": RecurrentPpoSettings,
    "qr-dqn": QrDqnSettings,
}


SEARCHED = ("ppo", "dqn")  # whose settings `edgeroute_agents.tuning` looks for


def load_settings(
    algorithm: str, overrides: Mapping[str, Any] | None = None, tuned: Path | None = None
) -> PpoSettings | DqnSettings:
    """Return the settings of an algorithm, a name of KINDS, with `overrides` by field.

    Args:
        algorithm: "ppo" or "dqn".
        overrides: go before all else.
        tuned: what `edgeroute tune ALGORITHM` wrote; by default the packaged settings.

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
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        allowed = allowed_by(first["msg"])
        if first["type"] == "extra_forbidden":
            allowed = "one of the fields " + ", ".join(kind.model_fields)
        raise InputError(field, first["input"], allowed) from None


def _tuned(path: Path, algorithm: str) -> dict[str, Any]:
    found = read_yaml(path)
    settings = found.get("settings")
    if found.get("algorithm") != algorithm or not isinstance(settings, dict):
        allowed = f"a file that edgeroute tune {algorithm} wrote"
        raise InputError("--settings", str(path), allowed)
    return settings

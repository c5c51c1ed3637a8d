"""The settings of `edgeroute live serve`: a YAML file, checked as a scenario is."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator, model_validator

from edgeroute_baselines.registry import ANALYTIC
from edgeroute_env.config_files import read_yaml
from edgeroute_env.errors import InputError, input_error
from edgeroute_env.fields import Duration, Part, Share, Within
from edgeroute_env.semantic.scorer import DEFAULT_PAIR
from edgeroute_live.log import KEPT_FILES, ROTATE_BYTES
from edgeroute_live.timing import Endpoint
from edgeroute_live.upstream import Patience

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


class SideSettings(Part):
    """One side's server.

    url: its OpenAI base, with /v1. model: the name that it knows its model by. key_env: the
    environment variable that holds its key. metrics: the address of its metrics; by default
    /metrics beside /v1 for the edge.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+", max_length=2000)]
    model: Annotated[str, Field(max_length=500)] = ""
    key_env: Name | None = None
    metrics: str | None = None

    def endpoint(self, side: str) -> Endpoint:
        """Return where the server is, with its key; InputError where the variable is not set."""
        return Endpoint(self.url, self.model, secret(f"{side}.key_env", self.key_env))

    @property
    def metrics_url(self) -> str:
        """The address of its metrics."""
        return self.metrics or self.url.rstrip("/").removesuffix("/v1") + "/metrics"


class Limits(Part):
    """How long and how much.

    Seconds: `connect_s` to reach a side, `silence_s` until the next byte of a stream, `answer_s`
    for an answer that is not streamed, `probe_s` between two looks at a side that is down,
    `drain_s` for the turns under way when the proxy is to stop.
    """

    connect_s: Duration = 5.0
    silence_s: Duration = 120.0
    answer_s: Duration = 600.0
    probe_s: Duration = 2.0
    drain_s: Duration = 30.0
    body_bytes: Annotated[int, Within(1000, 10**9)] = 32 * 2**20
    dialogues: Annotated[int, Within(1, 10**7)] = 10_000
    log_bytes: Annotated[int, Within(1000, 10**12)] = ROTATE_BYTES
    log_files: Annotated[int, Within(1, 1000)] = KEPT_FILES

    def patience(self) -> Patience:
        """Return how long a side may take."""
        return Patience(self.connect_s, self.silence_s, self.answer_s, self.probe_s)


class Settings(Part):
    """What a proxy serves.

    scenario: a preset or a file that stands for the two sides. router: a name or a policy's file.
    scorer: a head that scores prompts, or one score for all. token_env: the environment variable
    with the token that clients must send. log: the file of turns. shadow_share: of the turns that
    the other side is asked as well, afterwards. signals: the file that a phone's agent writes.
    """

    device: SideSettings
    edge: SideSettings
    scenario: str = "paper"
    router: str = ANALYTIC
    scorer: str | Annotated[float, Within(0.0, 1.0)] = DEFAULT_PAIR
    host: str = "127.0.0.1"
    port: Annotated[int, Within(0, 65535)] = 8000
    token_env: Name | None = None
    log: Path | None = None
    shadow_share: Share = 0.0
    signals: Path | None = None
    limits: Limits = Limits()

    @field_validator("log")
    @classmethod
    def _lies_in_a_folder(cls, log: Path | None) -> Path | None:
        if log is not None and not log.parent.is_dir():
            raise InputError("", str(log), "a file in a folder that is there")
        return log

    @model_validator(mode="after")
    def _asks_for_a_token(self) -> Settings:
        if self.token_env is None and not _is_loopback(self.host):
            allowed = "127.0.0.1, or token_env beside it: others could use your models and keys"
            raise InputError("host", self.host, allowed)
        return self

    def token(self) -> str:
        """Return the token that clients must send; "" for none."""
        return secret("token_env", self.token_env)


def load_settings(path: Path) -> Settings:
    """Return the settings in a YAML file; InputError names the first bad field."""
    try:
        return Settings.model_validate(read_yaml(path))
    except ValidationError as error:
        raise input_error(error, Settings, f"{path}: ") from None


def secret(field: str, variable: str | None) -> str:
    """Return what an environment variable holds; it is never shown."""
    if variable is None:
        return ""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise InputError(field, variable, "the name of an environment variable that is set")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

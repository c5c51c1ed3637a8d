"""Published figures of latency and memory, and what the model predicts for each.

The figures, their sources and the explanations of errors lie in `validation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from edgeroute_env.catalog import GpuSpec, ModelSpec, from_catalog
from edgeroute_env.config_files import read_yaml
from edgeroute_env.errors import InputError
from edgeroute_env.fields import Count, NonNegative, Part, Positive
from edgeroute_env.physics import inference
from edgeroute_env.physics.inference import ENGINE_STEP_S

KIBI, MILLI = 2.0**10, 1e-3
Model = Annotated[ModelSpec, BeforeValidator(from_catalog("models"))]


class _Figure(Part):
    """What every figure states: its model, the published value, and why the error is large."""

    model: Model
    published: Positive
    why: str = ""


class _OnGpus(_Figure):
    """A figure of a model on GPUs."""

    gpu: Annotated[GpuSpec, BeforeValidator(from_catalog("gpus"))]
    tensor_parallel: Count

    def cost(self) -> inference.EdgeCost:
        """Return the coefficients of the model's time formulas on these GPUs."""
        return inference.edge_cost(self.model.shape(), self.gpu.constants(), self.tensor_parallel)

    @property
    def where(self) -> str:
        """Return the model and its GPUs in words."""
        return f"{self.model.name}, {self.tensor_parallel} x {self.gpu.name}"


class Prefill(_OnGpus):
    """Time of a prefill, alone ("prefill") or as the time to first token ("ttft"), in ms."""

    quantity: Literal["prefill", "ttft"]
    new_tokens: Positive
    cached_tokens: NonNegative = 0.0
    unit: Literal["ms"] = "ms"

    @property
    def what(self) -> str:
        """Return the case in words."""
        behind = f" behind {self.cached_tokens:,.0f}" if self.cached_tokens else ""
        return f"{self.new_tokens:,.0f} tokens{behind}, {self.where}"

    def predicted(self, engine_step: bool) -> float:
        """Return the prediction in ms; a prefill takes no decode step."""
        return inference.prefill_s(self.cost(), self.new_tokens, self.cached_tokens) / MILLI


class Decode(_OnGpus):
    """Time per output token of a batch, each sequence at `context_tokens`, in ms."""

    quantity: Literal["decode"]
    batch: Positive
    context_tokens: Positive
    unit: Literal["ms"] = "ms"

    @property
    def what(self) -> str:
        """Return the case in words."""
        return f"batch {self.batch:.0f} at {self.context_tokens:,.0f} tokens, {self.where}"

    def predicted(self, engine_step: bool) -> float:
        """Return the prediction in ms, with the engine's step or without."""
        contexts = self.batch * self.context_tokens
        seconds = inference.decode_s_per_token(self.cost(), self.batch, contexts)
        return (seconds - (0.0 if engine_step else ENGINE_STEP_S)) / MILLI


class Speed(_OnGpus):
    """Output tokens per second of one request from its start to its last token."""

    quantity: Literal["speed"]
    prompt_tokens: Positive
    answer_tokens: Positive
    unit: Literal["tokens/s"] = "tokens/s"

    @property
    def what(self) -> str:
        """Return the case in words."""
        return f"{self.prompt_tokens:,.0f} + {self.answer_tokens:,.0f} tokens, {self.where}"

    def predicted(self, engine_step: bool) -> float:
        """Return the prediction in tokens/s; decode time is linear, so the mean context serves."""
        cost = self.cost()
        context = self.prompt_tokens + (self.answer_tokens - 1.0) / 2.0
        step_s = inference.decode_s_per_token(cost, 1.0, context)
        step_s -= 0.0 if engine_step else ENGINE_STEP_S
        prefill_s = inference.prefill_s(cost, self.prompt_tokens, 0.0)
        return self.answer_tokens / (prefill_s + self.answer_tokens * step_s)


class Pool(_OnGpus):
    """Tokens that fit into the server's KV cache."""

    quantity: Literal["pool"]
    unit: Literal["tokens"] = "tokens"

    @property
    def what(self) -> str:
        """Return the case in words."""
        return self.where

    def predicted(self, engine_step: bool) -> float:
        """Return the prediction in tokens."""
        return self.cost().kv_pool_tokens


class KvBytes(_Figure):
    """KiB of KV cache a token."""

    quantity: Literal["kv"]
    unit: Literal["KiB/token"] = "KiB/token"

    @property
    def what(self) -> str:
        """Return the case in words."""
        return self.model.name

    def predicted(self, engine_step: bool) -> float:
        """Return the prediction in KiB a token."""
        return self.model.shape().kv_bytes_per_token / KIBI


Figure = Annotated[Prefill | Decode | Speed | Pool | KvBytes, Field(discriminator="quantity")]


class Group(Part):
    """Figures of one source; `counted` ones enter the median error."""

    name: str
    source: str
    engine_step: bool = True
    counted: bool = True
    figures: tuple[Figure, ...]


class _Published(Part):
    """The data file."""

    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Check:
    """One published figure beside the model's prediction of it."""

    group: Group
    figure: Prefill | Decode | Speed | Pool | KvBytes

    @property
    def predicted(self) -> float:
        """Return the prediction in the figure's unit."""
        return self.figure.predicted(self.group.engine_step)

    @property
    def error(self) -> float:
        """Return the signed relative error: 0.1 is 10 % more than published."""
        return self.predicted / self.figure.published - 1.0


@cache
def published_checks() -> tuple[Check, ...]:
    """Return every published figure with its prediction, in the order of the data file."""
    path = Path(__file__).with_name("published.yaml")
    try:
        content = _Published.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {place}", first["input"], first["msg"]) from None
    return tuple(Check(group, figure) for group in content.groups for figure in group.figures)

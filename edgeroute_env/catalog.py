"""Published facts of models, GPUs and phones, named from `configs/catalog` or given inline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import Field, model_validator

from edgeroute_env.config_files import config_path, read_yaml
from edgeroute_env.errors import InputError
from edgeroute_env.fields import Flag, Part, Positive, Rate, Within
from edgeroute_env.physics import inference

Billions = Annotated[float, Within(1e-4, 1e5)]
Size = Annotated[int, Within(1, 10**6)]
BytesPerValue = Annotated[float, Within(0.01, 16.0)]
Overhead = Annotated[float, Within(0.0, 10.0)]  # seconds
Efficiency = Annotated[float, Within(1e-3, 2.0)]

GIBI, TERA, BILLION = 2.0**30, 1e12, 1e9


class Entry(Part):
    """What a catalog holds. One error names all fields that are missing, with their meaning."""

    @model_validator(mode="before")
    @classmethod
    def _is_complete(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            missing = {
                name: spec.description
                for name, spec in cls.model_fields.items()
                if spec.is_required() and name not in given
            }
            if missing:
                field = next(iter(missing)) if len(missing) == 1 else ""
                told = "; ".join(f"{name}: {meaning}" for name, meaning in missing.items())
                raise InputError(field, "nothing", f"all required fields: {told}")
        return given


class ModelSpec(Entry):
    """A decoder-only transformer: parameters in billions, its shape, bytes per value."""

    name: str = Field(description="a name of your choice")
    parameters_b: Billions = Field(description="all parameters, 10^9")
    body_parameters_b: Billions = Field(description="parameters without embeddings, 10^9")
    tied_embeddings: Flag = Field(description="whether input and output share embeddings")
    layers: Size = Field(description="number of layers")
    hidden: Size = Field(description="hidden size")
    heads: Size = Field(description="attention heads")
    kv_heads: Size = Field(description="heads of keys and values")
    head_size: Size = Field(description="size of a head")
    weight_bytes: BytesPerValue = 2.0
    kv_value_bytes: BytesPerValue = 2.0

    @model_validator(mode="after")
    def _is_a_model(self) -> ModelSpec:
        for part, whole in (("body_parameters_b", "parameters_b"), ("kv_heads", "heads")):
            if getattr(self, part) > getattr(self, whole):
                allowed = f"at most {whole}, {getattr(self, whole):g}"
                raise InputError(part, getattr(self, part), allowed)
        return self

    def shape(self) -> inference.Model:
        """Return the model as the formulas of `physics.inference` take it."""
        embeddings_b = self.parameters_b - self.body_parameters_b
        head_b = embeddings_b if self.tied_embeddings else embeddings_b / 2
        return inference.Model(
            body_parameters=self.body_parameters_b * BILLION,
            head_parameters=head_b * BILLION,
            layers=self.layers,
            hidden=self.hidden,
            attention_width=self.heads * self.head_size,
            stored_bytes=self.parameters_b * BILLION * self.weight_bytes,
            streamed_bytes=(self.body_parameters_b + head_b) * BILLION * self.weight_bytes,
            kv_bytes_per_token=inference.kv_bytes_per_token(
                self.layers, self.kv_heads, self.head_size, self.kv_value_bytes
            ),
        )


class GpuSpec(Entry):
    """A GPU and the constants of the latency law fitted to it."""

    name: str = Field(description="a name of your choice")
    # The ends are for parts that take no time.
    peak_tflops: Annotated[float, Within(1e-3, 1e15)] = Field(
        description="peak dense BF16 rate, TFLOP/s"
    )
    bandwidth_tb_per_s: Annotated[float, Within(1e-4, 1e15)] = Field(
        description="memory bandwidth, TB/s"
    )
    memory_gib: Annotated[float, Within(1e-2, 1e5)] = Field(description="memory, GiB")
    mfu: Efficiency = Field(description="share of peak_tflops reached in prefill")
    mbu: Efficiency = Field(description="share of bandwidth_tb_per_s reached")
    launch_s: Overhead = Field(description="fixed time a forward pass, s")
    layer_s: Overhead = Field(description="fixed time a layer, s")
    all_reduce_s: Overhead = Field(description="fixed time of an all-reduce between GPUs, s")
    link_gb_per_s: Annotated[float, Within(1e-3, 1e15)] = Field(
        description="bandwidth between GPUs, GB/s"
    )

    def constants(self) -> inference.Gpu:
        """Return the GPU as the formulas of `physics.inference` take it (SI units)."""
        return inference.Gpu(
            flops=self.peak_tflops * TERA,
            bandwidth_bytes_per_s=self.bandwidth_tb_per_s * TERA,
            memory_bytes=self.memory_gib * GIBI,
            mfu=self.mfu,
            mbu=self.mbu,
            launch_s=self.launch_s,
            layer_s=self.layer_s,
            all_reduce_s=self.all_reduce_s,
            link_bytes_per_s=self.link_gb_per_s * BILLION,
        )


class DeviceSpeed(Entry):
    """Measured speeds of one model on one phone, cold and otherwise idle.

    A prefill takes `prefill_fixed_s` and a time that is linear at first. Attention halves the rate
    of a prompt of `prefill_half_rate_tokens`; null leaves it out. `context_tokens` is what the
    phone's runtime holds of prompt, history and answer; null has no limit.
    """

    name: str = Field(description="a name of your choice")
    prefill_tokens_per_s: Rate = Field(description="speed of the prompt, tokens/s")
    decode_tokens_per_s: Rate = Field(description="speed of the answer, tokens/s")
    prefill_fixed_s: Overhead = Field(0.0, description="fixed time of a prefill, s")
    prefill_half_rate_tokens: Positive | None = Field(
        None, description="prompt whose rate attention halves, tokens"
    )
    context_tokens: Positive | None = Field(
        None, description="most tokens of history, prompt and answer"
    )


def from_catalog(kind: str) -> Callable[[Any], Any]:
    """Return a validator that turns a name into its catalog entry and keeps mappings."""

    def resolve(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        entries = catalog(kind)
        if value not in entries:
            raise InputError("", value, "one of " + ", ".join(sorted(entries)))
        return {"name": value, **entries[value]}

    return resolve


@cache
def catalog(kind: str) -> dict[str, dict[str, Any]]:
    """Return the entries of `configs/catalog/KIND.yaml`."""
    return read_yaml(config_path("catalog", f"{kind}.yaml"))

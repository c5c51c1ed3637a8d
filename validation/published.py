"""Published figures of latency and memory, and what the model predicts for each.

The figures, their sources and the explanations of errors lie in `published.yaml`.
"""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from edgeroute_env.catalog import GpuSpec, ModelSpec, from_catalog
from edgeroute_env.config_files import read_yaml
from edgeroute_env.physics import inference

KIBI, MILLI = 2.0**10, 1e-3
# What is measured -> its unit, and how a case is told.
QUANTITIES = {
    "prefill": ("ms", "{new_tokens:,} new tokens, {cached_tokens:,} cached"),
    "ttft": ("ms", "{new_tokens:,} new tokens, {cached_tokens:,} cached"),
    "decode": ("ms", "batch {batch} at {context_tokens:,} tokens"),
    "speed": ("tokens/s", "{prompt_tokens:,} + {answer_tokens:,} tokens"),
    "pool": ("tokens", ""),
    "kv": ("KiB/token", ""),
}


@dataclass(frozen=True)
class Figure:
    """One published figure: its case, its value, and why the model's error is large."""

    quantity: str
    model: str
    published: float
    engine_step: bool  # whether the figure holds the engine's millisecond a step
    gpu: str = ""  # the KV bytes of a token need none
    tensor_parallel: int = 0
    new_tokens: int = 0  # of a prefill, alone or as the time to first token
    cached_tokens: int = 0  # before these
    batch: int = 0  # sequences whose next output token is timed
    context_tokens: int = 0  # of each of these
    prompt_tokens: int = 0  # of one whole request, whose speed is measured
    answer_tokens: int = 0
    why: str = ""

    @property
    def unit(self) -> str:
        """The unit of the published and the predicted value."""
        return QUANTITIES[self.quantity][0]

    @property
    def case(self) -> str:
        """Return the case in words."""
        sizes = QUANTITIES[self.quantity][1].format(**asdict(self))
        gpus = f"{self.tensor_parallel} x {self.gpu}" if self.gpu else ""
        return ", ".join(part for part in (sizes, self.model, gpus) if part)

    def model_shape(self) -> inference.Model:
        """Return the model as the formulas take it."""
        return ModelSpec.model_validate(from_catalog("models")(self.model)).shape()

    def gpu_constants(self) -> inference.Gpu:
        """Return the GPU as the formulas take it."""
        return GpuSpec.model_validate(from_catalog("gpus")(self.gpu)).constants()

    def cost(self) -> inference.EdgeCost:
        """Return the coefficients of the model's time formulas on these GPUs."""
        return inference.edge_cost(self.model_shape(), self.gpu_constants(), self.tensor_parallel)

    @property
    def predicted(self) -> float:
        """Return the prediction in the figure's unit."""
        if self.quantity == "kv":
            return self.model_shape().kv_bytes_per_token / KIBI
        cost = self.cost()
        if self.quantity == "pool":
            return cost.kv_pool_tokens
        if self.quantity == "decode":
            return self._token_s(cost, self.batch, self.context_tokens) / MILLI
        if self.quantity == "speed":
            # The time of a token is linear in the context, so the mean context serves.
            context = self.prompt_tokens + (self.answer_tokens - 1.0) / 2.0
            prefill_s = inference.prefill_s(cost, self.prompt_tokens, 0.0)
            answer_s = self.answer_tokens * self._token_s(cost, 1, context)
            return self.answer_tokens / (prefill_s + answer_s)
        return inference.prefill_s(cost, self.new_tokens, self.cached_tokens) / MILLI

    def _token_s(self, cost: inference.EdgeCost, batch: int, context_tokens: float) -> float:
        seconds = inference.decode_s_per_token(cost, batch, batch * context_tokens)
        return seconds if self.engine_step else seconds - inference.ENGINE_STEP_S

    @property
    def error(self) -> float:
        """Return the signed relative error: 0.1 is 10 % more than published."""
        return self.predicted / self.published - 1.0


@dataclass(frozen=True)
class Group:
    """Figures of one source."""

    name: str
    source: str
    engine_step: bool
    counted: bool  # whether they enter the median error
    fitted: bool  # whether the model's constants were fitted to this source
    figures: tuple[Figure, ...]


@cache
def published_groups() -> tuple[Group, ...]:
    """Return the published figures in the order of the data file."""
    found = []
    for group in read_yaml(Path(__file__).with_name("published.yaml"))["groups"]:
        step = group["engine_step"]
        figures = tuple(Figure(engine_step=step, **figure) for figure in group.pop("figures"))
        found.append(Group(**group, figures=figures))
    return tuple(found)

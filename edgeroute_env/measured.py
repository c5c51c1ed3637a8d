"""A GPU or a phone of one's own, known by speeds measured on it.

The constants of the latency law are fitted to the points by least squares of relative errors, in
the logarithms of the constants, which keeps them positive. A weak pull keeps at the default what
the points do not tell. Values given beside the points are kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from edgeroute_env.catalog import Entry, GpuSpec, ModelSpec, Overhead, catalog, from_catalog
from edgeroute_env.errors import InputError, input_error, needs
from edgeroute_env.fields import Part, Positive, Rate, Within
from edgeroute_env.physics.inference import decode_s_per_token, edge_cost, prefill_s

DEFAULT_GPU = "a100-80g"  # its constants stand for what the points do not tell
POINT_ERROR = 1e-4  # relative; small, so that the pull to the default is weak
# How far a constant may lie from its default, as a standard deviation of its logarithm. Where the
# points tell only a product or a sum, the wider constant moves: the peak rate before its share.
SPREAD = {"peak_tflops": 10.0, "bandwidth_tb_per_s": 10.0, "launch_s": 10.0, "mfu": 0.5}
SPREAD |= {"layer_s": 1.0}
SPREAD_BETWEEN_GPUS = {"all_reduce_s": 10.0, "link_gb_per_s": 10.0}
FARTHEST = math.log(100.0)  # from the default, and no farther than three of the above
TOLD = 0.5  # the share of a constant's value that must come from the points
UNMOVED = 0.01  # a constant that lies so near its default, relatively, is at its default
LARGEST_MISS = 0.5  # relative: a point that is farther off has a wrong unit or another meaning
DIGITS = 5  # of the constants, so that every machine finds the same

Kind = TypeVar("Kind", bound=BaseModel)
Count = Annotated[int, Within(1, 10**7)]
PointSeconds = Annotated[float, Within(1e-6, 1e5)]


class Point(Entry):
    """Speeds measured on an idle machine; at least one of the three is given."""

    prompt_tokens: Count = Field(description="new tokens of each prompt, none cached")
    answer_tokens: Count = 1
    batch: Annotated[int, Within(1, 1024)] = 1
    ttft_s: PointSeconds | None = None
    tpot_s: PointSeconds | None = None
    decode_tokens_per_s: Rate | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Point:
        if self.ttft_s is None and self.token_s is None:
            allowed = "ttft_s (time to first token, s), tpot_s (time per output token, s) or "
            allowed += "decode_tokens_per_s (output tokens/s of the whole batch)"
            raise InputError("", "none of its speeds", allowed)
        if self.tpot_s is not None and self.decode_tokens_per_s is not None:
            raise InputError("tpot_s", self.tpot_s, "only one of tpot_s and decode_tokens_per_s")
        if self.ttft_s is not None and self.batch > 1:
            raise InputError("batch", self.batch, "1 beside ttft_s: the first token of one request")
        return self

    @property
    def token_s(self) -> float | None:
        """The time per output token, if it was measured."""
        if self.decode_tokens_per_s is not None:
            return self.batch / self.decode_tokens_per_s
        return self.tpot_s

    @property
    def context_tokens(self) -> float:
        """The mean context of a sequence while it is decoded."""
        return self.prompt_tokens + 0.5 * self.answer_tokens


class GpuPoint(Point):
    """Speeds of one model on `tensor_parallel` of the GPUs."""

    model: Annotated[ModelSpec, BeforeValidator(from_catalog("models"))] = Field(
        description="the model that was measured, by its name or its shape"
    )
    tensor_parallel: Annotated[int, Within(1, 64)] = 1


class MeasuredGpu(GpuSpec):
    """A GPU with the points measured on it."""

    measured: Annotated[tuple[GpuPoint, ...], Field(min_length=1, max_length=1000)]


class MeasuredPhone(Part):
    """The points measured on a phone, and what is known of its prefill besides."""

    measured: Annotated[tuple[Point, ...], Field(min_length=1, max_length=1000)]
    prefill_fixed_s: Overhead = 0.0
    prefill_half_rate_tokens: Positive | None = None

    @model_validator(mode="after")
    def _take_longer_than_the_fixed_time(self) -> MeasuredPhone:
        for k, point in enumerate(self.measured):
            if point.ttft_s is not None and point.ttft_s <= self.prefill_fixed_s:
                allowed = f"more than prefill_fixed_s, {self.prefill_fixed_s:g} s"
                raise InputError(f"measured.{k}.ttft_s", point.ttft_s, allowed)
        return self

    def prefill_rates(self) -> list[float]:
        """Return the rates (tokens/s) at which the law of prefill meets each first token."""
        half_rate_tokens = self.prefill_half_rate_tokens or math.inf
        return [
            point.prompt_tokens
            * (1.0 + point.prompt_tokens / half_rate_tokens)
            / (point.ttft_s - self.prefill_fixed_s)
            for point in self.measured
            if point.ttft_s is not None
        ]


class GpuFit(NamedTuple):
    """Constants of the latency law and where each comes from, in words."""

    values: dict[str, Any]
    sources: dict[str, str]


def measured_gpu(value: Any) -> Any:
    """Return a GPU's constants for a mapping with `measured` points; all else as it is."""
    if not isinstance(value, Mapping) or "measured" not in value:
        return value
    return fit_gpu(value).values


def measured_phone(value: Any) -> Any:
    """Return a phone's speeds for a mapping with `measured` points; all else as it is.

    A speed is the geometric mean over the points. A fixed time and a half-rate length of prefill
    that are given beside the points are parts of their times. The scenario adds the reading of the
    KV cache.
    """
    if not isinstance(value, Mapping) or "measured" not in value:
        return value
    phone = _checked(
        MeasuredPhone, {name: value[name] for name in MeasuredPhone.model_fields if name in value}
    )
    rates = {
        "prefill_tokens_per_s": phone.prefill_rates(),
        "decode_tokens_per_s": [p.batch / p.token_s for p in phone.measured if p.token_s],
    }
    found = {name: float(np.exp(np.mean(np.log(rate)))) for name, rate in rates.items() if rate}
    return {**found, **{name: given for name, given in value.items() if name != "measured"}}


def fit_gpu(given: Mapping[str, Any]) -> GpuFit:
    """Fit the latency law's constants to a GPU's `measured` points; other fields are kept.

    Raises:
        InputError: a point or a field is bad, or one GPU cannot meet all points.
    """
    defaults = {k: v for k, v in catalog("gpus")[DEFAULT_GPU].items() if k != "memory_gib"}
    start = _checked(MeasuredGpu, {**defaults, **given})
    parallel = any(point.tensor_parallel > 1 for point in start.measured)
    spread = {**SPREAD, **SPREAD_BETWEEN_GPUS} if parallel else SPREAD
    free = {name: sigma for name, sigma in spread.items() if name not in given}
    values = start.model_dump(exclude={"measured"})
    moved, told = _least_squares(start, values, free)
    values |= moved
    errors = np.expm1(_log_errors(start, values))
    worst = int(np.argmax(np.abs(errors)))
    if abs(errors[worst]) > LARGEST_MISS:
        allowed = f"speeds that one GPU can have (times in s); the best fit is {errors[worst]:+.0%}"
        raise InputError(f"measured.{_owners(start)[worst]}", "times that do not fit", allowed)
    fitted = f"to {len(errors)} measured times, within {abs(errors[worst]):.1%}"
    kept = f"default, that of {DEFAULT_GPU}: the measured times do not tell it"
    sources = {
        name: f"{told[name]} {fitted}" if name in told else kept
        for name in values
        if name not in given
    }
    return GpuFit(values, sources)


def _least_squares(
    start: MeasuredGpu, values: dict[str, Any], free: dict[str, float]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the values of the constants that the points tell, and how well they tell each."""
    if not free:
        return {}, {}
    with needs("a GPU from measured speeds", "cli"):
        from scipy.optimize import least_squares
    names, sigma = list(free), np.array(list(free.values()))
    origin = np.array([values[name] for name in names])

    def constants(logs: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(names, (origin * np.exp(logs)).tolist(), strict=True))

    def residuals(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        errors = _log_errors(start, values | constants(logs))
        return np.concatenate([errors / POINT_ERROR, logs / sigma])

    reach = np.minimum(FARTHEST, 3.0 * sigma)
    highest = [
        min(far, -math.log(values[name])) if name == "mfu" else far  # no share is above 1
        for name, far in zip(names, reach, strict=True)
    ]
    found = least_squares(
        residuals, np.zeros(len(names)), bounds=(-reach, highest), xtol=1e-12, ftol=1e-12
    )
    # The share of each constant's variance that the points took away (its resolution).
    slopes = found.jac * sigma
    left = np.linalg.inv(slopes.T @ slopes).diagonal()
    told = {name for name, share in zip(names, 1.0 - left, strict=True) if share > TOLD}
    moved = np.abs(found.x) > UNMOVED
    kept = {k: v for k, v, away in zip(names, sigma, moved, strict=True) if away or k in told}
    if len(kept) < len(names):  # the others are at their defaults: the rest is fitted beside these
        return _least_squares(start, values, kept)
    rounded = {name: float(f"{x:.{DIGITS}g}") for name, x in constants(found.x).items()}
    words = {name: "fitted" if name in told else "fitted in part" for name in names}
    return rounded, words


def _log_errors(start: MeasuredGpu, values: dict[str, Any]) -> NDArray[np.float64]:
    """Return log(law / measured) of every measured time, point by point."""
    gpu = GpuSpec.model_construct(**values).constants()
    errors = []
    for point in start.measured:
        cost = edge_cost(point.model.shape(), gpu, point.tensor_parallel)
        if point.ttft_s is not None:
            errors.append(math.log(prefill_s(cost, float(point.prompt_tokens), 0.0) / point.ttft_s))
        if point.token_s is not None:
            contexts = point.batch * point.context_tokens
            law_s = decode_s_per_token(cost, float(point.batch), contexts)
            errors.append(math.log(law_s / point.token_s))
    return np.array(errors)


def _owners(start: MeasuredGpu) -> list[int]:
    """Return the place of the point that each measured time belongs to."""
    times = [(point.ttft_s, point.token_s) for point in start.measured]
    return [k for k, pair in enumerate(times) for time_s in pair if time_s is not None]


def _checked(kind: type[Kind], content: dict[str, Any]) -> Kind:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise input_error(error, kind) from None

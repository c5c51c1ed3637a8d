"""A scenario: every parameter of device, edge, radio, workload, budgets and objective.

Validated and frozen; presets are the YAML files of `configs/scenarios`, read by
`edgeroute_env.scenario_files`. Units stand in the names; sources stand beside the values there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from edgeroute_env.benchmarks import Benchmark, from_benchmark_files
from edgeroute_env.catalog import DeviceSpeed, GpuSpec, ModelSpec, from_catalog
from edgeroute_env.errors import InputError
from edgeroute_env.fields import NonNegative, OpenShare, Part, Positive, Share
from edgeroute_env.objective import Budgets, Objective, Weights
from edgeroute_env.physics.inference import EdgeCost, edge_cost
from edgeroute_env.users import Users, drawn_users


class Table(Part):
    """A recorded table in the data folder, the names of its columns, and which rows count.

    `where` names the values of columns in the rows that count; `drop_unusable` leaves out those
    that cannot be read.
    """

    file: str
    columns: dict[str, str] = Field(default_factory=dict)
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)
    drop_unusable: bool = False

    @model_serializer(mode="wrap")
    def _short(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `drop_unusable` out where it is not asked for: fits know a scenario by its dump."""
        dumped: dict[str, Any] = dump(self)
        if not self.drop_unusable:
            del dumped["drop_unusable"]
        return dumped


class Heat(Part):
    """Thermal throttling of the phone: heat runs from 0 (cold) to 1 (saturated)."""

    throttle_start: Share
    throttle_width: Positive
    throttle_depth: OpenShare
    heating_s: Positive
    cooling_s: Positive


class DeviceEnergy(Part):
    """Energy of the phone's inference and radio, the screen left out.

    `tail_w` is drawn from the end of an upload until `tail_s` after the answer has come;
    `receive_w` on top of it while the answer comes in.
    """

    prefill_j_per_token: NonNegative
    decode_j_per_token: NonNegative
    transmit_base_w: NonNegative
    transmit_w_per_mbit_per_s: NonNegative
    tail_s: NonNegative
    tail_w: NonNegative
    receive_w: NonNegative = 0.0


class Device(Part):
    """The phones and the small model on each.

    `scoring_s` is what the semantic score takes before a turn can be routed.
    """

    count: Annotated[int, Field(ge=1, le=1024)]
    model: Annotated[ModelSpec, BeforeValidator(from_catalog("models"))]
    speed: Annotated[DeviceSpeed, BeforeValidator(from_catalog("devices"))]
    kv_bandwidth_bytes_per_s: Positive
    scoring_s: NonNegative
    switch_s: NonNegative
    cache_survival_s: Positive
    background_probability: Share
    background_depth: OpenShare
    heat: Heat
    energy: DeviceEnergy


class Background(Part):
    """The edge server's other tenants: a mean-reverting utilisation and what it costs."""

    utilisation: Annotated[float, Field(ge=0, le=0.98)]
    logit_sigma: NonNegative
    correlation_s: Positive
    service_s: Positive
    prefill_share: OpenShare
    context_tokens: NonNegative
    uncached_tokens_per_s: NonNegative


class Edge(Part):
    """The edge server, its large model and the load report it sends.

    `power_w` is what a request draws at the server while it is served; 0 leaves it out.
    """

    model: Annotated[ModelSpec, BeforeValidator(from_catalog("models"))]
    gpu: Annotated[GpuSpec, BeforeValidator(from_catalog("gpus"))]
    tensor_parallel: Annotated[int, Field(ge=1, le=64)]
    slots: Annotated[int, Field(ge=1, le=1024)]
    switch_s: NonNegative
    stateless_api: bool
    report_interval_s: NonNegative
    power_w: NonNegative = 0.0
    background: Background

    def cost(self) -> EdgeCost:
        """Return the coefficients of the server's prefill and decode time."""
        return edge_cost(self.model.shape(), self.gpu.constants(), self.tensor_parallel)


class PathLoss(Part):
    """The plain law: loss at one metre and exponent of the distance."""

    at_1m_db: float
    exponent: Positive


class Radio(Part):
    """The cellular or Wi-Fi link: budget, mobility, outage, round trip, message sizes.

    `path_loss` is given exactly for the environment `log-distance`. Users spread evenly over the
    `area` of the cell or along a `line` from its centre. `rate` follows the CQI table or is
    Shannon's bound (which knows no outage); `fading` is averaged within a turn, or drawn a turn.
    `snr_ceiling_db` is what neighbour cells and the transmitter leave of any strong signal.
    """

    environment: Literal["umi", "uma", "inh", "log-distance"]
    path_loss: PathLoss | None = None
    rate: Literal["cqi", "shannon"] = "cqi"
    fading: Literal["averaged", "per-turn"] = "averaged"
    spread: Literal["area", "line"] = "area"
    carrier_ghz: Annotated[float, Field(ge=0.5, le=100)]
    uplink_hz: Positive
    downlink_hz: Positive
    transmit_dbm: float
    antenna_gain_db: float
    noise_figure_db: NonNegative
    interference_margin_db: NonNegative
    snr_ceiling_db: float | None = None
    bs_height_m: Annotated[float, Field(gt=1)]
    ut_height_m: Annotated[float, Field(gt=1, le=13)]
    distance_min_m: Positive
    distance_max_m: Positive
    distance_correlation_m: Positive
    speed_m_per_s: NonNegative
    penetration_mean_db: NonNegative
    penetration_sigma_db: NonNegative
    block_error_rate: OpenShare
    harq_round_trip_s: NonNegative
    rtt_floor_s: NonNegative
    rtt_excess_mean_s: NonNegative
    outage_mean_s: Positive
    outage_wait_s: Positive
    bytes_per_token: Positive
    request_bytes: NonNegative
    snr_runs: Table | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Radio:
        if self.distance_max_m < self.distance_min_m:
            allowed = f"at least distance_min_m = {self.distance_min_m}"
            raise InputError("distance_max_m", self.distance_max_m, allowed)
        if (self.environment == "log-distance") != (self.path_loss is not None):
            allowed = "given exactly when environment is 'log-distance'"
            raise InputError("path_loss", self.path_loss, allowed)
        return self


class Mix(Part):
    """One benchmark's share of the dialogues, its law and its recorded tables.

    The scores of recorded outcomes are `drawn` at the workload's AUC, or the `scorer`'s, out of
    fold (edgeroute_env.semantic).
    """

    benchmark: Annotated[Benchmark, BeforeValidator(from_benchmark_files)]
    share: Positive
    scores: Literal["drawn", "scorer"] = "drawn"
    outcomes: Table | None = None
    dialogues: Table | None = None

    @model_validator(mode="after")
    def _tables_fit(self) -> Mix:
        for name, kind in (("outcomes", "questions"), ("dialogues", "dialogues")):
            if getattr(self, name) is not None and self.benchmark.kind != kind:
                allowed = f"a benchmark of kind {kind!r} beside {name}"
                raise InputError("benchmark", self.benchmark.name, allowed)
        return self


class Attachment(Part):
    """Images or files sent with some prompts."""

    probability: Share
    size_bytes: NonNegative


class Bursts(Part):
    """How the activity of all users together varies: log-normal, mean 1, correlated in time."""

    sigma: Positive
    correlation_s: Positive


class Workload(Part):
    """What users ask and when.

    `score_auc` is how well drawn scores rank; null: as each benchmark states.
    """

    turns: Annotated[int, Field(ge=1, le=100_000)]
    mix: Annotated[tuple[Mix, ...], Field(min_length=1)]
    dialogue_gap_mean_s: Positive
    dialogue_gap_cv: NonNegative
    follow_up_median_s: Positive
    follow_up_sigma: NonNegative
    bursts: Bursts | None = None
    score_auc: Annotated[float, Field(ge=0.5, le=0.999)] | None = None
    attachment: Attachment
    arrivals: Table | None = None
    follow_ups: Table | None = None


class Observation(Part):
    """What a router is not told, for ablations: it sees a constant and estimates from that.

    `edge-load`: the tenants' median load and none of our own; `cache`: both sides hold the whole
    history; `snr`: that of a typical place in the cell.
    """

    hidden: tuple[Literal["edge-load", "cache", "snr"], ...] = ()


class Scenario(Part):
    """Everything that defines one routing problem; see `configs/scenarios` for presets."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    description: str
    device: Device
    edge: Edge
    radio: Radio
    workload: Workload
    budgets: Budgets = Budgets()
    objective: Objective = Objective()
    observation: Observation = Observation()
    weights: Weights
    users: Users | None = None

    _drawn: tuple[Scenario, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _parts_fit(self) -> Scenario:
        if self.edge.cost().kv_pool_tokens <= 0:
            allowed = f"enough GPUs to hold {self.edge.model.name} and a KV cache"
            raise InputError("edge.tensor_parallel", self.edge.tensor_parallel, allowed)
        self._drawn = drawn_users(self)
        return self

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Scenario:
        """Return a copy, with other users where the update changes them."""
        copy = super().model_copy(update=update, deep=deep)
        copy._drawn = drawn_users(copy)
        return copy

    @property
    def population(self) -> tuple[Scenario, ...]:
        """The scenario of each user; itself alone where it draws none."""
        return self._drawn or (self,)

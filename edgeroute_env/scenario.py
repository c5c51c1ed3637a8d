"""A scenario: every parameter of device, edge, radio, workload, budgets and objective.

A scenario is validated and frozen. The presets are the YAML files of `configs/scenarios`, which
`edgeroute_env.scenario_files` reads. Units are part of the names. Sources are beside the values in
those files.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from edgeroute_env.benchmarks import Benchmark, from_benchmark_files
from edgeroute_env.catalog import GIBI, DeviceSpeed, GpuSpec, ModelSpec, Overhead, from_catalog
from edgeroute_env.errors import InputError
from edgeroute_env.fields import (
    Bytes,
    Decibels,
    Duration,
    Flag,
    Hertz,
    Joules,
    Loss,
    Metres,
    OpenShare,
    Part,
    Seconds,
    Share,
    TimeConstant,
    Tokens,
    Watts,
    Within,
    without_defaults,
)
from edgeroute_env.measured import measured_gpu, measured_phone
from edgeroute_env.objective import Budgets, Objective, Weights
from edgeroute_env.physics.inference import (
    FITTED_PARAMETERS,
    EdgeCost,
    edge_cost,
    gpus_needed,
    measured_cost,
    usable_bytes,
)
from edgeroute_env.users import Users, drawn_users

LONGEST_EPISODE_S = 1e8  # three years; a trace's clock ends at ten times that
T = TypeVar("T")


class Table(Part):
    """A recorded table in the data folder, the names of its columns, and which rows count.

    `where` names the values of columns in the rows that count; `drop_unusable` leaves out those
    that cannot be read.
    """

    file: str
    columns: dict[str, str] = Field(default_factory=dict)
    where: dict[str, str | bool | Annotated[float, Within(-1e15, 1e15)]] = Field(
        default_factory=dict
    )
    drop_unusable: bool = False

    @field_validator("file")
    @classmethod
    def _lies_in_the_data_folder(cls, file: str) -> str:
        path = PurePath(file)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise InputError("", file, "a file in the data folder, without ..")
        return file

    _short = without_defaults("drop_unusable")


class Heat(Part):
    """Thermal throttling of the phone; heat goes from 0 (cold) to 1 (saturated)."""

    throttle_start: Share
    throttle_width: Annotated[float, Within(1e-6, 1.0)]
    throttle_depth: OpenShare
    heating_s: TimeConstant
    cooling_s: TimeConstant


class DeviceEnergy(Part):
    """Energy of the phone's inference and radio, without the screen.

    The joules a token are those of a cold phone at its stated speeds. They give the power that it
    draws; a slower token takes more energy.

    The phone draws `tail_w` from the end of an upload until `tail_s` after the answer has come, and
    `receive_w` in addition while the answer comes in.
    """

    prefill_j_per_token: Joules
    decode_j_per_token: Joules
    transmit_base_w: Watts
    transmit_w_per_mbit_per_s: Watts
    tail_s: Seconds
    tail_w: Watts
    receive_w: Watts = 0.0


class Device(Part):
    """The phones and the small model on each.

    `scoring_s` is the time that the semantic score takes before a turn can be routed. `kept_answer`
    is the share of an answer that the dialogue's next turn finds in the cache.
    """

    count: Annotated[int, Within(1, 1024)]
    model: Annotated[ModelSpec, BeforeValidator(from_catalog("models"))]
    speed: Annotated[
        DeviceSpeed, BeforeValidator(measured_phone), BeforeValidator(from_catalog("devices"))
    ]
    kv_bandwidth_bytes_per_s: Annotated[float, Within(1e3, 1e21)]  # 1e21: reading costs nothing
    scoring_s: Seconds
    switch_s: Seconds
    cache_survival_s: TimeConstant
    background_probability: Share
    background_depth: OpenShare
    kept_answer: Share = 1.0
    heat: Heat
    energy: DeviceEnergy

    _short = without_defaults("kept_answer")


class Background(Part):
    """The edge server's other tenants: their mean-reverting utilisation and its effects."""

    utilisation: Annotated[float, Within(0.0, 0.98)]
    logit_sigma: Annotated[float, Within(0.0, 10.0)]
    correlation_s: TimeConstant
    service_s: Duration
    prefill_share: OpenShare
    context_tokens: Tokens
    uncached_tokens_per_s: Annotated[float, Within(0.0, 1e12)]


class EdgeSpeed(Part):
    """A server's times as they were measured on it: the coefficients of the latency law.

    A prefill of n new tokens behind c cached ones takes `prefill_fixed_s + n (prefill_s_per_token +
    prefill_s_per_pair (c + n / 2))`. A token of a batch takes `decode_fixed_s`, and
    `decode_s_per_sequence` and `decode_s_per_context_token` for each of its sequences and their
    tokens.
    """

    prefill_fixed_s: Overhead
    prefill_s_per_token: Annotated[float, Within(1e-9, 100.0)]
    prefill_s_per_pair: Annotated[float, Within(0.0, 1.0)] = 0.0
    decode_fixed_s: Overhead
    decode_s_per_sequence: Overhead = 0.0
    decode_s_per_context_token: Annotated[float, Within(0.0, 1.0)] = 0.0
    kv_pool_tokens: Annotated[float, Within(1.0, 1e12)]


class Edge(Part):
    """The edge server, its large model and the load report it sends.

    A measured `speed` takes the place of the times that `model`, `gpu` and `tensor_parallel` give.
    `max_sequences` is the serving engine's own limit of its batch (vLLM's max_num_seqs); the KV
    cache may hold fewer. `power_w` is the power that a request draws while it is served; 0 leaves
    it out. `kept_answer` is the share of an answer that the dialogue's next turn finds cached.
    """

    model: Annotated[ModelSpec, BeforeValidator(from_catalog("models"))]
    gpu: Annotated[GpuSpec, BeforeValidator(measured_gpu), BeforeValidator(from_catalog("gpus"))]
    tensor_parallel: Annotated[int, Within(1, 64)]
    max_sequences: Annotated[int, Within(1, 1024)]
    switch_s: Seconds
    stateless_api: Flag
    report_interval_s: Seconds
    power_w: Watts = 0.0
    kept_answer: Share = 1.0
    speed: EdgeSpeed | None = None
    background: Background

    _short = without_defaults("kept_answer", "speed")

    @property
    def tenant_sequences(self) -> int:
        """How many of the tenants' sequences fill the batch: by its limit or by their memory."""
        pool_tokens = self.cost().kv_pool_tokens
        fitting = pool_tokens / max(self.background.context_tokens, 1)
        return max(1, int(min(self.max_sequences, fitting)))

    def cost(self) -> EdgeCost:
        """Return the coefficients of the server's prefill and decode time."""
        if self.speed is not None:
            return measured_cost(**dict(self.speed))
        return edge_cost(self.model.shape(), self.gpu.constants(), self.tensor_parallel)

    def what_holds_the_model(self) -> str:
        """Return in words what would hold the model's weights and a KV cache."""
        model, gpu = self.model.shape(), self.gpu.constants()
        enough, free = gpus_needed(model, gpu), usable_bytes(gpu)
        sizes = (
            f"{self.model.name} takes {model.stored_bytes / GIBI:.1f} GiB and one {self.gpu.name} "
            f"of {self.gpu.memory_gib:g} GiB has {max(free, 0.0) / GIBI:.1f} GiB free for it"
        )
        if enough is None:
            return f"a GPU with more memory: {sizes}"
        return f"at least {enough} GPUs: {sizes}"


class PathLoss(Part):
    """The log-distance law: loss at one metre and exponent of the distance."""

    at_1m_db: Decibels
    exponent: Annotated[float, Within(0.01, 20.0)]


class Radio(Part):
    """The cellular or Wi-Fi link: budget, mobility, outages, round trip, message sizes.

    The environment `log-distance` needs `path_loss`; no other takes it. Users are spread evenly
    over the `area` of the cell or along a `line` from its centre. `rate` follows the CQI table or
    is Shannon's bound. `fading` is averaged within a turn or drawn for each
    turn. `snr_ceiling_db` limits the SNR, because of neighbour cells and the transmitter's own
    error.

    Traffic stops for a share of the time, `outage_share`, whatever the SNR; from then on the link
    is out for an exponential time of mean `outage_mean_s`. After `outage_wait_s` the app gives up.
    """

    environment: Literal["umi", "uma", "inh", "log-distance"]
    path_loss: PathLoss | None = None
    rate: Literal["cqi", "shannon"] = "cqi"
    fading: Literal["averaged", "per-turn"] = "averaged"
    spread: Literal["area", "line"] = "area"
    carrier_ghz: Annotated[float, Within(0.5, 100.0)]
    uplink_hz: Hertz
    downlink_hz: Hertz
    transmit_dbm: Decibels
    antenna_gain_db: Decibels
    noise_figure_db: Loss
    interference_margin_db: Loss
    snr_ceiling_db: Decibels | None = None
    bs_height_m: Annotated[float, Within(1.001, 1e4)]
    ut_height_m: Annotated[float, Within(1.001, 13.0)]
    distance_min_m: Metres
    distance_max_m: Metres
    distance_correlation_m: Annotated[float, Within(1e-3, 1e12)]
    speed_m_per_s: Annotated[float, Within(0.0, 1e4)]
    penetration_mean_db: Loss
    penetration_sigma_db: Loss
    block_error_rate: OpenShare
    harq_round_trip_s: Seconds
    # A round trip takes at most 60 s, of which the exponential's tail may be 37 times its mean.
    rtt_floor_s: Annotated[float, Within(0.0, 10.0)]
    rtt_excess_mean_s: Annotated[float, Within(0.0, 1.0)]
    outage_share: Share
    outage_mean_s: Duration
    outage_wait_s: Duration
    bytes_per_token: Annotated[float, Within(1e-3, 1e4)]
    request_bytes: Bytes
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

    `scores` says where the scores of recorded outcomes come from: `drawn` at the workload's AUC, or
    made by the `scorer` (edgeroute_env.semantic), which has not seen a question's group; where the
    table has none, not the question. `scorer-in-domain` has seen other questions of the group.
    """

    benchmark: Annotated[Benchmark, BeforeValidator(from_benchmark_files)]
    share: Annotated[float, Within(1e-6, 1e6)]
    scores: Literal["drawn", "scorer", "scorer-in-domain"] = "drawn"
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
    size_bytes: Bytes


class Template(Part):
    """How many tokens a server makes of a text: its chat template and its own tokenizer.

    A prompt of t tokens takes `first_tokens` once a dialogue, `message_tokens` for itself and for
    the answer before it, and `tokens_per_estimate` t.
    """

    first_tokens: Annotated[float, Within(0.0, 1e5)] = 0.0
    message_tokens: Annotated[float, Within(0.0, 1e3)] = 0.0
    tokens_per_estimate: Annotated[float, Within(0.1, 10.0)] = 1.0

    def of_turn(self, tokens: T, opens: bool) -> T:
        """Return what a turn adds to its dialogue's context, given the tokens of its text."""
        added = self.first_tokens + self.message_tokens if opens else 2.0 * self.message_tokens
        return added + self.tokens_per_estimate * tokens  # type: ignore[operator, return-value]


class Bursts(Part):
    """How the activity of all users together changes: log-normal, mean 1, correlated in time."""

    sigma: Annotated[float, Within(1e-6, 3.0)]
    correlation_s: TimeConstant


# [A] How well a first token's confidence ranks: between .60 and .69, the means over benchmarks of
# six models (arXiv 2402.13213), and the lowest of .650 to .714 of whole answers (2605.02241).
PROBE_AUC = 0.65


class Workload(Part):
    """What users ask and when.

    `score_auc` says how well drawn scores rank; null takes what each benchmark states, or what is
    published of probes. The lengths of prompts are those of their texts where there is no
    `template`. `score_source` says what makes the score: a classifier that reads the
    `prompt`, or a `probe`: the phone's own model reads it first, and its first token's confidence
    is the score.
    """

    turns: Annotated[int, Within(1, 100_000)]
    mix: Annotated[tuple[Mix, ...], Field(min_length=1, max_length=64)]
    dialogue_gap_mean_s: Annotated[float, Within(1e-6, 1e8)]
    dialogue_gap_cv: Annotated[float, Within(0.0, 30.0)]
    follow_up_median_s: Annotated[float, Within(1e-6, 1e7)]
    follow_up_sigma: Annotated[float, Within(0.0, 4.0)]
    bursts: Bursts | None = None
    score_auc: Annotated[float, Within(0.5, 0.999)] | None = None
    score_source: Literal["prompt", "probe"] = "prompt"
    attachment: Attachment
    template: Template | None = None
    arrivals: Table | None = None
    follow_ups: Table | None = None

    _short = without_defaults("template")

    @property
    def drawn_auc(self) -> float | None:
        """How well drawn scores rank; None where each benchmark states it."""
        probes = self.score_source == "probe"
        return PROBE_AUC if probes and self.score_auc is None else self.score_auc

    @model_validator(mode="after")
    def _one_source_of_scores(self) -> Workload:
        for i, entry in enumerate(self.mix):
            if self.score_source == "probe" and entry.scores != "drawn":
                allowed = (
                    "'drawn' beside score_source 'probe', since recorded scores are no probe's"
                )
                raise InputError(f"mix.{i}.scores", entry.scores, allowed)
        return self

    @model_validator(mode="after")
    def _ends(self) -> Workload:
        for name in ("dialogue_gap_mean_s", "follow_up_median_s"):
            gap_s, longest_s = getattr(self, name), LONGEST_EPISODE_S / self.turns
            if gap_s > longest_s:
                allowed = f"at most {longest_s:g}, so that {self.turns} turns take three years"
                raise InputError(name, gap_s, allowed)
        return self


class Observation(Part):
    """What a router is not told, for ablations: it sees a constant, and estimates that assume it.

    The constants are, for `edge-load`, the tenants' median load and no requests of our own; for
    `cache`, that both sides hold the whole history; for `snr`, that of a typical place in the cell.
    """

    hidden: tuple[Literal["edge-load", "cache", "snr"], ...] = ()


class Scenario(Part):
    """Everything that defines one routing problem; see `configs/scenarios` for presets.

    `first_token` says which step makes the first token of an answer: a `decode` step like all
    others, as in published tokens per second, or the `prefill`, as in a server's measured stream.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100)]
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
    first_token: Literal["decode", "prefill"] = "decode"

    _short = without_defaults("first_token")
    _drawn: tuple[Scenario, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _parts_fit(self) -> Scenario:
        if self.edge.cost().kv_pool_tokens <= 0:
            raise InputError(
                "edge.tensor_parallel", self.edge.tensor_parallel, self.edge.what_holds_the_model()
            )
        self._warn_outside_the_law()
        cost, spent = self.objective.relative_cost, self.device.energy
        uploads_for_nothing = spent.transmit_base_w + spent.transmit_w_per_mbit_per_s < 1e-6
        if cost is not None and cost.latency_weight < 1e-6 and uploads_for_nothing:
            field = "objective.relative_cost.latency_weight"
            allowed = "at least 1e-6 where the edge costs no energy, since costs are taken over it"
            raise InputError(field, cost.latency_weight, allowed)
        self._drawn = drawn_users(self)
        return self

    def _warn_outside_the_law(self) -> None:
        """Warn, once for each place in a program, where no published figure tests the times."""
        if self.edge.speed is not None:
            return
        low, high = FITTED_PARAMETERS
        model, body = self.edge.model.name, self.edge.model.shape().body_parameters
        if not low <= body <= high:
            range_b = f"{low / 1e9:g} to {high / 1e9:g} billion"
            warnings.warn(
                f"edge.model {model}: the latency law is checked for {range_b} parameters only",
                stacklevel=2,
            )

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Scenario:
        """Return a copy; its users are drawn again if the update changes them."""
        copy = super().model_copy(update=update, deep=deep)
        copy._drawn = drawn_users(copy)
        return copy

    @property
    def population(self) -> tuple[Scenario, ...]:
        """The scenario of each user; only itself if it draws no users."""
        return self._drawn or (self,)


def once_a_scenario(make: Callable[[Scenario], T]) -> Callable[[Scenario], T]:
    """Let a function of a scenario work once and share its result while the scenario lives.

    A scenario never changes, so who makes many environments of one pays for its tables once. It is
    known by its identity: to compare two scenarios would take longer.
    """
    made: dict[int, T] = {}

    @wraps(make)
    def shared(scenario: Scenario) -> T:
        key = id(scenario)
        if key not in made:
            made[key] = make(scenario)
            weakref.finalize(scenario, made.pop, key, None)
        return made[key]

    return shared

"""The fitted law of a benchmark: what its questions, answers and qualities look like.

Each benchmark is one YAML file of `configs/benchmarks`. It consists either of single-turn
questions, with the joint outcomes of both models, or of dialogues, with judge scores by task.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edgeroute_env.config_files import config_names, config_path, read_yaml
from edgeroute_env.errors import InputError
from edgeroute_env.fields import NonNegative, OpenShare, Part, Positive, Share

JUDGE_MIN, JUDGE_MAX = 1.0, 10.0
SCORE_LEVELS = (0.01, *(i / 20 for i in range(1, 20)), 0.99)  # the levels of a ScoreLaw's quantiles


class LogNormal(Part):
    """A log-normal law: mean and deviation of the natural logarithm, clipped to any bounds."""

    mu: float
    sigma: NonNegative
    low: NonNegative = 0.0
    high: Annotated[float, Field(gt=0, le=1e7)] = 1e7


class Answers(Part):
    """Lengths of both models' answers.

    `wrong_ratio` is the mean length of a wrong answer over that of a right one. The law over all
    answers stays the stated log-normal. `correlation` is that of the two models' log-lengths.
    """

    device: LogNormal
    edge: LogNormal
    correlation: OpenShare = 0.0
    wrong_ratio: Annotated[float, Field(ge=1)] = 1.0


class Joint(Part):
    """Shares of questions by which model answers right; they sum to 1 within rounding."""

    both: Share
    edge_only: Share
    device_only: Share
    neither: Share

    @model_validator(mode="after")
    def _sums_to_one(self) -> Joint:
        total = self.both + self.edge_only + self.device_only + self.neither
        if abs(total - 1.0) > 0.005:
            raise InputError("", round(total, 4), "four shares that sum to 1")
        return self

    def shares(self) -> tuple[float, float, float, float]:
        """Return (both, edge only, device only, neither), normalised."""
        parts = (self.both, self.edge_only, self.device_only, self.neither)
        total = sum(parts)
        return (parts[0] / total, parts[1] / total, parts[2] / total, parts[3] / total)


class Task(Part):
    """One task of a dialogue benchmark.

    `turns` counts its dialogues by their number of turns. `device` and `edge` are mean judge scores
    of a single turn. With them the worst turn of a dialogue has on average the published score.
    """

    turns: dict[Annotated[int, Field(ge=1, le=64)], Annotated[int, Field(ge=0)]]
    device: float
    edge: float


class ScoreLaw(Part):
    """The distribution over the questions of a classifier's score for the need of the large model.

    `auc` says how well the score ranks. `logits` are quantiles of the calibrated score's logit at
    SCORE_LEVELS. Only their shape counts (see `traces.scores`). Without them the shape is normal.
    """

    auc: Annotated[float, Field(ge=0.5, le=0.999)]
    logits: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _ascends(self) -> ScoreLaw:
        values = self.logits
        if values is None:
            return self
        if len(values) != len(SCORE_LEVELS):
            raise InputError("logits", f"{len(values)} values", f"{len(SCORE_LEVELS)} quantiles")
        if not all(low < high for low, high in pairwise(values)):
            raise InputError("logits", values, "quantiles that increase")
        return self


class NeedGiven(Part):
    """Mean quality (0 to 1) of both models, by whether the large model is needed."""

    device_if_needed: Share
    device_if_not: Share
    edge_if_needed: Share
    edge_if_not: Share
    rate: Annotated[float, Field(gt=0, lt=1)]


class QuestionBenchmark(Part):
    """Independent single-turn questions, right or wrong."""

    kind: Literal["questions"]
    name: str
    source: str
    joint: Joint
    prompt: LogNormal
    answers: Answers
    score: ScoreLaw | None = None

    def need(self) -> NeedGiven:
        """Return the mean qualities, given that only the edge model is right or not so."""
        both, edge_only, device_only, _ = self.joint.shares()
        rest = 1.0 - edge_only
        return NeedGiven(
            device_if_needed=0.0,
            device_if_not=(both + device_only) / rest,
            edge_if_needed=1.0,
            edge_if_not=both / rest,
            rate=edge_only,
        )


class Judge(Part):
    """Spread of the judge's scores, and when the large model counts as needed.

    A turn's score is its task's mean plus noise with deviation `sigma`, clipped to [1, 10]. The
    turns of a dialogue share the part `persistence` of the noise's variance.
    """

    device_sigma: Positive
    edge_sigma: Positive
    persistence: Share
    need_margin: Positive


class DialogueBenchmark(Part):
    """Multi-turn dialogues, each turn judged; `opening` is the length law of first prompts."""

    kind: Literal["dialogues"]
    name: str
    source: str
    judge: Judge
    needs: NeedGiven
    tasks: Annotated[dict[str, Task], Field(min_length=1)]
    prompt: LogNormal
    opening: LogNormal | None = None
    answers: Answers
    score: ScoreLaw | None = None

    def need(self) -> NeedGiven:
        """Return the mean qualities by need, which were integrated when the tasks were fitted."""
        return self.needs


Benchmark = Annotated[QuestionBenchmark | DialogueBenchmark, Field(discriminator="kind")]


def from_benchmark_files(value: Any) -> Any:
    """Turn the name of a file in `configs/benchmarks` into its content; keep mappings."""
    if not isinstance(value, str):
        return value
    names = config_names("benchmarks")
    if value not in names:
        raise InputError("", value, "one of " + ", ".join(names))
    return {"name": value, **read_yaml(config_path("benchmarks", f"{value}.yaml"))}

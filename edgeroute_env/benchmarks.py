"""The fitted law of a benchmark: what its questions, answers and qualities look like.

Each benchmark is one YAML file of `configs/benchmarks`. It consists either of single-turn
questions, with the joint outcomes of both models, or of dialogues, with judge scores by task.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from edgeroute_env.config_files import config_names, config_path, read_yaml
from edgeroute_env.errors import InputError
from edgeroute_env.fields import Part, Share, Within

JUDGE_MIN, JUDGE_MAX = 1.0, 10.0
SCORE_LEVELS = (0.01, *(i / 20 for i in range(1, 20)), 0.99)  # the levels of a ScoreLaw's quantiles


LONGEST_TOKENS = 1e7

Mean = Annotated[float, Within(-100.0, 100.0)]  # of a judge's scores before they are clipped
Logit = Annotated[float, Within(-100.0, 100.0)]


def _as_count(key: Any) -> Any:
    """Return a mapping's key as a number where it is written as a text, as JSON writes them."""
    return int(key) if isinstance(key, str) and key.isdecimal() and len(key) < 9 else key


class LogNormal(Part):
    """A log-normal law: mean and deviation of the natural logarithm, clipped to any bounds."""

    mu: Annotated[float, Within(-20.0, 20.0)]
    sigma: Annotated[float, Within(0.0, 4.0)]
    low: Annotated[float, Within(0.0, LONGEST_TOKENS)] = 0.0
    high: Annotated[float, Within(1.0, LONGEST_TOKENS)] = LONGEST_TOKENS

    @model_validator(mode="after")
    def _ordered(self) -> LogNormal:
        if self.low > self.high:
            raise InputError("low", self.low, f"at most high, {self.high:g}")
        return self

    @property
    def mean(self) -> float:
        """The mean of the law, before it is clipped."""
        return math.exp(self.mu + self.sigma**2 / 2)


class Answers(Part):
    """Lengths of both models' answers.

    `wrong_ratio` is the mean length of a wrong answer over that of a right one. The law over all
    answers stays the stated log-normal. `correlation` is that of the two models' log-lengths.
    """

    device: LogNormal
    edge: LogNormal
    correlation: Annotated[float, Within(0.0, 0.999)] = 0.0
    wrong_ratio: Annotated[float, Within(1.0, 1e3)] = 1.0

    @model_validator(mode="after")
    def _are_tokens(self) -> Answers:
        for route in ("device", "edge"):
            law: LogNormal = getattr(self, route)
            if not 1.0 <= law.mean <= LONGEST_TOKENS:
                allowed = f"a mean answer, exp(mu + sigma^2 / 2), of 1 to {LONGEST_TOKENS:g} tokens"
                raise InputError(f"{route}.mu", law.mu, allowed)
        return self


class Joint(Part):
    """Shares of questions by which model answers right; they sum to 1 within rounding."""

    both: Share
    edge_only: Annotated[float, Within(1e-4, 0.9999)]  # else no score could tell the need
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

    turns: dict[
        Annotated[int, Within(1, 64), BeforeValidator(_as_count)], Annotated[int, Within(0, 10**9)]
    ]
    device: Mean
    edge: Mean

    @model_validator(mode="after")
    def _has_dialogues(self) -> Task:
        if not any(self.turns.values()):
            raise InputError("turns", self.turns, "at least one dialogue")
        return self


class ScoreLaw(Part):
    """The distribution over the questions of a classifier's score for the need of the large model.

    `auc` says how well the score ranks. `logits` are quantiles of the calibrated score's logit at
    SCORE_LEVELS. Only their shape counts (see `traces.scores`). Without them the shape is normal.
    """

    auc: Annotated[float, Within(0.5, 0.999)]
    logits: tuple[Logit, ...] | None = None

    @model_validator(mode="after")
    def _ascends(self) -> ScoreLaw:
        values = self.logits
        if values is None:
            return self
        if len(values) != len(SCORE_LEVELS):
            raise InputError("logits", f"{len(values)} values", f"{len(SCORE_LEVELS)} quantiles")
        increase = all(low < high for low, high in pairwise(values))
        if not increase or values[-1] - values[0] < 1e-3:
            raise InputError("logits", values, "quantiles that increase, by 0.001 in all")
        return self


class NeedGiven(Part):
    """Mean quality (0 to 1) of both models, by whether the large model is needed."""

    device_if_needed: Share
    device_if_not: Share
    edge_if_needed: Share
    edge_if_not: Share
    rate: Annotated[float, Within(1e-6, 1.0 - 1e-6)]


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
            device_if_not=min(1.0, (both + device_only) / rest),
            edge_if_needed=1.0,
            edge_if_not=min(1.0, both / rest),
            rate=edge_only,
        )


class Judge(Part):
    """Spread of the judge's scores, and when the large model counts as needed.

    A turn's score is its task's mean plus noise with deviation `sigma`, clipped to [1, 10]. The
    turns of a dialogue share the part `persistence` of the noise's variance.
    """

    device_sigma: Annotated[float, Within(1e-6, 100.0)]
    edge_sigma: Annotated[float, Within(1e-6, 100.0)]
    persistence: Share
    need_margin: Annotated[float, Within(1e-6, 10.0)]


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

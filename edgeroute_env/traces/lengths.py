"""Log-normal laws as tables over a standard-normal argument.

A model's right and wrong answers differ in length, and the lengths of both models are correlated.
The tables contain both effects. Each model's overall law of lengths stays the stated one.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.benchmarks import Answers, Benchmark, LogNormal, QuestionBenchmark

Z_MAX, Z_PER_UNIT = 4.5, 32  # the argument's range and its grid
_Z = np.linspace(-Z_MAX, Z_MAX, int(2 * Z_MAX * Z_PER_UNIT) + 1)
_NORMAL = NormalDist()


def normal_levels() -> NDArray[np.float64]:
    """Return the normal distribution function over the grid of its argument, shape (z,)."""
    return np.array([_NORMAL.cdf(z) for z in _Z])


def length_table(law: LogNormal) -> NDArray[np.float64]:
    """Return a law's values over the grid of the normal argument, shape (z,)."""
    return np.clip(np.exp(law.mu + law.sigma * _Z), law.low, law.high)


def prompt_tables(benchmark: Benchmark) -> NDArray[np.float64]:
    """Return the prompt lengths, shape (2: opening a dialogue or following up, z)."""
    follow_up = length_table(benchmark.prompt)
    opening = getattr(benchmark, "opening", None)
    return np.array([follow_up if opening is None else length_table(opening), follow_up])


def answer_tables(benchmark: Benchmark) -> NDArray[np.float64]:
    """Return the answer lengths, shape (2 routes, 2: right or wrong, z)."""
    answers, wrong = benchmark.answers, _wrong_shares(benchmark)
    laws = zip((answers.device, answers.edge), wrong, strict=True)
    return np.array([_right_wrong(answers, law, share) for law, share in laws])


def inner_correlation(benchmark: Benchmark) -> float:
    """Return the correlation among equally right answers that gives the stated one overall.

    Part of the stated correlation is there already: answers that are both wrong are both longer.
    """
    answers = benchmark.answers
    if not isinstance(benchmark, QuestionBenchmark):
        return answers.correlation
    device_wrong, edge_wrong = _wrong_shares(benchmark)
    device = _split(answers, answers.device, device_wrong)
    edge = _split(answers, answers.edge, edge_wrong)
    both_wrong = benchmark.joint.shares()[3] - device_wrong * edge_wrong
    tied = device[0] * edge[0] * both_wrong
    return min(max((answers.correlation - tied) / (device[1] * edge[1]), 0.0), 0.99)


def _wrong_shares(benchmark: Benchmark) -> tuple[float, float]:
    if not isinstance(benchmark, QuestionBenchmark):
        return (0.0, 0.0)  # a judged answer is not right or wrong
    both, edge_only, device_only, _ = benchmark.joint.shares()
    return (1.0 - both - device_only, 1.0 - both - edge_only)


def _split(answers: Answers, law: LogNormal, wrong: float) -> tuple[float, float]:
    """Return how far wrong answers lie above right ones, and the deviation within each group.

    Both are in units of the log-length's deviation.
    """
    spread = wrong * (1.0 - wrong)
    if spread <= 0.0 or law.sigma == 0.0:  # below 0 by rounding alone
        return (0.0, 1.0)
    shift = min(math.log(answers.wrong_ratio) / law.sigma, 0.9 / math.sqrt(spread))
    return (shift, math.sqrt(1.0 - spread * shift * shift))


def _right_wrong(answers: Answers, law: LogNormal, wrong: float) -> NDArray[np.float64]:
    """Return the tables of right and wrong answers, whose mixture is the stated law.

    The mixture's distribution function maps both back onto the stated log-normal.
    """
    shift, inner = _split(answers, law, wrong)
    if shift == 0.0:
        return np.array([length_table(law)] * 2)
    means = (-wrong * shift, (1.0 - wrong) * shift)
    tables = np.empty((2, _Z.size))
    for w in (0, 1):
        for i, g in enumerate(_Z):
            z = means[w] + inner * g
            right_below = _NORMAL.cdf((z - means[0]) / inner)
            wrong_below = _NORMAL.cdf((z - means[1]) / inner)
            level = (1.0 - wrong) * right_below + wrong * wrong_below
            level = min(max(level, 1e-6), 1.0 - 1e-6)
            tables[w, i] = math.exp(law.mu + law.sigma * _NORMAL.inv_cdf(level))
    return np.clip(tables, law.low, law.high)

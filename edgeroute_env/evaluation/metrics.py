"""The figures of a router's episodes, and its paired difference to a reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import needs
from edgeroute_env.evaluation.episodes import Episodes
from edgeroute_env.evaluation.statistics import CONFIDENCE
from edgeroute_env.simulator.state import LATENCY_PARTS

RESAMPLES = 5_000
QUANTILES = (50, 95, 99)

# Means over an episode's turns: table name -> field of OUTCOME.
MEANS = {
    "quality": "quality",
    "latency_mean_s": "latency_s",
    "ttft_mean_s": "ttft_s",
    "edge_share": "edge_call",
    "energy_j": "energy_j",
    "switches": "switched",
    "recomputed_tokens": "recomputed_tokens",
    "failed": "failed",
    "refused": "refused",
    "relative_cost": "relative_cost",
    "edge_energy_j": "edge_energy_j",
    "radio_ttft_s": "radio_ttft_s",
    **{f"{part}_s": f"{part}_s" for part in LATENCY_PARTS},
}


# The radio's share of the time to the whole answer and to its first token.
RADIO_SHARES = (
    ("radio_share", "radio_s", "latency_mean_s"),
    ("radio_share_ttft", "radio_ttft_s", "ttft_mean_s"),
)


def figures(episodes: Episodes) -> dict[str, float]:
    """Return the means a turn, the latency quantiles over all turns and the mean return.

    Means weigh episodes equally, as the paired differences do; the radio's shares are ratios of
    means.
    """
    result = {name: float(values.mean()) for name, values in per_episode(episodes).items()}
    for kind in ("latency", "ttft"):
        values = np.percentile(episodes.turns(f"{kind}_s"), QUANTILES)
        result |= {f"{kind}_p{q}_s": float(v) for q, v in zip(QUANTILES, values, strict=True)}
    for share, part, whole in RADIO_SHARES:
        result[share] = result[part] / result[whole] if result[whole] > 0.0 else 0.0
    return result


def per_episode(episodes: Episodes) -> dict[str, NDArray[np.float64]]:
    """Return each mean by episode and the returns, shape (n,) each."""
    means = {name: episodes.by_episode(field) for name, field in MEANS.items()}
    return {**means, "return": episodes.returns()}


def difference(episodes: Episodes, reference: Episodes) -> dict[str, dict[str, float]]:
    """Return the mean paired differences with their 95 % bootstrap intervals.

    Episodes of equal seeds are paired; they are what the bootstrap resamples.
    """
    if episodes.seeds != reference.seeds:
        raise ValueError("paired differences need runs over the same seeds")
    own, theirs = per_episode(episodes), per_episode(reference)
    return {name: interval(own[name] - theirs[name]) for name in own}


def interval(values: NDArray[np.float64]) -> dict[str, float]:
    """Return the mean of paired values and its 95 % bootstrap interval (percentile)."""
    with needs("confidence intervals", "cli"):
        from scipy import stats
    mean = float(values.mean())
    if np.ptp(values) == 0.0:  # nothing to resample: the interval is the value
        return {"mean": mean, "low": mean, "high": mean}
    found: Any = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return {"mean": mean, "low": float(found.low), "high": float(found.high)}


def saving(episodes: Episodes, reference: Episodes) -> dict[str, dict[str, float]]:
    """Return the shares of latency and of edge calls saved, and the quality given up.

    Relative to the reference's mean; quality in points of 100.
    """
    own, theirs = per_episode(episodes), per_episode(reference)
    return {
        "latency_saved": interval(_saved(own["latency_mean_s"], theirs["latency_mean_s"])),
        "edge_calls_saved": interval(_saved(own["edge_share"], theirs["edge_share"])),
        "quality_points": interval(100.0 * (own["quality"] - theirs["quality"])),
    }


def _saved(own: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each episode saves, as a share of the reference's mean; 0 of nothing."""
    whole = theirs.mean()
    return np.asarray((theirs - own) / whole) if whole > 0.0 else np.zeros(len(own))

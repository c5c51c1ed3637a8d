"""Fit the MT-Bench-101 workload: per-task judge means from the published dialogue scores.

The leaderboard scores a dialogue by its worst turn; the simulator needs the score of a turn.
For each task and model, the turn mean is found such that the mean over dialogues of the worst
turn equals the published figure.

    python studies/mtbench101.py > configs/benchmarks/mtbench101-qwen7b-gpt4.yaml
"""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from scipy.optimize import brentq

from edgeroute_env.benchmarks import JUDGE_MAX, JUDGE_MIN, Judge
from edgeroute_env.recordings.downloads import data_file

DEVICE, EDGE = "Qwen-7B-Chat", "GPT-4"
# Ours: no per-turn scores are published. The spreads lie within those of the leaderboard's
# tasks; the persistence lies in the middle of the turn-1/turn-2 gap correlations (.11 to .58).
JUDGE = Judge(device_sigma=2.0, edge_sigma=1.2, persistence=0.35, need_margin=2.0)
DIALOGUES = 40_000
SCORE = "score: {auc: 0.65}  # [A] as on questions; no outcomes of single turns are published\n"

Scores = Callable[[float], NDArray[np.float64]]


def turn_scores(rng: np.random.Generator, turns: NDArray[np.int64], sigma: float) -> Scores:
    """Return a function from a mean to scores [dialogue, turn]; missing turns are NaN."""
    shared = rng.standard_normal((turns.size, 1))
    own = rng.standard_normal((turns.size, turns.max()))
    noise = sigma * (np.sqrt(JUDGE.persistence) * shared + np.sqrt(1 - JUDGE.persistence) * own)
    noise[np.arange(turns.max()) >= turns[:, None]] = np.nan
    return lambda mean: np.clip(mean + noise, JUDGE_MIN, JUDGE_MAX)


def fit(scores: Scores, published: float) -> float:
    """Return the turn mean whose worst turn averages to the published dialogue score."""

    def excess(mean: float) -> float:
        return float(np.nanmin(scores(mean), axis=1).mean()) - published

    return float(brentq(excess, -10.0, 30.0))


def main() -> None:
    """Write the workload's YAML to standard output."""
    rng = np.random.default_rng(101)
    lengths = pd.read_csv(data_file("mtbench101_turn_lengths.csv.gz"))
    board = pd.read_csv(data_file("mtbench101_leaderboard_by_task.csv"), index_col="model")
    published = board.to_dict("index")
    turns_by_task = lengths.groupby(["task", "id"]).size().groupby(level=0)
    tasks, device_all, edge_all = {}, [], []
    for task, turns in turns_by_task:
        drawn = rng.choice(turns.to_numpy(np.int64), size=DIALOGUES)
        device = turn_scores(rng, drawn, JUDGE.device_sigma)
        edge = turn_scores(rng, drawn, JUDGE.edge_sigma)
        device_mean = fit(device, published[DEVICE][task])
        edge_mean = fit(edge, published[EDGE][task])
        numbers, times = np.unique(turns.to_numpy(np.int64), return_counts=True)
        tasks[task] = {
            "turns": dict(zip(numbers.tolist(), times.tolist(), strict=True)),
            "device": round(device_mean, 3),
            "edge": round(edge_mean, 3),
        }
        keep = round(DIALOGUES * len(turns) / len(lengths))  # as common as the task is
        device_all.append(device(device_mean)[:keep].ravel())
        edge_all.append(edge(edge_mean)[:keep].ravel())
    device_score, edge_score = np.concatenate(device_all), np.concatenate(edge_all)
    real = ~np.isnan(device_score)
    device_score, edge_score = device_score[real], edge_score[real]
    needed = edge_score - device_score >= JUDGE.need_margin
    means = {
        "device_if_needed": device_score[needed].mean() / JUDGE_MAX,
        "device_if_not": device_score[~needed].mean() / JUDGE_MAX,
        "edge_if_needed": edge_score[needed].mean() / JUDGE_MAX,
        "edge_if_not": edge_score[~needed].mean() / JUDGE_MAX,
        "rate": needed.mean(),
    }
    content = {
        "kind": "dialogues",
        "source": (
            f"MT-Bench-101 (Apache-2.0): turns by task; leaderboard {DEVICE} to {EDGE}; judge "
            "spread, persistence and margin are ours; written by studies/mtbench101.py"
        ),
        "judge": JUDGE.model_dump(),
        "needs": {key: round(float(value), 4) for key, value in means.items()},
        "prompt": {"mu": 2.59, "sigma": 0.53},
        "answers": {
            "device": {"mu": 3.92, "sigma": 0.80},
            "edge": {"mu": 3.92, "sigma": 0.80},
            "correlation": 0.39,
        },
        "tasks": tasks,
    }
    sys.stdout.write("# Fitted figures; every number is [D] unless `source` says ours.\n")
    yaml.safe_dump(content, sys.stdout, sort_keys=False, default_flow_style=None)
    sys.stdout.write(SCORE)


if __name__ == "__main__":
    main()

"""From a block of uniforms to a trace: who asks what and when, and how well it is answered.

Each draw reads its own column of the block, so one stage never shifts another's. What the
recordings of `tables.Tables` hold replaces what would be drawn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.calibration import JUDGE_MAX, JUDGE_MIN
from edgeroute_env.traces.lengths import Z_MAX, Z_PER_UNIT
from edgeroute_env.traces.tables import NORMAL_CELLS

# Columns of a turn's row of uniforms.
(
    GAP, ITEM, PROMPT, OUTCOME, JUDGE, MOOD_DEVICE, MOOD_EDGE, SCORE, ANSWER_DEVICE, ANSWER_EDGE,
    ATTACHMENT, BUSY, EVICTION, DISTANCE, SIGHT, SHADOW, LOAD, REPORT, WAIT, ROUND_TRIP, OUTAGE,
) = range(21)  # fmt: skip
UNIFORMS_PER_TURN = 21
PHONE_ROWS = 1  # row 0 of a block serves the episode, then one row a phone, then one a turn


def block_shape(turns: int, phones: int) -> tuple[int, int]:
    """Return the shape of the block of uniforms that one episode takes."""
    return (PHONE_ROWS + phones + turns, UNIFORMS_PER_TURN)


@compiled
def normal(table: NDArray[np.float64], u: float) -> float:
    """Return the standard-normal quantile of `u` in [0, 1) by interpolation."""
    place = u * NORMAL_CELLS
    i = int(place)
    quantile: float = table[i] + (place - i) * (table[i + 1] - table[i])
    return quantile


@compiled
def at_normal(table: NDArray[np.float64], z: float) -> float:
    """Return a table's value at a standard-normal argument by interpolation."""
    place = (min(max(z, -Z_MAX), Z_MAX - 1e-9) + Z_MAX) * Z_PER_UNIT
    i = int(place)
    value: float = table[i] + (place - i) * (table[i + 1] - table[i])
    return value


@compiled
def whole_tokens(value: float) -> float:
    """Return a count of tokens: whole, and at least one."""
    return max(1.0, math.floor(value + 0.5))


@compiled
def judged(score: float) -> float:
    """Return a judge's score, 1 to 10, as a quality from 0 to 1."""
    return min(max(score, JUDGE_MIN), JUDGE_MAX) / JUDGE_MAX


@compiled
def pick_item(items: Any, u: float) -> int:
    """Return the item whose weight interval holds `u`."""
    low, high = 0, items.size - 1
    while low < high:
        middle = (low + high) // 2
        if items[middle].weight_end > u:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def draw_schedule(t: Any, phones: int, block: Any, rows: Any, items: NDArray[np.int64]) -> None:
    """Draw arrivals, phones and dialogues; `items[k]` is the item that turn k belongs to."""
    next_s = np.empty(phones)
    turn = np.zeros(phones, np.int64)
    item = np.zeros(phones, np.int64)
    gap_at = np.zeros(phones, np.int64)
    for d in range(phones):
        u = block[PHONE_ROWS + d]
        if t.recorded_gaps_s.size:
            gap_at[d] = int(u[ITEM] * t.recorded_gaps_s.size)
        next_s[d] = u[GAP] * t.world[0].dialogue_gap_mean_s
    for k in range(rows.size):
        u = block[PHONE_ROWS + phones + k]
        d = 0
        for other in range(1, phones):
            if next_s[other] < next_s[d]:
                d = other
        if turn[d] == 0:
            item[d] = pick_item(t.items, u[ITEM])
        turn[d] += 1
        about = t.items[item[d]]
        ends = turn[d] >= about.turns
        row = rows[k]
        row.arrival_s = next_s[d]
        row.device = d
        row.turn = turn[d]
        row.last_turn = ends
        row.workload = about.benchmark
        items[k] = item[d]
        if ends:
            turn[d] = 0
        if ends and t.recorded_gaps_s.size:
            next_s[d] += t.recorded_gaps_s[gap_at[d]]
            gap_at[d] = (gap_at[d] + 1) % t.recorded_gaps_s.size
        elif not ends and t.recorded_follow_ups_s.size:
            next_s[d] += t.recorded_follow_ups_s[int(u[GAP] * t.recorded_follow_ups_s.size)]
        else:
            law = t.dialogue_gap_s if ends else t.follow_up_s
            next_s[d] += at_normal(law, normal(t.normal, u[GAP]))


@compiled
def _draw_quality(t: Any, about: Any, item: Any, record: Any, u: Any, mood: Any, row: Any) -> None:
    """Draw how good either answer is: recorded, judged around the task's mean, or right or not."""
    if not math.isnan(record.quality_device):
        row.quality_device = record.quality_device
        row.quality_edge = record.quality_edge
    elif about.judged:
        steady = math.sqrt(about.persistence)
        own = math.sqrt(1.0 - about.persistence)
        z_device = steady * mood[0] + own * normal(t.normal, u[OUTCOME])
        z_edge = steady * mood[1] + own * normal(t.normal, u[JUDGE])
        row.quality_device = judged(item.device_mean + about.device_sigma * z_device)
        row.quality_edge = judged(item.edge_mean + about.edge_sigma * z_edge)
    else:
        level = u[OUTCOME]
        only_device = about.edge_only_end <= level < about.device_only_end
        row.quality_device = 1.0 if level < about.both_end or only_device else 0.0
        row.quality_edge = 1.0 if level < about.edge_only_end else 0.0


@compiled
def _draw_score(t: Any, about: Any, record: Any, u: Any, row: Any) -> None:
    """Draw the calibrated score of a classifier with the configured AUC, and what it implies.

    The classifier's logit is normal with a mean that depends on whether the large model is
    needed, so the posterior probability is a logistic function of it.
    """
    separation = t.world[0].separation
    margin = about.need_margin if about.judged else 1.0
    needed = JUDGE_MAX * (row.quality_edge - row.quality_device) >= margin
    if math.isnan(record.score):
        evidence = normal(t.normal, u[SCORE]) + (separation if needed else 0.0)
        logit = about.need_logit + separation * (evidence - 0.5 * separation)
        row.score = 1.0 / (1.0 + math.exp(-logit))
    else:
        row.score = record.score
    p = float(row.score)
    row.expected_quality_device = p * about.device_if_needed + (1.0 - p) * about.device_if_not
    row.expected_quality_edge = p * about.edge_if_needed + (1.0 - p) * about.edge_if_not


@compiled
def draw_content(t: Any, phones: int, block: Any, rows: Any, items: NDArray[np.int64]) -> None:
    """Draw prompts, answers, qualities, scores and attachments."""
    world = t.world[0]
    moods = np.zeros((phones, 2))  # how a phone's dialogue departs from its task's mean
    for k in range(rows.size):
        u = block[PHONE_ROWS + phones + k]
        row = rows[k]
        about = t.benchmarks[row.workload]
        item = t.items[items[k]]
        record = t.recorded[item.first_recorded + row.turn - 1 if item.first_recorded > 0 else 0]
        mood = moods[row.device]
        if row.turn == 1 and about.judged:
            mood[0] = normal(t.normal, u[MOOD_DEVICE])
            mood[1] = normal(t.normal, u[MOOD_EDGE])
        _draw_quality(t, about, item, record, u, mood, row)
        _draw_score(t, about, record, u, row)

        z_prompt = normal(t.normal, u[PROMPT])
        link = about.answer_correlation
        z_device = normal(t.normal, u[ANSWER_DEVICE])
        own = math.sqrt(1.0 - link * link)
        z_edge = link * z_device + own * normal(t.normal, u[ANSWER_EDGE])
        laws = t.answer_tokens[row.workload]
        prompt = at_normal(t.prompt_tokens[row.workload], z_prompt)
        device = at_normal(laws[0, 0 if row.quality_device > 0.0 else 1], z_device)
        edge = at_normal(laws[1, 0 if row.quality_edge > 0.0 else 1], z_edge)
        row.prompt_tokens = whole_tokens(recorded_or(record.prompt_tokens, prompt))
        row.answer_tokens_device = whole_tokens(recorded_or(record.answer_device, device))
        row.answer_tokens_edge = whole_tokens(recorded_or(record.answer_edge, edge))
        row.predicted_tokens_device = about.predicted_device
        row.predicted_tokens_edge = about.predicted_edge
        attached = u[ATTACHMENT] < world.attachment_probability
        row.attachment_bytes = world.attachment_bytes if attached else 0.0


@compiled
def recorded_or(recorded: float, drawn: float) -> float:
    """Return the recorded value where there is one."""
    return drawn if math.isnan(recorded) else recorded

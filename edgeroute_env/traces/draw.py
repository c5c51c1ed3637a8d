"""From a block of uniforms to a trace: who asks what and when, and how well it is answered.

Each draw reads its own column of the block, so no stage changes another stage's draws. Where the
recordings in a `law.TraceLaw` hold a value, it replaces the draw.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.benchmarks import JUDGE_MAX, JUDGE_MIN
from edgeroute_env.physics.queueing import earliest
from edgeroute_env.traces.columns import LONGEST_S
from edgeroute_env.traces.law import NORMAL_CELLS
from edgeroute_env.traces.lengths import Z_MAX, Z_PER_UNIT

# Columns of a turn's row of uniforms.
(
    GAP, ITEM, PROMPT, OUTCOME, JUDGE, MOOD_DEVICE, MOOD_EDGE, SCORE, ANSWER_DEVICE, ANSWER_EDGE,
    ATTACHMENT, BUSY, EVICTION, DISTANCE, SIGHT, SHADOW, LOAD, REPORT, WAIT, ROUND_TRIP, OUTAGE,
    ACTIVITY, FADE,
) = range(23)  # fmt: skip
UNIFORMS_PER_TURN = 23
PHONE_ROWS = 1  # row 0 of a block is the episode's; then one row a phone, then one a turn


def block_shape(turns: int, phones: int) -> tuple[int, int]:
    """Return the shape of the block of uniforms that one episode takes."""
    return (PHONE_ROWS + phones + turns, UNIFORMS_PER_TURN)


@compiled
def normal(table: NDArray[np.float64], u: float) -> float:
    """Return the standard-normal quantile of `u` in [0, 1) by interpolation."""
    place = u * NORMAL_CELLS
    i = int(place)
    return float(table[i] + (place - i) * (table[i + 1] - table[i]))


@compiled
def at_normal(table: NDArray[np.float64], z: float) -> float:
    """Return a table's value at a standard-normal argument by interpolation."""
    place = (min(max(z, -Z_MAX), Z_MAX - 1e-9) + Z_MAX) * Z_PER_UNIT
    i = int(place)
    return float(table[i] + (place - i) * (table[i + 1] - table[i]))


@compiled
def whole_tokens(value: float) -> float:
    """Return `value` as a whole number of tokens, at least one."""
    return max(1.0, math.floor(value + 0.5))


@compiled
def judged(score: float) -> float:
    """Return a judge's score, 1 to 10, as a quality from 0 to 1."""
    return min(max(score, JUDGE_MIN), JUDGE_MAX) / JUDGE_MAX


@compiled
def revert(deviation: float, passed: float, correlation: float, z: float) -> float:
    """Return an Ornstein-Uhlenbeck deviation of unit variance some time (or distance) later."""
    a = math.exp(-passed / correlation)
    return a * deviation + math.sqrt(1.0 - a * a) * z


@compiled
def pick_user(t: Any, block: Any, phone: int) -> int:
    """Return the user of a phone: the episode's or, in a mixed cell, the phone's own."""
    u = block[PHONE_ROWS + phone, ACTIVITY] if t.mixed else block[0, ITEM]
    return int(t.asking[int(u * t.asking.size)])


@compiled
def pick_item(t: Any, user: int, u: float) -> int:
    """Return the item that `u` picks: a benchmark by the user's shares, then one of its items."""
    m, below = 0, 0.0
    while m < t.share_end.shape[1] - 1 and t.share_end[user, m] <= u:
        below = t.share_end[user, m]
        m += 1
    within = (u - below) / (t.share_end[user, m] - below)
    low: int = t.first_item[m]
    high = t.first_item[m + 1] - 1
    while low < high:
        middle = (low + high) // 2
        if t.items[middle].weight_end > within:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _place(
    row: Any, arrival_s: float, user: int, device: int, turn: int, ends: bool, benchmark: int
) -> None:
    """Write when a turn comes, which phone asks it, and its position in the dialogue."""
    row.arrival_s = arrival_s
    row.user = user
    row.device = device
    row.turn = turn
    row.last_turn = ends
    row.benchmark = benchmark


@compiled
def _follow_up_gap_s(t: Any, u: float) -> float:
    """Return the time until a dialogue's next turn, recorded or drawn."""
    recorded_s = t.recorded_follow_ups_s
    if recorded_s.size:
        return float(recorded_s[int(u * recorded_s.size)])
    return at_normal(t.follow_up_s, normal(t.normal, u))


@compiled
def draw_schedule(t: Any, phones: int, block: Any, rows: Any, items: NDArray[np.int64]) -> None:
    """Draw arrivals, phones and dialogues; `items[k]` is the item that turn k belongs to.

    Gaps are drawn on a clock that runs faster while all users together are more active. With one
    phone, a recorded log of arrivals is that phone's. With several, it is the whole cell's.
    """
    user = pick_user(t, block, 0)
    world = t.world[user]  # what is read of it is the same for all phones
    next_s = block[PHONE_ROWS : PHONE_ROWS + phones, GAP] * world.dialogue_gap_mean_s
    turn = np.zeros(phones, np.int64)
    item = np.zeros(phones, np.int64)
    logged = t.recorded_gaps.size
    gap_at = int(block[PHONE_ROWS, ITEM] * logged)
    gap_unit_s = world.dialogue_gap_mean_s / phones
    clock_s = now_s = logged_s = 0.0
    active = normal(t.normal, block[0, ACTIVITY])
    for k in range(rows.size):
        u = block[PHONE_ROWS + phones + k]
        d = earliest(next_s)
        user = pick_user(t, block, d) if t.mixed else user
        if world.burst_sigma > 0.0:
            rate = math.exp(world.burst_sigma * (active - 0.5 * world.burst_sigma))
            gap_s = (next_s[d] - clock_s) / rate
            active = revert(active, gap_s, world.burst_correlation_s, normal(t.normal, u[ACTIVITY]))
            clock_s = next_s[d]
            now_s += gap_s
        else:
            now_s = next_s[d]
        if turn[d] == 0:
            item[d] = pick_item(t, user, u[ITEM])
        turn[d] += 1
        about = t.items[item[d]]
        ends = turn[d] >= about.turns
        # The clock of every trace ends, however long its gaps.
        _place(rows[k], min(now_s, LONGEST_S), user, d, turn[d], ends, about.benchmark)
        items[k] = item[d]
        if not ends:
            next_s[d] += _follow_up_gap_s(t, u[GAP])
        else:
            turn[d] = 0
            if logged:
                gap_s = gap_unit_s * t.recorded_gaps[gap_at]
                gap_at = (gap_at + 1) % logged
                logged_s = gap_s + (next_s[d] if phones == 1 else logged_s)
                next_s[d] = max(next_s[d], logged_s)
            else:
                next_s[d] += world.dialogue_gap_mean_s * at_normal(
                    t.dialogue_gap, normal(t.normal, u[GAP])
                )


@compiled
def _draw_quality(t: Any, about: Any, item: Any, record: Any, u: Any, mood: Any, row: Any) -> None:
    """Draw the quality of both answers: recorded, a judge's score, or right or wrong."""
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
    """Draw a calibrated classifier's score, given the need, and write the expected qualities."""
    margin = about.need_margin if about.judged else 1.0
    needed = JUDGE_MAX * (row.quality_edge - row.quality_device) >= margin
    if math.isnan(record.score):
        law = t.score[t.score_law[row.user], row.benchmark, 1 if needed else 0]
        row.score = at_normal(law, normal(t.normal, u[SCORE]))
    else:
        row.score = record.score
    p = float(row.score)
    row.expected_quality_device = p * about.device_if_needed + (1.0 - p) * about.device_if_not
    row.expected_quality_edge = p * about.edge_if_needed + (1.0 - p) * about.edge_if_not


@compiled
def draw_content(t: Any, phones: int, block: Any, rows: Any, items: NDArray[np.int64]) -> None:
    """Draw prompts, answers, qualities, scores and attachments."""
    world = t.world[rows[0].user]
    moods = np.zeros((phones, 2))  # how far a phone's dialogue lies from its task's mean
    for k in range(rows.size):
        u = block[PHONE_ROWS + phones + k]
        row = rows[k]
        if t.mixed:
            world = t.world[row.user]
        about = t.benchmarks[row.benchmark]
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
        laws = t.answer_tokens[row.benchmark]
        prompt = at_normal(t.prompt_tokens[row.benchmark, 0 if row.turn == 1 else 1], z_prompt)
        device = at_normal(laws[0, 0 if row.quality_device > 0.0 else 1], z_device)
        edge = at_normal(laws[1, 0 if row.quality_edge > 0.0 else 1], z_edge)
        row.prompt_tokens = whole_tokens(recorded_or(record.prompt_tokens, prompt))
        row.answer_tokens_device = whole_tokens(recorded_or(record.answer_tokens_device, device))
        row.answer_tokens_edge = whole_tokens(recorded_or(record.answer_tokens_edge, edge))
        row.predicted_tokens_device = about.predicted_device
        row.predicted_tokens_edge = about.predicted_edge
        attached = u[ATTACHMENT] < world.attachment_probability
        row.attachment_bytes = world.attachment_bytes if attached else 0.0


@compiled
def recorded_or(recorded: float, drawn: float) -> float:
    """Return the recorded value where there is one."""
    return drawn if math.isnan(recorded) else recorded

"""What happens until a turn arrives: evictions, quota windows, the edge's queue and its report."""

from __future__ import annotations

import math
from typing import Any

from edgeroute_env._compile import compiled, inlined
from edgeroute_env.simulator.believe import feel, learn_answers, learn_costs
from edgeroute_env.simulator.edge_queue import EdgeQueue, admit_until, sequences
from edgeroute_env.simulator.requests import known_score
from edgeroute_env.simulator.state import NO_ROUTE


@compiled
def start_dialogue(dev: Any) -> None:
    """Forget the phone's dialogue; a new one has no history and no cache."""
    dev.turn = 0.0
    dev.context_tokens = 0.0
    dev.cached_device_tokens = 0.0
    dev.cached_edge_tokens = 0.0
    dev.told_edge_tokens = 0.0
    dev.last_route = NO_ROUTE
    dev.answered_at_s = 0.0
    dev.score_sum = 0.0
    dev.worst_quality = 1.0
    dev.sound_so_far = 1.0
    known = dev.believed
    known.context_tokens = 0.0
    known.cached_device_tokens = 0.0
    known.cached_edge_tokens = 0.0
    known.last_route = NO_ROUTE
    known.answered_at_s = 0.0
    known.sound_so_far = 1.0


@inlined
def arrive(p: Any, row: Any, ep: Any, dev: Any, queue: EdgeQueue, previous_s: float) -> None:
    """Let time pass until the turn arrives: evictions, quota windows, the edge and its report."""
    if row.turn == 1:
        start_dialogue(dev)
    else:
        learn_answers(dev, row.arrival_s)
    learn_costs(dev, row.arrival_s)
    feel(p, dev, row.arrival_s)
    if row.device_evicted:
        dev.cached_device_tokens = 0.0
        dev.believed.cached_device_tokens = 0.0
    if row.edge_evicted:
        dev.cached_edge_tokens = 0.0
    dev.turn += 1.0
    dev.asked += 1.0
    dev.score_sum += known_score(p, row, dev.believed)
    # The first token of an answer tells the phone how long its call has waited.
    if dev.next_edge_told_at_s <= row.arrival_s:
        dev.edge_wait_s = dev.next_edge_wait_s
        dev.edge_told_at_s = dev.next_edge_told_at_s
    if row.arrival_s >= dev.window_ends_s:
        windows = math.floor(row.arrival_s / p.window_s) + 1.0
        dev.window_ends_s = windows * p.window_s
        dev.quota_left = p.edge_calls
        dev.believed.quota_left = p.edge_calls
    reported_at_s = row.arrival_s - row.report_age_s
    if reported_at_s >= previous_s:  # a report has come since the previous turn
        if ep.next_at_s <= reported_at_s:  # seldom true, and a call costs more than the comparison
            admit_until(p, ep, queue, reported_at_s)
        ep.reported_busy = 0.0
        if ep.latest_end_s > reported_at_s:
            ep.reported_busy = sequences(ep, queue, reported_at_s)
    if ep.next_at_s <= row.arrival_s:
        admit_until(p, ep, queue, float(row.arrival_s))

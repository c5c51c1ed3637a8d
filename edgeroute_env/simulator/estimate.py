"""What a router may know of the next turn: nominal speeds, reported load, its own state.

Never the real heat-limited speed, the real load, the real answer length or the outcome. The
records are those of `state.py`; `seen` is one observation with its features by name.
"""

from __future__ import annotations

import math
from typing import Any

from edgeroute_env._compile import compiled, inlined
from edgeroute_env.physics.inference import (
    device_decode_s,
    device_prefill_s,
    prefill_s,
    shared_slowdown,
)
from edgeroute_env.physics.power import heat_after_rest
from edgeroute_env.physics.queueing import busy_slots
from edgeroute_env.physics.radio import upload_s
from edgeroute_env.simulator.edge_queue import admit_until, look_ahead
from edgeroute_env.simulator.features import LONG_S
from edgeroute_env.simulator.requests import batch_decode_s, payload_bytes
from edgeroute_env.simulator.state import DEVICE_ROUTE, EDGE_ROUTE, NO_ROUTE, UNLIMITED


@compiled
def start_dialogue(dev: Any) -> None:
    """Forget the phone's dialogue: a new one has no history and nothing cached."""
    dev.turn = 0.0
    dev.context_tokens = 0.0
    dev.cached_device_tokens = 0.0
    dev.cached_edge_tokens = 0.0
    dev.last_route = NO_ROUTE
    dev.answered_at_s = 0.0
    dev.score_sum = 0.0
    dev.worst_quality = 1.0
    dev.sound_so_far = 1.0


@inlined
def arrive(
    p: Any, row: Any, ep: Any, dev: Any, waiting: Any, slots: Any, e: int, previous_s: float
) -> None:
    """Let time pass until the turn arrives: evictions, quota windows, the edge and its report."""
    if row.turn == 1:
        start_dialogue(dev)
    if row.device_evicted:
        dev.cached_device_tokens = 0.0
    if row.edge_evicted:
        dev.cached_edge_tokens = 0.0
    dev.turn += 1.0
    dev.asked += 1.0
    dev.score_sum += row.score
    if dev.next_edge_told_at_s <= row.arrival_s:  # an answer has told how long it waited
        dev.edge_wait_s = dev.next_edge_wait_s
        dev.edge_told_at_s = dev.next_edge_told_at_s
    if row.arrival_s >= dev.window_ends_s:
        windows = math.floor(row.arrival_s / p.window_s) + 1.0
        dev.window_ends_s = windows * p.window_s
        dev.quota_left = p.edge_calls
    reported_at_s = row.arrival_s - row.report_age_s
    if reported_at_s >= previous_s:  # a report came since the turn before this one
        if ep.next_at_s <= reported_at_s:  # seldom; a call costs more than the comparison
            admit_until(ep, waiting, slots, e, reported_at_s)
        ep.reported_wait_s = 0.0
        ep.reported_busy = 0.0
        if ep.latest_slot_s > reported_at_s:
            ep.reported_wait_s, _ = look_ahead(ep, waiting, slots, e, reported_at_s)
            ep.reported_busy = busy_slots(slots[e, 0], reported_at_s)
    if ep.next_at_s <= row.arrival_s:
        admit_until(ep, waiting, slots, e, float(row.arrival_s))


@inlined
def estimate(p: Any, row: Any, ep: Any, dev: Any, seen: Any) -> None:
    """Write the expected latency parts of both routes, hidden quantities as the router assumes."""
    load, own_busy = float(row.reported_load), ep.reported_busy
    wait_s = max(0.0, ep.reported_wait_s - row.report_age_s) + row.expected_wait_s
    if p.hides_edge_load:
        load, own_busy, wait_s = p.assumed_load, 0.0, p.assumed_wait_s
    snr_db = row.snr_db
    up_s_per_byte, down_s_per_byte = float(row.up_s_per_byte), float(row.down_s_per_byte)
    if p.hides_snr:
        snr_db = p.assumed_snr_db
        up_s_per_byte, down_s_per_byte = p.assumed_up_s_per_byte, p.assumed_down_s_per_byte
    cached_device, cached_edge = dev.cached_device_tokens, dev.cached_edge_tokens
    if p.hides_cache:
        cached_device = cached_edge = dev.context_tokens
    held_up_s = max(0.0, dev.answered_at_s - row.arrival_s)
    prompt = float(row.prompt_tokens)
    asked = dev.context_tokens + prompt

    answer = float(row.predicted_tokens_device)
    fresh_s = device_prefill_s(prompt, p.device_prefill_tokens_per_s)
    whole_s = device_prefill_s(asked - cached_device, p.device_prefill_tokens_per_s)
    switch_s = p.device_switch_s if dev.last_route == EDGE_ROUTE else 0.0
    seen.device_wait_s = max(held_up_s, dev.free_at_s - row.arrival_s)
    seen.device_prefill_s = fresh_s
    seen.device_switch_s = switch_s + whole_s - fresh_s
    seen.device_decode_s = device_decode_s(
        answer, asked + 0.5 * answer, p.device_decode_tokens_per_s, p.device_kv_s_per_token
    )

    answer = float(row.predicted_tokens_edge)
    slow = shared_slowdown(p.prefill_share * load)
    fresh_s = prefill_s(p.cost, prompt, dev.context_tokens) * slow
    whole_s = fresh_s
    if cached_edge < dev.context_tokens:
        whole_s = prefill_s(p.cost, asked - cached_edge, cached_edge) * slow
    switch_s = p.edge_switch_s if dev.last_route == DEVICE_ROUTE else 0.0
    outage_s = p.expected_outage_s if snr_db < p.outage_snr_db else 0.0
    down_s = answer * p.bytes_per_token * down_s_per_byte
    on_air_s = upload_s(payload_bytes(p, row, dev), up_s_per_byte, p.harq_s)
    seen.edge_radio_s = outage_s + on_air_s + p.expected_rtt_s + down_s
    seen.edge_wait_s = held_up_s + wait_s
    seen.edge_prefill_s = fresh_s
    seen.edge_switch_s = switch_s + whole_s - fresh_s
    seen.edge_decode_s = batch_decode_s(p, asked, answer, load, own_busy) * slow
    seen.snr_db = snr_db


@inlined
def observe(p: Any, row: Any, ep: Any, dev: Any, seen: Any) -> None:
    """Write the features that describe the state, in physical units."""
    resting_s = max(0.0, row.arrival_s - dev.free_at_s)
    seen.score = row.score
    seen.dialogue_score = dev.score_sum / dev.turn
    # An empty history misses nothing, so nothing is left to recompute.
    has_history = dev.context_tokens > 0.0
    shown = has_history and not p.hides_cache
    seen.device_cached = dev.cached_device_tokens / dev.context_tokens if shown else 1.0
    seen.edge_cached = dev.cached_edge_tokens / dev.context_tokens if shown else 1.0
    if p.hides_edge_load:
        seen.edge_load, seen.report_age_s = p.assumed_load, 0.0
        seen.last_edge_wait_s, seen.last_edge_age_s = 0.0, LONG_S
    else:
        seen.edge_load = min(1.0, row.reported_load + ep.reported_busy / p.slots)
        seen.report_age_s = row.report_age_s
        seen.last_edge_wait_s = dev.edge_wait_s
        seen.last_edge_age_s = row.arrival_s - dev.edge_told_at_s
    seen.turn = dev.turn
    seen.context_tokens = dev.context_tokens
    seen.prompt_tokens = row.prompt_tokens
    seen.attachment_bytes = row.attachment_bytes
    seen.heat = heat_after_rest(dev.heat, resting_s, p.cooling_s)
    seen.battery_left = dev.battery_j / p.battery_j if p.battery_j < UNLIMITED else 1.0
    limited = p.edge_calls < UNLIMITED
    seen.quota_left = dev.quota_left / p.edge_calls if limited else 1.0
    seen.quota_time_left = (dev.window_ends_s - row.arrival_s) / p.window_s if limited else 1.0
    seen.time_left = (ep.length - ep.cursor) / ep.length
    seen.dialogue_risk = 1.0 - dev.sound_so_far
    seen.demand_per_h = 3600.0 * dev.asked / (row.arrival_s + p.demand_prior_s)
    seen.weight_latency_per_s = p.weight_latency
    seen.weight_energy_per_j = p.weight_energy
    seen.weight_edge_call = p.weight_edge_call

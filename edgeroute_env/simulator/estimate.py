"""What a router may expect of both routes, from nominal speeds, the reported load, its own state.

Estimates never use the real speed of a hot phone, the real load, the real answer length or the
outcome. The records are those of `state.py`. `seen` is one observation with its features by name.
"""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import inlined
from edgeroute_env.physics.inference import (
    device_decode_s,
    prefill_s,
    shared_slowdown,
)
from edgeroute_env.physics.radio import upload_s
from edgeroute_env.simulator.requests import (
    edge_times_s,
    payload_bytes,
    phone_prefill_s,
    uplink_wait_s,
)
from edgeroute_env.simulator.state import DEVICE_ROUTE, EDGE_ROUTE


@inlined
def estimate(p: Any, row: Any, ep: Any, dev: Any, seen: Any) -> None:
    """Write the expected latency parts of both routes, with assumed values for what is hidden."""
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
    fresh_s = phone_prefill_s(p, prompt, dev.context_tokens)
    whole_s = phone_prefill_s(p, asked - cached_device, cached_device)
    switch_s = p.device_switch_s if dev.last_route == EDGE_ROUTE else 0.0
    seen.device_wait_s = max(held_up_s, dev.free_at_s - row.arrival_s)
    seen.device_prefill_s = fresh_s
    seen.device_switch_s = switch_s + whole_s - fresh_s
    seen.device_decode_s = device_decode_s(
        answer, asked + 0.5 * answer, p.device_decode_tokens_per_s, p.device_kv_s_per_token
    )

    answer = float(row.predicted_tokens_edge)
    whole_s, decode_s, work_s = edge_times_s(p, asked, cached_edge, answer, load)
    # A router expects the requests in the batch to be like this one.
    crowd = 1.0 + own_busy * work_s / (whole_s + decode_s) if own_busy else 1.0
    fresh_s = (
        whole_s
        if cached_edge == dev.context_tokens
        else prefill_s(p.cost, prompt, dev.context_tokens) * shared_slowdown(p.prefill_share * load)
    )
    switch_s = p.edge_switch_s if dev.last_route == DEVICE_ROUTE else 0.0
    uplink_s = uplink_wait_s(dev, row.arrival_s + held_up_s, dev.uplink_due_at_s)
    down_s = answer * p.bytes_per_token * down_s_per_byte
    on_air_s = upload_s(payload_bytes(p, row, dev), up_s_per_byte, p.harq_s)
    seen.edge_radio_s = uplink_s + p.expected_outage_s + on_air_s + p.expected_rtt_s + down_s
    seen.edge_wait_s = held_up_s + wait_s
    seen.edge_prefill_s = fresh_s * crowd
    seen.edge_switch_s = switch_s + (whole_s - fresh_s) * crowd
    seen.edge_decode_s = decode_s * crowd
    seen.snr_db = snr_db

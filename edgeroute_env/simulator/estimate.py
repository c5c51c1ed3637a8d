"""What a router may expect of both routes, from nominal speeds, the reported load, its own state.

Estimates never use the real speed of a hot phone, the real load, the real answer length or the
outcome. Like the time that a score takes, a probe comes before them: they say what is left then.
The records are those of `state.py`. `seen` is one observation with its features by name.
"""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import inlined
from edgeroute_env.physics.radio import upload_s
from edgeroute_env.simulator.believe import expected_free_at_s
from edgeroute_env.simulator.requests import (
    edge_decode_s,
    edge_prefill_s,
    fits_phone,
    payload_bytes,
    phone_decode_s,
    phone_prefill_s,
    uplink_wait_s,
)
from edgeroute_env.simulator.state import DEVICE_ROUTE, EDGE_ROUTE


@inlined
def estimate(p: Any, row: Any, ep: Any, dev: Any, seen: Any) -> None:
    """Write the expected latency parts of both routes, with assumed values for what is hidden."""
    known = dev.believed
    held_up_s = max(0.0, known.answered_at_s - row.arrival_s)
    ready_s = row.arrival_s + held_up_s
    cached_device, cached_edge = known.cached_device_tokens, known.cached_edge_tokens
    if p.hides_cache:
        cached_device = cached_edge = known.context_tokens
    _on_device(p, row, ep, dev, cached_device, held_up_s, seen)
    if p.probes and fits_phone(p, row, known):
        ready_s = _after_probe(p, row, ep, dev, ready_s, seen)
        held_up_s = 0.0
    _at_edge(p, row, ep, known, cached_edge, ready_s, held_up_s, seen)


@inlined
def _on_device(
    p: Any, row: Any, ep: Any, dev: Any, cached_tokens: float, held_up_s: float, seen: Any
) -> None:
    """Write the parts of the phone's route, at its nominal speeds."""
    known = dev.believed
    prompt = float(row.prompt_tokens)
    asked = known.context_tokens + prompt
    answer = float(row.predicted_tokens_device)
    fresh_s = phone_prefill_s(p, prompt, known.context_tokens)
    whole_s = phone_prefill_s(p, asked - cached_tokens, cached_tokens)
    switch_s = p.device_switch_s if known.last_route == EDGE_ROUTE else 0.0
    decode_s = phone_decode_s(p, asked, answer)
    free_s = expected_free_at_s(dev, float(row.arrival_s))
    seen.device_wait_s = max(held_up_s, free_s - row.arrival_s)
    seen.device_prefill_s = fresh_s
    seen.device_switch_s = switch_s + whole_s - fresh_s
    seen.device_decode_s = decode_s
    ep.device_expected_s = switch_s + whole_s + decode_s


@inlined
def _after_probe(p: Any, row: Any, ep: Any, dev: Any, ready_s: float, seen: Any) -> float:
    """Leave of the phone's route what comes after a probe; return when the probe is done.

    It takes all before the first token, and this token.
    """
    asked = dev.believed.context_tokens + row.prompt_tokens
    answer = float(row.predicted_tokens_device)
    rest_s = phone_decode_s(p, asked, answer) - phone_decode_s(p, asked, 1.0)
    ep.probe_expected_s = ep.device_expected_s - rest_s
    ep.device_expected_s = rest_s
    seen.device_wait_s = seen.device_prefill_s = seen.device_switch_s = 0.0
    seen.device_decode_s = rest_s
    return max(ready_s, expected_free_at_s(dev, float(row.arrival_s))) + float(ep.probe_expected_s)


@inlined
def _at_edge(
    p: Any,
    row: Any,
    ep: Any,
    known: Any,
    cached_tokens: float,
    ready_s: float,
    held_up_s: float,
    seen: Any,
) -> None:
    """Write the parts of the edge's route; the request could be sent at `ready_s`.

    The server reports how many of our requests it holds; each is expected to be like this one.
    Those in the batch slow it. If they leave no room, it must wait until as many end as are ahead.
    """
    load, own_busy, wait_s = float(row.reported_load), ep.reported_busy, float(row.expected_wait_s)
    if p.hides_edge_load:
        load, own_busy, wait_s = p.assumed_load, 0.0, p.assumed_wait_s
    seen.snr_db = row.snr_db
    up_s_per_byte, down_s_per_byte = float(row.up_s_per_byte), float(row.down_s_per_byte)
    if p.hides_snr:
        seen.snr_db = p.assumed_snr_db
        up_s_per_byte, down_s_per_byte = p.assumed_up_s_per_byte, p.assumed_down_s_per_byte
    prompt, answer = float(row.prompt_tokens), float(row.predicted_tokens_edge)
    asked = known.context_tokens + prompt
    whole_s, fill_work_s = edge_prefill_s(p, asked, cached_tokens, load)
    decode_s, decode_work_s = edge_decode_s(p, asked, answer, load)
    fresh_s = whole_s
    if cached_tokens < known.context_tokens:
        fresh_s, _ = edge_prefill_s(p, asked, known.context_tokens, load)
    crowd = 1.0
    if own_busy:
        places = max(1.0, min(p.max_sequences, p.cost.kv_pool_tokens / (asked + answer)))
        share = (fill_work_s + decode_work_s) / (whole_s + decode_s)
        crowd += min(own_busy, places - 1.0) * share
        ends_s = crowd * (whole_s + decode_s) / places  # from one end to the next
        ahead_s = max(0.0, own_busy + 1.0 - places) * ends_s
        wait_s += max(0.0, ahead_s - row.report_age_s)
    switch_s = p.edge_switch_s if known.last_route == DEVICE_ROUTE else 0.0
    uplink_s = uplink_wait_s(known, ready_s, known.uplink_due_at_s)
    on_air_s = upload_s(payload_bytes(p, row, known), up_s_per_byte, p.harq_s)
    down_s = answer * p.bytes_per_token * down_s_per_byte
    radio_s = uplink_s + p.expected_outage_s + on_air_s + p.expected_rtt_s + down_s
    seen.edge_radio_s = radio_s
    seen.edge_wait_s = held_up_s + wait_s
    seen.edge_prefill_s = fresh_s * crowd
    seen.edge_switch_s = switch_s + (whole_s - fresh_s) * crowd
    seen.edge_decode_s = decode_s * crowd
    ep.upload_expected_s = on_air_s
    ep.edge_expected_s = radio_s + wait_s + switch_s + (whole_s + decode_s) * crowd

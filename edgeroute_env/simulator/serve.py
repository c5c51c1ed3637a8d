"""What really happens to a turn: the phone or the edge serves it.

The parts of a latency always sum to it. All state is in structured records (`state.py`):
`p` parameters, `row` the trace's turn, `ep` the episode, `dev` the phone and its dialogue,
`queue` the edge's (`edge_queue.py`), `out` the turn's outcome.
"""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import compiled, inlined
from edgeroute_env.physics.inference import cached_blocks
from edgeroute_env.physics.power import (
    heat_after_rest,
    heat_after_work,
    inference_energy_j,
    tail_seconds,
    transmit_energy_j,
)
from edgeroute_env.physics.radio import upload_s
from edgeroute_env.simulator.account import weighted_cost
from edgeroute_env.simulator.edge_queue import NEVER_S, EdgeQueue, look_ahead, send
from edgeroute_env.simulator.requests import (
    edge_decode_s,
    edge_prefill_s,
    fits_phone,
    payload_bytes,
    phone_decode_s,
    phone_prefill_s,
    phone_speed,
    uplink_wait_s,
)
from edgeroute_env.simulator.state import DEVICE_ROUTE, EDGE_ROUTE, NO_ROUTE, RELATIVE_COST


@inlined
def serve(p: Any, row: Any, ep: Any, dev: Any, queue: EdgeQueue, action: int, out: Any) -> None:
    """Serve one turn as `action` says and write its outcome.

    A turn is scored when it arrives. A follow-up waits for the answer before it. An upload waits
    for the phone's earlier ones. In a long outage the edge cannot be reached, and the turn fails.
    Beyond the quota the edge refuses the call, and the phone answers. A client counts tokens before
    it starts its model: what does not fit the phone's context goes to the edge, whatever the router
    says, and fails if the edge refuses it. Nor can it be probed.
    """
    _nothing_yet(p, row, out)
    asked_s = row.arrival_s + p.scoring_s
    ready_s = max(asked_s, dev.answered_at_s)
    out.queue_s = ready_s - asked_s
    after_first_token_s = 0.0
    fits = fits_phone(p, row, dev)
    dev.work_from_s = dev.free_at_s
    if p.probes and fits:
        ready_s = _probe(p, row, dev, ready_s, out)
    if p.objective == RELATIVE_COST:  # what the edge would cost; `account` makes it a ratio
        out.relative_cost = _cost_at_edge(p, row, ep, dev, queue, ready_s, out)
    if action == EDGE_ROUTE or not fits:
        # What an earlier call has yet to tell of its wait is lost, whatever becomes of this one.
        dev.next_edge_told_at_s = NEVER_S
    if action == DEVICE_ROUTE and fits:
        _serve_on_device(p, row, dev, ready_s, out)
    elif row.outage_s > p.outage_wait_s:
        _give_up(p, dev, out)
    else:
        held_s, on_air_s, upload_j = _uploaded(p, row, dev, ready_s)
        out.energy_j += upload_j
        _hold_uplink(dev, ready_s, held_s, on_air_s)
        out.radio_s = held_s + on_air_s + row.rtt_s
        sent_s = ready_s + out.radio_s
        if dev.quota_left >= 1.0:
            after_first_token_s = _serve_at_edge(p, row, ep, dev, queue, sent_s, out)
        else:
            out.refused = 1.0
            if fits:
                _serve_on_device(p, row, dev, sent_s, out)
            else:
                out.failed, out.quality = 1.0, 0.0
    until_decode_s = out.scoring_s + out.radio_s + out.queue_s + out.switch_s + out.prefill_s
    out.ttft_s = until_decode_s - after_first_token_s
    out.radio_ttft_s = out.radio_s - after_first_token_s
    out.latency_s = until_decode_s + out.decode_s
    dev.answered_at_s = row.arrival_s + out.latency_s
    dev.settled_at_s = max(dev.settled_at_s, dev.answered_at_s)
    dev.battery_j -= out.energy_j


@inlined
def _nothing_yet(p: Any, row: Any, out: Any) -> None:
    """Write the outcome of a turn that has been scored, and nothing else."""
    out.edge_call = out.failed = out.refused = out.switched = out.recomputed_tokens = 0.0
    out.radio_s = out.queue_s = out.switch_s = out.prefill_s = out.decode_s = 0.0
    out.energy_j = out.edge_energy_j = out.relative_cost = 0.0
    out.benchmark = row.benchmark
    out.scoring_s = p.scoring_s


@inlined
def _give_up(p: Any, dev: Any, out: Any) -> None:
    """Fail after a limited wait for the link; the dialogue does not change."""
    out.failed = 1.0
    out.radio_s = p.outage_wait_s
    out.energy_j += p.outage_wait_s * p.tail_w
    out.quality = 0.0
    dev.cached_device_tokens = min(dev.cached_device_tokens, dev.context_tokens)


@inlined
def _uploaded(p: Any, row: Any, dev: Any, ready_s: float) -> tuple[float, float, float]:
    """Return the wait for link and uplink, the air time and the energy (J) of the upload."""
    held_s = max(float(row.outage_s), uplink_wait_s(dev, ready_s, dev.uplink_free_at_s))
    air_s_per_byte = float(row.up_s_per_byte)
    on_air_s = upload_s(payload_bytes(p, row, dev), air_s_per_byte, p.harq_s)
    energy_j = transmit_energy_j(
        on_air_s, 8e-6 / air_s_per_byte, p.transmit_base_w, p.transmit_w_per_mbit_per_s
    )
    return held_s, on_air_s, energy_j


@inlined
def _hold_uplink(dev: Any, ready_s: float, held_s: float, on_air_s: float) -> None:
    """Keep the uplink busy until the upload ends; the phone's next ones wait for it."""
    if uplink_wait_s(dev, ready_s, dev.uplink_free_at_s) == 0.0:
        dev.uplink_from_s = ready_s
    dev.uplink_free_at_s = ready_s + held_s + on_air_s


@inlined
def _download_s(p: Any, row: Any) -> float:
    """Return the time to send the answer to the phone."""
    return float(row.answer_tokens_edge * p.bytes_per_token * row.down_s_per_byte)


@inlined
def _at_edge(
    p: Any, row: Any, ep: Any, dev: Any, queue: EdgeQueue, sent_s: float
) -> tuple[float, float, float, float, float]:
    """Return the times of waiting, switch, prefill, decode; and the engine's share they take."""
    ready_s = sent_s + row.edge_wait_s  # other tenants' requests go first
    answer = float(row.answer_tokens_edge)
    asked = dev.context_tokens + row.prompt_tokens
    load, cached = float(row.edge_load), dev.cached_edge_tokens
    fill_s, fill_work_s = edge_prefill_s(p, asked, cached, load)
    decode_s, _ = edge_decode_s(p, asked, answer, load)
    expected = float(row.predicted_tokens_edge)
    own_wait_s, crowd = 0.0, 1.0
    if ep.latest_end_s > ready_s or ep.next_at_s <= ready_s:
        own_wait_s, shares = look_ahead(p, ep, queue, ready_s, asked + expected)
        crowd += shares
    switch_s = p.edge_switch_s if dev.last_route == DEVICE_ROUTE else 0.0
    # The others cannot feel how long its answer will be, so its share is that of an expected one.
    likely_s, work_s = edge_decode_s(p, asked, expected, load)
    share = (fill_work_s + work_s) / (fill_s + likely_s)
    return own_wait_s, switch_s, fill_s * crowd, decode_s * crowd, share


@compiled
def _cost_at_edge(
    p: Any, row: Any, ep: Any, dev: Any, queue: EdgeQueue, ready_s: float, out: Any
) -> float:
    """Return what the turn costs if it goes to the edge now; see `RelativeCost`.

    The sums use the order in which the turn's own figures are added. So a turn that does go to the
    edge costs exactly as much.
    """
    held_s, on_air_s, upload_j = _uploaded(p, row, dev, ready_s)
    energy_j = out.energy_j + upload_j
    sending_s = held_s + on_air_s + row.rtt_s
    sent_s = ready_s + sending_s
    own_wait_s, switch_s, fill_s, decode_s, _ = _at_edge(p, row, ep, dev, queue, sent_s)
    down_s = _download_s(p, row)
    hold_s = switch_s + fill_s + decode_s
    done_s = sent_s + row.edge_wait_s + own_wait_s + hold_s
    connected_s = done_s + down_s - (sent_s - row.rtt_s) + p.tail_s
    energy_j += p.tail_w * tail_seconds(dev.tail_ends_s, sent_s - row.rtt_s, connected_s)
    energy_j += p.receive_w * down_s
    queue_s = out.queue_s + (own_wait_s + row.edge_wait_s)
    latency_s = out.scoring_s + (sending_s + down_s) + queue_s + switch_s + fill_s + decode_s
    return weighted_cost(p, latency_s, energy_j + p.edge_power_w * hold_s)


@inlined
def _work(
    p: Any,
    row: Any,
    dev: Any,
    ready_s: float,
    wake_s: float,
    fill_s: float,
    decode_s: float,
    out: Any,
) -> tuple[float, float]:
    """Let the phone work as soon as it is free; return how long prefill and decode really take.

    Heat and other apps leave it a part of the speed at which `fill_s` and `decode_s` would do.
    """
    start_s = max(ready_s, dev.free_at_s)
    heat = heat_after_rest(dev.heat, start_s - dev.free_at_s, p.cooling_s)
    speed = phone_speed(p, row, heat)
    fill_s /= speed
    decode_s /= speed
    busy_s = wake_s + fill_s + decode_s
    if dev.work_from_s == dev.free_at_s:  # the turn's first work
        dev.work_from_s = start_s
    dev.free_at_s = start_s + busy_s
    dev.heat = heat_after_work(heat, busy_s, p.heating_s)
    out.queue_s += start_s - ready_s
    out.energy_j += inference_energy_j(fill_s, decode_s, p.prefill_w, p.decode_w)
    return fill_s, decode_s


@inlined
def _probe(p: Any, row: Any, dev: Any, ready_s: float, out: Any) -> float:
    """Let the phone read the prompt and make the first token; return when it is done.

    Its confidence is the score. The phone's cache holds the prompt from then on, and its model is
    awake.
    """
    asked = dev.context_tokens + row.prompt_tokens
    new = asked - dev.cached_device_tokens
    wake_s = p.device_switch_s if dev.last_route == EDGE_ROUTE else 0.0
    fill_s = phone_prefill_s(p, new, dev.cached_device_tokens)
    first_s = phone_decode_s(p, asked, 1.0)
    fill_s, first_s = _work(p, row, dev, ready_s, wake_s, fill_s, first_s, out)
    out.scoring_s = wake_s + fill_s + first_s
    out.recomputed_tokens = new - row.prompt_tokens
    dev.cached_device_tokens = asked
    return float(dev.free_at_s)


@inlined
def _serve_on_device(p: Any, row: Any, dev: Any, ready_s: float, out: Any) -> None:
    """Answer on the phone. After a probe, only the rest of the answer is left to do."""
    answer = float(row.answer_tokens_device)
    asked = dev.context_tokens + row.prompt_tokens
    new = asked - dev.cached_device_tokens
    fill_s, decode_s = 0.0, phone_decode_s(p, asked, answer)
    if new > 0.0:
        out.switch_s = p.device_switch_s if dev.last_route == EDGE_ROUTE else 0.0
        fill_s = phone_prefill_s(p, new, dev.cached_device_tokens)
    else:  # a probe has read all and has made the first token
        decode_s -= phone_decode_s(p, asked, 1.0)
    out.prefill_s, out.decode_s = _work(p, row, dev, ready_s, out.switch_s, fill_s, decode_s, out)
    out.quality = row.expected_quality_device if p.pays_expectation else row.quality_device
    dev.cached_device_tokens = asked + p.device_kept_answer * answer
    dev.sound_so_far *= 1.0 - row.score
    _remember(row, dev, DEVICE_ROUTE, asked + answer, new, out)


@inlined
def _serve_at_edge(
    p: Any, row: Any, ep: Any, dev: Any, queue: EdgeQueue, sent_s: float, out: Any
) -> float:
    """Join the batch, decode at the speed that it leaves, and send the answer.

    Returns the download time (s), which is the radio's part after the first token.
    """
    ready_s = sent_s + row.edge_wait_s
    own_wait_s, out.switch_s, out.prefill_s, out.decode_s, share = _at_edge(
        p, row, ep, dev, queue, sent_s
    )
    down_s = _download_s(p, row)
    hold_s = out.switch_s + out.prefill_s + out.decode_s
    answer = float(row.answer_tokens_edge)
    asked = dev.context_tokens + row.prompt_tokens
    send(p, ep, queue, ready_s, hold_s, asked + row.predicted_tokens_edge, share)
    done_s = ready_s + own_wait_s + hold_s
    out.queue_s += own_wait_s + row.edge_wait_s
    out.radio_s += down_s
    uploaded_s = sent_s - row.rtt_s
    connected_s = done_s + down_s - uploaded_s + p.tail_s
    out.energy_j += p.tail_w * tail_seconds(dev.tail_ends_s, uploaded_s, connected_s)
    out.energy_j += p.receive_w * down_s
    out.edge_energy_j = p.edge_power_w * hold_s
    dev.tail_ends_s = max(dev.tail_ends_s, uploaded_s + connected_s)
    dev.next_edge_wait_s = own_wait_s + row.edge_wait_s
    dev.next_edge_told_at_s = done_s - out.decode_s
    dev.quota_left -= 1.0
    out.edge_call = 1.0
    out.quality = row.expected_quality_edge if p.pays_expectation else row.quality_edge
    context = asked + answer
    prefilled = asked - dev.cached_edge_tokens
    held = cached_blocks(asked + p.edge_kept_answer * answer)
    dev.cached_edge_tokens = dev.told_edge_tokens = held
    _remember(row, dev, EDGE_ROUTE, context, prefilled, out)
    return down_s


@inlined
def _remember(row: Any, dev: Any, route: int, context: float, prefilled: float, out: Any) -> None:
    """Store the dialogue's new state and what a switch has cost."""
    out.switched = 1.0 if dev.last_route not in (NO_ROUTE, route) else 0.0
    out.recomputed_tokens += max(0.0, prefilled - row.prompt_tokens)
    dev.context_tokens = context
    dev.last_route = route

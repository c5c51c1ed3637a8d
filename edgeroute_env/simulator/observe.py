"""The rest of what a router sees: the state of its phone, its dialogue, its budgets, the edge."""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import inlined
from edgeroute_env.simulator.features import LONG_S
from edgeroute_env.simulator.requests import known_score
from edgeroute_env.simulator.state import UNLIMITED


@inlined
def observe(p: Any, row: Any, ep: Any, dev: Any, seen: Any) -> None:
    """Write the features that describe the state, in physical units."""
    known = dev.believed
    seen.score = known_score(p, row, known)
    seen.dialogue_score = dev.score_sum / dev.turn
    # An empty history counts as fully cached: there is nothing to recompute.
    has_history = known.context_tokens > 0.0
    shown = has_history and not p.hides_cache
    seen.device_cached = known.cached_device_tokens / known.context_tokens if shown else 1.0
    seen.edge_cached = known.cached_edge_tokens / known.context_tokens if shown else 1.0
    if p.hides_edge_load:
        seen.edge_load, seen.report_age_s = p.assumed_load, 0.0
        seen.last_edge_wait_s, seen.last_edge_age_s = 0.0, LONG_S
    else:
        seen.edge_load = min(1.0, row.reported_load + ep.reported_busy / p.tenant_sequences)
        seen.report_age_s = row.report_age_s
        seen.last_edge_wait_s = dev.edge_wait_s
        seen.last_edge_age_s = row.arrival_s - dev.edge_told_at_s
    seen.turn = dev.turn
    seen.context_tokens = known.context_tokens
    seen.prompt_tokens = row.prompt_tokens
    seen.attachment_bytes = row.attachment_bytes
    seen.heat = dev.heat_now
    seen.battery_left = seen.battery_time_left = 1.0
    if p.battery_j < UNLIMITED:
        seen.battery_left = known.battery_j / p.battery_j
        seen.battery_time_left = max(0.0, 1.0 - row.arrival_s / p.battery_window_s)
    limited = p.edge_calls < UNLIMITED
    seen.quota_left = known.quota_left / p.edge_calls if limited else 1.0
    seen.quota_time_left = (dev.window_ends_s - row.arrival_s) / p.window_s if limited else 1.0
    seen.dialogue_risk = 1.0 - known.sound_so_far
    seen.demand_per_h = 3600.0 * dev.asked / (row.arrival_s + p.demand_prior_s)
    seen.weight_latency_per_s = p.weight_latency
    seen.weight_energy_per_j = p.weight_energy
    seen.weight_edge_call = p.weight_edge_call

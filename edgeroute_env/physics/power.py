"""The phone's heat, the speed that heat leaves, and the energy of radio and chip.

Sources: TinyBench, arXiv 2603.23640 (throttling curve, matched by hand); uplink power from the
5G power model fitted on NSA low band and LTE; tail after Huang et al., MobiSys 2012.
"""

from __future__ import annotations

import math

from edgeroute_env._compile import compiled


@compiled
def heat_after_work(heat: float, busy_s: float, heating_s: float) -> float:
    """Return the heat (0 cold, 1 saturated) after `busy_s` seconds of work."""
    return 1.0 - (1.0 - heat) * math.exp(-busy_s / heating_s)


@compiled
def heat_after_rest(heat: float, idle_s: float, cooling_s: float) -> float:
    """Return the heat after `idle_s` seconds of rest."""
    return heat * math.exp(-idle_s / cooling_s)


@compiled
def speed_factor(
    heat: float,
    background: float,
    throttle_start: float,
    throttle_width: float,
    throttle_depth: float,
    background_depth: float,
) -> float:
    """Return the share of the nominal speed left by throttling and by other apps' load."""
    hot = min(max((heat - throttle_start) / throttle_width, 0.0), 1.0)
    return (1.0 - throttle_depth * hot) * (1.0 - background_depth * background)


@compiled
def inference_energy_j(
    prefill_s: float, decode_s: float, prefill_w: float, decode_w: float
) -> float:
    """Return the phone's energy for one answer: power follows time, so a slow chip costs more."""
    return prefill_s * prefill_w + decode_s * decode_w


@compiled
def transmit_energy_j(
    upload_s: float, uplink_mbit_per_s: float, base_w: float, w_per_mbit_per_s: float
) -> float:
    """Return the phone's energy for an upload at a given rate."""
    return upload_s * (base_w + w_per_mbit_per_s * uplink_mbit_per_s)


@compiled
def tail_seconds(tail_ends_s: float, activity_ends_s: float, tail_s: float) -> float:
    """Return the tail time that this radio activity adds to a tail that may still run."""
    return max(0.0, activity_ends_s + tail_s - max(tail_ends_s, activity_ends_s))

"""What a router sees: the features of an observation, in order, with unit, scale and bounds.

Every analytic rule uses these alone, so no router in a comparison knows more than another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Feature(NamedTuple):
    """One feature: an observation holds its physical value, clipped to [low, high], / scale."""

    name: str
    unit: str
    scale: float
    low: float  # physical
    high: float  # physical
    meaning: str


LONG_S = 36_000.0

FEATURES = (
    Feature("score", "1", 1.0, 0, 1, "P(the large model is needed), from the prompt"),
    Feature("dialogue_score", "1", 1.0, 0, 1, "mean score of this dialogue's turns so far"),
    Feature("device_wait_s", "s", 10.0, 0, LONG_S, "until the phone could start"),
    Feature("device_prefill_s", "s", 10.0, 0, LONG_S, "prefill of the new prompt on the phone"),
    Feature("device_switch_s", "s", 10.0, 0, LONG_S, "switching and recomputing history, phone"),
    Feature("device_decode_s", "s", 10.0, 0, LONG_S, "decode of the expected answer, phone"),
    Feature("edge_radio_s", "s", 10.0, 0, LONG_S, "upload, round trip and download"),
    Feature("edge_wait_s", "s", 10.0, 0, LONG_S, "until the edge could start, as reported"),
    Feature("edge_prefill_s", "s", 10.0, 0, LONG_S, "prefill of the new prompt at the edge"),
    Feature("edge_switch_s", "s", 10.0, 0, LONG_S, "switching and recomputing history, edge"),
    Feature("edge_decode_s", "s", 10.0, 0, LONG_S, "decode of the expected answer at the edge"),
    Feature("device_cached", "1", 1.0, 0, 1, "share of the context in the phone's KV cache"),
    Feature("edge_cached", "1", 1.0, 0, 1, "share of the context in the edge's KV cache"),
    Feature("snr_db", "dB", 10.0, -20, 30, "mean SNR of the uplink"),
    Feature("edge_load", "1", 1.0, 0, 1, "utilisation of the edge as of its last report"),
    Feature("report_age_s", "s", 10.0, 0, LONG_S, "age of that report"),
    Feature("turn", "1", 4.0, 0, 1000, "position in the dialogue, from 1"),
    Feature("context_tokens", "tokens", 1000.0, 0, 1e7, "history of the dialogue"),
    Feature("prompt_tokens", "tokens", 100.0, 0, 1e7, "new tokens of this turn"),
    Feature("attachment_bytes", "B", 1e5, 0, 1e9, "attachment to upload"),
    Feature("heat", "1", 1.0, 0, 1, "heat of the phone, 0 cold to 1 saturated"),
    Feature("battery_left", "1", 1.0, 0, 1, "share of the energy budget left; 1 without one"),
    Feature("quota_left", "1", 1.0, 0, 1, "share of the window's edge calls left; 1 without one"),
    Feature("quota_time_left", "1", 1.0, 0, 1, "share of the quota's window left; 1 without one"),
    Feature("battery_time_left", "1", 1.0, 0, 1, "share of the energy budget's window left, or 1"),
    Feature("dialogue_risk", "1", 1.0, 0, 1, "P(a turn the phone has answered needed the edge)"),
    Feature("demand_per_h", "1/h", 100.0, 0, 1e6, "turns an hour that the phone's user has asked"),
    Feature("last_edge_wait_s", "s", 10.0, 0, LONG_S, "wait for the edge that the phone met last"),
    Feature("last_edge_age_s", "s", 100.0, 0, LONG_S, "time since it knew; the bound for never"),
    Feature("weight_latency_per_s", "1/s", 0.1, 0, 1e3, "what a second costs the user"),
    Feature("weight_energy_per_j", "1/J", 0.01, 0, 1e3, "what a joule costs the user"),
    Feature("weight_edge_call", "1", 0.1, 0, 1e3, "what an edge call costs the user"),
)

NAMES = tuple(feature.name for feature in FEATURES)
COUNT = len(FEATURES)
SCALE = np.array([feature.scale for feature in FEATURES])
LOW = np.array([feature.low / feature.scale for feature in FEATURES], np.float32)
HIGH = np.array([feature.high / feature.scale for feature in FEATURES], np.float32)

# The same memory as a row of the observation matrix, with the features by name.
SEEN = np.dtype([(name, "f4") for name in NAMES])

"""The columns of a trace, one record a turn, declared once for users, files and the kernel.

A trace file holds the columns of `BASE`. Those of `DERIVED` follow from them and the scenario. They
are computed once, when the trace is loaded or drawn, and never inside a step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Column(NamedTuple):
    """One column: its type in memory, the values allowed, and what it means."""

    name: str
    dtype: str
    low: float
    high: float
    meaning: str


LONGEST_S = 1e9  # seconds; a 4-byte float holds this easily

BASE = (
    Column(
        "arrival_s", "f8", 0.0, LONGEST_S, "time at which the user sends the turn, never decreasing"
    ),
    Column("user", "i4", 0, 2**31 - 1, "number of the user in the scenario's population, or 0"),
    Column("device", "i4", 0, 2**31 - 1, "the phone that sends it"),
    Column("turn", "i4", 1, 2**31 - 1, "position in the phone's dialogue; 1 starts a new dialogue"),
    Column("last_turn", "?", 0, 1, "whether the dialogue ends with this turn"),
    Column("benchmark", "i4", 0, 2**31 - 1, "index into the scenario's workload.mix"),
    Column("prompt_tokens", "f4", 1, 1e7, "tokens the user adds in this turn"),
    Column("attachment_bytes", "f4", 0, 1e9, "image or file sent along when the edge answers"),
    Column("answer_tokens_device", "f4", 1, 1e7, "length of the device model's answer"),
    Column("answer_tokens_edge", "f4", 1, 1e7, "length of the edge model's answer"),
    Column("predicted_tokens_device", "f4", 1, 1e7, "answer length a router may expect, device"),
    Column("predicted_tokens_edge", "f4", 1, 1e7, "answer length a router may expect, edge"),
    Column("score", "f4", 0, 1, "semantic score: P(the large model is needed)"),
    Column("quality_device", "f4", 0, 1, "quality of the device model's answer"),
    Column("quality_edge", "f4", 0, 1, "quality of the edge model's answer"),
    Column("expected_quality_device", "f4", 0, 1, "its expectation, given the score"),
    Column("expected_quality_edge", "f4", 0, 1, "its expectation, given the score"),
    Column("snr_db", "f4", -20, 30, "SNR during the turn, as the modem reports it"),
    Column("downlink_mbit_per_s", "f4", 0, 1e6, "recorded downlink rate; 0: it follows the SNR"),
    Column("outage_s", "f4", 0, LONGEST_S, "time until the link returns; 0 when it is up"),
    Column("rtt_s", "f4", 0, 60, "round-trip time to the edge server"),
    Column("edge_load", "f4", 0, 0.999, "utilisation of the edge server by other tenants"),
    Column("edge_wait_s", "f4", 0, LONGEST_S, "queueing delay that other tenants cause"),
    Column("reported_load", "f4", 0, 0.999, "edge_load as of the server's last report"),
    Column("report_age_s", "f4", 0, LONGEST_S, "age of that report"),
    Column("device_background", "f4", 0, 1, "share of the phone taken by other apps"),
    Column("device_evicted", "?", 0, 1, "whether the phone lost its KV cache since the last turn"),
    Column("edge_evicted", "?", 0, 1, "whether the server lost it"),
)

DERIVED = (
    Column("up_s_per_byte", "f4", 0, LONGEST_S, "uplink air time of a byte"),
    Column("down_s_per_byte", "f4", 0, LONGEST_S, "downlink air time of a byte"),
    Column("expected_wait_s", "f4", 0, LONGEST_S, "mean queueing delay at the reported load"),
)


def floats(names: str) -> list[tuple[str, str]]:
    """Return the fields of a record type, all of them 8-byte floats."""
    return [(name, "f8") for name in names.split()]


BASE_NAMES = tuple(column.name for column in BASE)
ROW = np.dtype([(column.name, column.dtype) for column in BASE + DERIVED], align=True)

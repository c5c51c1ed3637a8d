"""The world around the turns of a trace: the radio link, the edge's other tenants, evictions.

It works on turns whose arrival times and phones are known, so recorded and drawn schedules take the
same path.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgeroute_env._compile import compiled
from edgeroute_env.physics.inference import eviction_gap_s
from edgeroute_env.physics.radio import SNR_MIN_DB, bounded_snr_db, clip_snr_db
from edgeroute_env.traces import draw
from edgeroute_env.traces.cell import LOS_SHARE, LOS_SNR, NLOS_SNR
from edgeroute_env.traces.draw import at_normal, normal, revert
from edgeroute_env.traces.law import EFFICIENCY_CELLS_PER_DB, LOAD_CELLS, MAX_LOAD


@compiled
def _model_snr_db(t: Any, user: int, where: Any, moved_m: float, u: Any) -> float:
    """Move a phone and return the SNR there; `where` is (place, LOS, shadowing, loss).

    Place (see `cell.py`) and shadowing are kept in units of their deviation. Both change with the
    distance moved, so the mobility does not depend on how often turns come.
    """
    world = t.world[user]
    where[0] = revert(
        where[0], moved_m, world.distance_correlation_m, normal(t.normal, u[draw.DISTANCE])
    )
    stays = math.exp(-moved_m / world.state_correlation_m)
    if u[draw.SIGHT] >= stays:  # a new state: the rest of the uniform decides on line of sight
        fresh = (u[draw.SIGHT] - stays) / (1.0 - stays)
        where[1] = 1.0 if fresh < at_normal(t.cell[user, LOS_SHARE], where[0]) else 0.0
    los = where[1] > 0.5
    correlation_m = world.los_correlation_m if los else world.nlos_correlation_m
    where[2] = revert(where[2], moved_m, correlation_m, normal(t.normal, u[draw.SHADOW]))
    sigma_db = world.los_sigma_db if los else world.nlos_sigma_db
    mean_db = at_normal(t.cell[user, LOS_SNR if los else NLOS_SNR], where[0])
    snr_db: float = mean_db - sigma_db * where[2] - where[3]
    return bounded_snr_db(snr_db, world.ceiling_db) if world.ceiling_db < math.inf else snr_db


@compiled
def _outage_s(world: Any, u: float) -> float:
    """Return how long the link stays out: seldom at all, and then an exponential time.

    The recordings show no more stops where the SNR is low, so an outage does not depend on it.
    """
    if u >= world.outage_share:
        return 0.0
    return float(-world.outage_mean_s * math.log1p(-u / world.outage_share))


@compiled
def draw_radio(t: Any, phones: int, block: Any, rows: Any) -> None:
    """Draw SNR, outage and round-trip time; replay recorded runs where there are any."""
    where = np.zeros((phones, 4))
    seen_s = np.zeros(phones)
    run = np.zeros((phones, 2), np.int64)
    for d in range(phones):
        u = block[draw.PHONE_ROWS + d]
        user = draw.pick_user(t, block, d)
        world = t.world[user]  # where the phones are not mixed, it serves for all turns
        where[d, 0] = normal(t.normal, u[draw.DISTANCE])
        sight = at_normal(t.cell[user, LOS_SHARE], where[d, 0])
        where[d, 1] = 1.0 if u[draw.SIGHT] < sight else 0.0
        where[d, 2] = normal(t.normal, u[draw.SHADOW])
        into = world.penetration_sigma_db * normal(t.normal, u[draw.OUTAGE])
        where[d, 3] = max(0.0, world.penetration_mean_db + into)
        if t.link_runs.shape[0]:
            chosen = t.link_runs[int(u[draw.LOAD] * t.link_runs.shape[0])]
            run[d, 0] = chosen[0]
            run[d, 1] = chosen[1]
            # Where in the run the episode starts.
            seen_s[d] = -math.floor(u[draw.REPORT] * chosen[1])
    for k in range(rows.size):
        u = block[draw.PHONE_ROWS + phones + k]
        row = rows[k]
        d = row.device
        if t.mixed:
            user, world = row.user, t.world[row.user]
        row.downlink_mbit_per_s = 0.0
        row.outage_s = _outage_s(world, u[draw.OUTAGE])
        if t.link_runs.shape[0]:
            passed_s = row.arrival_s - seen_s[d]
            link = t.link[run[d, 0] + int(passed_s) % run[d, 1]]
            snr_db = link.snr_db
            row.downlink_mbit_per_s = link.downlink_mbit_per_s
            if not math.isnan(link.outage_s):
                row.outage_s = max(0.0, link.outage_s - (passed_s - math.floor(passed_s)))
        else:
            moved_m = world.speed_m_per_s * (row.arrival_s - seen_s[d])
            snr_db = _model_snr_db(t, user, where[d], moved_m, u)
            seen_s[d] = row.arrival_s
        if world.fades:  # Rayleigh: the power is exponential with mean 1
            snr_db += 10.0 * math.log10(-math.log1p(-u[draw.FADE]))
        row.snr_db = clip_snr_db(snr_db)
        row.rtt_s = world.rtt_floor_s - world.rtt_excess_mean_s * math.log1p(-u[draw.ROUND_TRIP])


@compiled
def _logistic(logit: float) -> float:
    return min(1.0 / (1.0 + math.exp(-logit)), MAX_LOAD)


@compiled
def nearest_load_cell(load: float) -> int:
    """Return the index of a load in the tables of waiting times."""
    return int(min(load, MAX_LOAD) / MAX_LOAD * LOAD_CELLS + 0.5)


@compiled
def draw_load(t: Any, phones: int, block: Any, rows: Any) -> None:
    """Draw the edge's load, its reports, the delay that it causes, and cache evictions."""
    world = t.world[rows[0].user]  # the edge's part of it is the same for all phones
    first = block[0]
    interval_s = world.report_interval_s
    report_s = -interval_s * first[draw.REPORT]  # the last report before the episode begins
    deviation = normal(t.normal, first[draw.LOAD])
    reported = _logistic(world.load_mean_logit + world.load_sigma * deviation)
    at_s = report_s
    asked_s = np.zeros(phones)
    for k in range(rows.size):
        u = block[draw.PHONE_ROWS + phones + k]
        row = rows[k]
        if t.mixed:
            world = t.world[row.user]
        now_s = row.arrival_s
        latest_s = now_s  # without an interval, the server reports all the time
        if interval_s > 0.0:
            latest_s = report_s + math.floor((now_s - report_s) / interval_s) * interval_s
        if latest_s > report_s:
            deviation = revert(
                deviation, max(0.0, latest_s - at_s), world.load_correlation_s,
                normal(t.normal, u[draw.REPORT]),
            )  # fmt: skip
            reported = _logistic(world.load_mean_logit + world.load_sigma * deviation)
            report_s = at_s = latest_s
        if now_s > at_s:
            deviation = revert(
                deviation, now_s - at_s, world.load_correlation_s, normal(t.normal, u[draw.LOAD])
            )
            at_s = now_s
        load = _logistic(world.load_mean_logit + world.load_sigma * deviation)
        row.edge_load = load
        row.reported_load = reported
        row.report_age_s = now_s - report_s

        cell = nearest_load_cell(load)
        delayed = t.wait_probability[cell]
        waits = u[draw.WAIT] < delayed
        row.edge_wait_s = (
            -t.wait_if_any_s[cell] * math.log(1.0 - u[draw.WAIT] / delayed) if waits else 0.0
        )
        row.device_background = max(0.0, 1.0 - u[draw.BUSY] / world.background_probability) if (
            world.background_probability > 0.0
        ) else 0.0  # fmt: skip
        row.device_evicted = row.edge_evicted = False
        if row.turn > 1:
            gap_s = now_s - asked_s[row.device]
            row.device_evicted = u[draw.EVICTION] >= math.exp(-gap_s / world.cache_survival_s)
            flushed_s = eviction_gap_s(world.kv_pool, world.eviction_tokens_per_s * load)
            row.edge_evicted = gap_s > flushed_s
        asked_s[row.device] = now_s


@compiled
def derive(t: Any, rows: Any) -> None:
    """Fill the derived columns of a trace, which follow from the others and the scenario."""
    for k in range(rows.size):
        row = rows[k]
        world = t.world[row.user]
        if row.downlink_mbit_per_s > 0.0:  # recorded; the uplink takes the scenario's share of it
            row.down_s_per_byte = 8e-6 / row.downlink_mbit_per_s
            row.up_s_per_byte = row.down_s_per_byte * world.up_bit_s / world.down_bit_s
        else:  # below the lowest CQI's SNR the link keeps its lowest rate
            place = (max(row.snr_db, world.lowest_snr_db) - SNR_MIN_DB) * EFFICIENCY_CELLS_PER_DB
            i = max(0, min(int(place), t.efficiency.size - 2))
            efficiency = t.efficiency[i] + (place - i) * (t.efficiency[i + 1] - t.efficiency[i])
            row.up_s_per_byte = world.up_bit_s / efficiency
            row.down_s_per_byte = world.down_bit_s / efficiency
        cell = nearest_load_cell(float(row.reported_load))
        row.expected_wait_s = t.wait_probability[cell] * t.wait_if_any_s[cell]

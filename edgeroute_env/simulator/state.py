"""The simulator's memory: parameters, the state of a running episode, and a turn's outcome.

Each is a structured array, so that the kernel and its callers share one declared layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.physics import queueing, radio
from edgeroute_env.physics.inference import EdgeCost
from edgeroute_env.scenario import Device, Scenario, once_a_scenario
from edgeroute_env.traces.cell import cell_maps
from edgeroute_env.traces.columns import floats
from edgeroute_env.traces.law import surroundings
from edgeroute_env.traces.sources import FOLLOWS

DEVICE_ROUTE, EDGE_ROUTE, NO_ROUTE = 0, 1, -1
OBJECTIVES = {"sum": 0, "ttft": 1, "deadline": 2, "dialogue-min": 3, "relative-cost": 4}
SUM, TTFT, DEADLINE, DIALOGUE_MIN, RELATIVE_COST = OBJECTIVES.values()
UNLIMITED = np.inf
WORK_ROWS = 4  # questions under way on one phone that are kept apart
START, END, READY, LEFT = range(4)  # columns of such a row: see DEVICE

COST = np.dtype([(name, "f8") for name in EdgeCost._fields])


PARAMETERS = np.dtype(
    [
        ("cost", COST),
        ("objective", "i8"),
        ("probes", "?"),  # the phone's own model makes the score
        *[(f"hides_{name}", "?") for name in ("edge_load", "cache", "snr")],
        *floats(
            "device_prefill_fixed_s device_prefill_s_per_token device_prefill_s_per_pair "
            "device_decode_tokens_per_s device_kv_s_per_token device_context_tokens "
            "scoring_s device_switch_s background_depth throttle_start throttle_width "
            "throttle_depth heating_s cooling_s prefill_w decode_w "
            "transmit_base_w transmit_w_per_mbit_per_s tail_s tail_w receive_w edge_power_w "
            "tenant_sequences max_sequences edge_switch_s history_resent demand_prior_s "
            "prefill_share background_context_tokens harq_s bytes_per_token request_bytes "
            "expected_rtt_s expected_outage_s outage_wait_s battery_j battery_window_s "
            "device_kept_answer edge_kept_answer edge_calls window_s deadline_s pays_expectation "
            "weight_quality weight_latency weight_energy "
            "weight_edge_call weight_failure cost_price cost_per_s cost_per_j "
            "assumed_load assumed_wait_s assumed_snr_db assumed_up_s_per_byte "
            "assumed_down_s_per_byte"
        ),
    ]
)

EPISODE = np.dtype(
    [
        *FOLLOWS.descr,  # its trace, and how many turns of it count
        ("cursor", "i8"),  # the turn to be routed next
        ("over", "i8"),  # 1 once terminated or truncated
        ("next_at_s", "f8"),  # when the next of our own requests reaches the edge; see edge_queue
        *floats("next_hold_s next_tokens next_share"),
        ("waiting", "i8"),  # how many requests are behind that one
        ("live", "i8"),  # how many of our own requests are in the batch, ended ones included
        ("reported_busy", "f8"),  # how many were at the edge at the last report
        ("latest_start_s", "f8"),  # when the last of them joined the batch
        ("latest_end_s", "f8"),  # when all of them will have left it
        # what both routes of the present turn are expected to take; see estimate
        *floats("device_expected_s edge_expected_s upload_expected_s"),
        ("probe_expected_s", "f8"),  # and the probe before them, where there is one
    ]
)

# What a phone knows of its dialogue, its budgets and its uplink; see believe.
BELIEVED = np.dtype(
    [
        *floats("context_tokens cached_device_tokens cached_edge_tokens last_route answered_at_s"),
        *floats("sound_so_far quota_left battery_j uplink_from_s uplink_due_at_s"),
    ]
)

DEVICE = np.dtype(
    [
        # the phone
        *floats("free_at_s heat tail_ends_s battery_j quota_left window_ends_s"),
        # its uplink: since when it is busy, and until when
        *floats("uplink_from_s uplink_free_at_s"),
        # its dialogue; the edge's cache as the edge holds it, and as its last answer told it
        *floats("turn context_tokens cached_device_tokens cached_edge_tokens told_edge_tokens"),
        *floats("last_route answered_at_s score_sum worst_quality sound_so_far"),
        # how much its user has asked, and what it knows from its edge calls
        *floats("asked edge_wait_s edge_told_at_s next_edge_wait_s next_edge_told_at_s"),
        # what it knows beside the truth: its present heat, the start of its last work, when all
        # answers so far have come, and its work under way, a row a question: true start and end,
        # expected time at which it is ready, and the expected work that is left (s)
        *floats("heat_now heat_at_s work_from_s settled_at_s"),
        ("jobs", "i8"),
        ("work", "f8", (WORK_ROWS, 4)),
        ("believed", BELIEVED),
    ]
)

LATENCY_PARTS = ("scoring", "radio", "queue", "switch", "prefill", "decode")
REWARD_TERMS = ("quality", "latency", "energy", "edge_call", "failure")
FIGURES = (
    *("latency_s", "ttft_s", "energy_j", "quality", "edge_call", "switched", "recomputed_tokens"),
    *("failed", "refused", "benchmark", "radio_ttft_s", "edge_energy_j", "relative_cost"),
)
OUTCOME = np.dtype(
    [("reward", "f8"), ("terminated", "f8"), ("truncated", "f8")]
    + [(f"{part}_s", "f8") for part in LATENCY_PARTS]
    + [(f"reward_{term}", "f8") for term in REWARD_TERMS]
    + [(name, "f8") for name in FIGURES]
)


@once_a_scenario
def lower(scenario: Scenario) -> NDArray[Any]:
    """Return the parameters of the scenario's users as the kernel takes them, shape (users,)."""
    users = scenario.population
    parameters = np.zeros(len(users), PARAMETERS)
    for row, user in zip(parameters, users, strict=True):
        for name, value in _values(user).items():
            row[name] = value
    # What a router assumes before it knows its user is the same for all users.
    parameters["demand_prior_s"] = scenario.workload.dialogue_gap_mean_s
    if scenario.observation.hidden:
        for name, value in _assumed(scenario).items():
            parameters[name] = value
    return parameters


def _values(scenario: Scenario) -> dict[str, Any]:
    """Return the parameters of one user by name."""
    device, edge, link = scenario.device, scenario.edge, scenario.radio
    budgets, weights = scenario.budgets, scenario.weights
    probes = scenario.workload.score_source == "probe"
    values: dict[str, Any] = {
        "cost": tuple(edge.cost()),
        "objective": OBJECTIVES[scenario.objective.kind],
        "device_prefill_fixed_s": device.speed.prefill_fixed_s,
        "device_prefill_s_per_token": 1.0 / device.speed.prefill_tokens_per_s,
        "device_prefill_s_per_pair": _prefill_s_per_pair(device),
        "device_context_tokens": device.speed.context_tokens or UNLIMITED,
        "device_decode_tokens_per_s": device.speed.decode_tokens_per_s,
        "device_kv_s_per_token": device.model.shape().kv_bytes_per_token
        / device.kv_bandwidth_bytes_per_s,
        "probes": probes,
        "scoring_s": 0.0 if probes else device.scoring_s,
        "device_switch_s": device.switch_s,
        "device_kept_answer": device.kept_answer,
        "edge_kept_answer": edge.kept_answer,
        "background_depth": device.background_depth,
        **dict(device.heat),
        **_power(device),
        "edge_power_w": edge.power_w,
        "tenant_sequences": edge.tenant_sequences,
        "max_sequences": edge.max_sequences,
        "edge_switch_s": edge.switch_s,
        "history_resent": edge.stateless_api,
        "prefill_share": edge.background.prefill_share,
        "background_context_tokens": edge.background.context_tokens,
        "harq_s": radio.harq_delay_s(link.block_error_rate, link.harq_round_trip_s),
        "bytes_per_token": link.bytes_per_token,
        "request_bytes": link.request_bytes,
        "expected_rtt_s": link.rtt_floor_s + link.rtt_excess_mean_s,
        "expected_outage_s": link.outage_share
        * radio.bounded_exponential_mean(link.outage_mean_s, link.outage_wait_s),
        "outage_wait_s": link.outage_wait_s,
        "battery_j": UNLIMITED if budgets.battery_j is None else budgets.battery_j,
        "battery_window_s": budgets.battery_window_s or UNLIMITED,
        "edge_calls": UNLIMITED if budgets.edge_calls is None else budgets.edge_calls,
        "window_s": budgets.window_s,
        "deadline_s": scenario.objective.deadline_s or UNLIMITED,
        "pays_expectation": scenario.objective.quality == "expected",
        "weight_quality": weights.quality,
        "weight_latency": weights.latency_per_s,
        "weight_energy": weights.energy_per_j,
        "weight_edge_call": weights.edge_call,
        "weight_failure": weights.failure,
    }
    for what in scenario.observation.hidden:
        values[f"hides_{what.replace('-', '_')}"] = True
    cost = scenario.objective.relative_cost
    if cost is not None:
        values["cost_price"] = cost.price
        values["cost_per_s"] = cost.latency_weight / cost.latency_scale_s
        values["cost_per_j"] = cost.energy_weight / cost.energy_scale_j
    return values


def _prefill_s_per_pair(device: Device) -> float:
    """Return the attention time of two tokens that halves the rate at the stated length."""
    half_rate_tokens = device.speed.prefill_half_rate_tokens or UNLIMITED
    return float(2.0 / (half_rate_tokens * device.speed.prefill_tokens_per_s))


def _power(device: Device) -> dict[str, float]:
    """Return the phone's power; that of its model is what a token costs at the cold speed."""
    values = dict(device.energy)
    return {
        "prefill_w": values.pop("prefill_j_per_token") * device.speed.prefill_tokens_per_s,
        "decode_w": values.pop("decode_j_per_token") * device.speed.decode_tokens_per_s,
        **values,
    }


def _assumed(scenario: Scenario) -> dict[str, float]:
    """Return what a router assumes of a quantity that its observation hides."""
    link, background = scenario.radio, scenario.edge.background
    snr_db = _typical_snr_db(scenario)
    efficiency = radio.EFFICIENCY[link.rate](max(snr_db, radio.lowest_snr_db(link.rate)))
    load, sequences = background.utilisation, scenario.edge.tenant_sequences
    up, down = (
        radio.seconds_per_byte(efficiency, hertz, link.block_error_rate)
        for hertz in (link.uplink_hz, link.downlink_hz)
    )
    return {
        "assumed_load": load,
        "assumed_wait_s": queueing.mean_wait_s(sequences, load, background.service_s),
        "assumed_snr_db": snr_db,
        "assumed_up_s_per_byte": up,
        "assumed_down_s_per_byte": down,
    }


def _typical_snr_db(scenario: Scenario) -> float:
    """Return the SNR at the cell's median distance, without shadowing."""
    los_db, nlos_db, los_share = cell_maps(surroundings([scenario]), np.array([0.5]))[0, :, 0]
    mean_db = los_db if los_share > 0.5 else nlos_db
    return radio.clip_snr_db(mean_db - scenario.radio.penetration_mean_db)

"""The law of a scenario: the figures from which its traces are drawn.

Log-normal laws become tables over a standard-normal argument, so that a draw is one interpolation.
Recorded questions, dialogues, gaps and SNR runs become tables too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.benchmarks import Benchmark, LogNormal, QuestionBenchmark
from edgeroute_env.physics import queueing, radio
from edgeroute_env.scenario import Scenario, Template, once_a_scenario
from edgeroute_env.traces.cell import cell_maps
from edgeroute_env.traces.columns import floats
from edgeroute_env.traces.lengths import (
    answer_tables,
    inner_correlation,
    length_table,
    normal_levels,
    prompt_tables,
)
from edgeroute_env.traces.links import LINK
from edgeroute_env.traces.scores import score_tables

NORMAL_CELLS = 4096  # cells of equal probability in the table that turns uniforms into normals
MAX_LOAD, LOAD_CELLS = 0.98, 980
EFFICIENCY_CELLS_PER_DB = 4
_NORMAL = NormalDist()

WORLD = np.dtype(
    floats(
        "dialogue_gap_mean_s burst_sigma burst_correlation_s "
        "attachment_probability attachment_bytes "
        "cache_survival_s background_probability eviction_tokens_per_s kv_pool "
        "load_mean_logit load_sigma load_correlation_s report_interval_s "
        "environment carrier_ghz bs_height_m ut_height_m link_budget_db "
        "path_loss_1m_db path_loss_exponent along_line fades lowest_snr_db ceiling_db "
        "distance_min_m distance_max_m speed_m_per_s "
        "distance_correlation_m state_correlation_m "
        "los_sigma_db nlos_sigma_db los_correlation_m nlos_correlation_m "
        "penetration_mean_db penetration_sigma_db rtt_floor_s rtt_excess_mean_s "
        "outage_share outage_mean_s up_bit_s down_bit_s"
    )
)

BENCHMARK = np.dtype(
    [
        ("judged", "i8"),  # 0 right or wrong, 1 a judge's score
        *floats(
            "both_end edge_only_end device_only_end "
            "device_if_needed device_if_not edge_if_needed edge_if_not "
            "answer_correlation predicted_device predicted_edge "
            "device_sigma edge_sigma persistence need_margin"
        ),
    ]
)

# One dialogue (or question) that can be asked: its weight, length, task means, recorded turns.
ITEM = np.dtype(
    [
        ("weight", "f8"),
        ("weight_end", "f8"),  # cumulative over the items of its benchmark
        ("benchmark", "i8"),
        ("turns", "i8"),
        ("device_mean", "f8"),
        ("edge_mean", "f8"),
        ("first_recorded", "i8"),  # index into `recorded`; 0 for none
    ]
)

# One recorded turn; NaN where the recording holds no value. Row 0 is empty.
RECORDED_TURN = np.dtype(
    floats(
        "prompt_tokens answer_tokens_device answer_tokens_edge quality_device quality_edge score"
    )
)


class TraceLaw(NamedTuple):
    """Everything from which a trace is drawn: m benchmarks, z grid points, one user or more."""

    world: NDArray[Any]  # WORLD, (users,)
    share_end: NDArray[np.float64]  # cumulative shares of the benchmarks, (users, m)
    asking: NDArray[np.int64]  # the users whose episodes are drawn
    mixed: bool  # each phone belongs to another of them
    benchmarks: NDArray[Any]  # BENCHMARK, (m,)
    items: NDArray[Any]  # ITEM, sorted by benchmark
    first_item: NDArray[np.int64]  # (m + 1,): index of each benchmark's first item
    recorded: NDArray[Any]  # RECORDED_TURN, (1 + recorded turns,)
    normal: NDArray[np.float64]  # quantiles, (NORMAL_CELLS + 1,)
    cell: NDArray[np.float64]  # radio maps, (users, 3, z); see cell.py
    prompt_tokens: NDArray[np.float64]  # (m, 2 openings or follow-ups, z)
    answer_tokens: NDArray[np.float64]  # (m, 2 routes, 2 right or wrong, z)
    score: NDArray[np.float64]  # (laws, m, 2: large model not needed or needed, z)
    score_law: NDArray[np.int64]  # each user's, (users,)
    dialogue_gap: NDArray[np.float64]  # in units of its mean, (z,)
    follow_up_s: NDArray[np.float64]  # (z,)
    efficiency: NDArray[np.float64]  # bit/s/Hz over SNR from -20 to 30 dB
    wait_probability: NDArray[np.float64]  # over load from 0 to MAX_LOAD
    wait_if_any_s: NDArray[np.float64]
    recorded_gaps: NDArray[np.float64]  # consecutive, in units of their mean; may be empty
    recorded_follow_ups_s: NDArray[np.float64]  # may be empty
    link: NDArray[Any]  # LINK, recorded, one a second, run after run; may be empty
    link_runs: NDArray[np.int64]  # (runs, 2): first index and length


@once_a_scenario
def synthetic_law(scenario: Scenario) -> TraceLaw:
    """Return the law of a scenario without its recordings."""
    mix, work = scenario.workload.mix, scenario.workload
    users = scenario.population
    score, score_law = score_tables(users)
    world = surroundings(users)
    items, first_item = pooled([synthetic_items(entry.benchmark) for entry in mix])
    shares = np.array([[entry.share for entry in user.workload.mix] for user in users])
    benchmarks = np.zeros(len(mix), BENCHMARK)
    for m, entry in enumerate(mix):
        _describe(benchmarks[m : m + 1], entry.benchmark)
    loads = np.linspace(0.0, MAX_LOAD, LOAD_CELLS + 1)
    sequences, service_s = scenario.edge.tenant_sequences, scenario.edge.background.service_s
    snr = np.linspace(-20.0, 30.0, 50 * EFFICIENCY_CELLS_PER_DB + 1)
    cv = work.dialogue_gap_cv
    gap_sigma = math.sqrt(math.log1p(cv * cv))
    follow_up = LogNormal(mu=math.log(work.follow_up_median_s), sigma=work.follow_up_sigma)
    return TraceLaw(
        world=world,
        share_end=np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True),
        asking=np.arange(len(users)),
        mixed=scenario.users is not None and scenario.users.own == "phone",
        benchmarks=benchmarks,
        items=items,
        first_item=first_item,
        recorded=np.full(1, np.nan, RECORDED_TURN),
        normal=_normal_quantiles(),
        cell=cell_maps(world, normal_levels()),
        prompt_tokens=np.array([_prompts(entry.benchmark, work.template) for entry in mix]),
        answer_tokens=np.array([answer_tables(entry.benchmark) for entry in mix]),
        score=score,
        score_law=score_law,
        dialogue_gap=length_table(LogNormal(mu=-(gap_sigma**2) / 2, sigma=gap_sigma)),
        follow_up_s=length_table(follow_up),
        efficiency=np.array([radio.EFFICIENCY[scenario.radio.rate](value) for value in snr]),
        wait_probability=np.array([queueing.erlang_c(sequences, load) for load in loads]),
        wait_if_any_s=np.array([queueing.delayed_wait_s(sequences, u, service_s) for u in loads]),
        recorded_gaps=np.zeros(0),
        recorded_follow_ups_s=np.zeros(0),
        link=np.zeros(0, LINK),
        link_runs=np.zeros((0, 2), np.int64),
    )


def pooled(pools: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return all items, sorted by benchmark, and the index of each benchmark's first item."""
    items = []
    for m, pool in enumerate(pools):
        part = pool.copy()
        part["benchmark"] = m
        part["weight_end"] = np.cumsum(part["weight"]) / part["weight"].sum()
        items.append(part)
    return np.concatenate(items), np.cumsum([0, *(len(part) for part in items)])


def synthetic_items(benchmark: Benchmark) -> NDArray[Any]:
    """Return the items of a benchmark: its dialogues, or its one kind of question."""
    if isinstance(benchmark, QuestionBenchmark):
        rows = [(1.0, 1, 0.0, 0.0)]
    else:
        rows = [
            (count, turns, task.device, task.edge)
            for task in benchmark.tasks.values()
            for turns, count in task.turns.items()
            if count
        ]
    items = np.zeros(len(rows), ITEM)
    fields = ["weight", "turns", "device_mean", "edge_mean"]
    items[fields] = rows
    return items


def _prompts(benchmark: Benchmark, template: Template | None) -> NDArray[np.float64]:
    """Return the lengths of prompts as the servers count them, shape (2: opening or not, z)."""
    opening, follow_up = prompt_tables(benchmark)
    if template is None:
        return np.array([opening, follow_up])
    return np.array([template.of_turn(opening, True), template.of_turn(follow_up, False)])


def surroundings(users: Sequence[Scenario]) -> NDArray[Any]:
    """Return each user's surroundings, WORLD of shape (users,)."""
    world = np.zeros(len(users), WORLD)
    for row, user in zip(world, users, strict=True):
        values = _around(user)
        for name in WORLD.names or ():
            row[name] = values[name] if name in values else getattr(user.radio, name)
    return world


def _around(scenario: Scenario) -> dict[str, float]:
    """Return a user's surroundings, without the fields that are copied from `radio`."""
    link, work, edge = scenario.radio, scenario.workload, scenario.edge
    background = edge.background
    environment = radio.ENVIRONMENTS[link.environment]
    gains_db = link.transmit_dbm + link.antenna_gain_db - link.interference_margin_db
    return {
        "dialogue_gap_mean_s": work.dialogue_gap_mean_s,
        "burst_sigma": work.bursts.sigma if work.bursts else 0.0,
        "burst_correlation_s": work.bursts.correlation_s if work.bursts else 1.0,
        "attachment_probability": work.attachment.probability,
        "attachment_bytes": work.attachment.size_bytes,
        "cache_survival_s": scenario.device.cache_survival_s,
        "background_probability": scenario.device.background_probability,
        "eviction_tokens_per_s": background.uncached_tokens_per_s,
        "kv_pool": edge.cost().kv_pool_tokens,
        "load_mean_logit": _logit(background.utilisation),
        "load_sigma": background.logit_sigma,
        "load_correlation_s": background.correlation_s,
        "report_interval_s": edge.report_interval_s,
        "environment": environment,
        "path_loss_1m_db": link.path_loss.at_1m_db if link.path_loss else 0.0,
        "path_loss_exponent": link.path_loss.exponent if link.path_loss else 0.0,
        "along_line": link.spread == "line",
        "fades": link.fading == "per-turn",
        "ceiling_db": math.inf if link.snr_ceiling_db is None else link.snr_ceiling_db,
        "lowest_snr_db": radio.lowest_snr_db(link.rate),
        "link_budget_db": gains_db - radio.noise_dbm(link.uplink_hz, link.noise_figure_db),
        "up_bit_s": radio.seconds_per_byte(1.0, link.uplink_hz, link.block_error_rate),
        "down_bit_s": radio.seconds_per_byte(1.0, link.downlink_hz, link.block_error_rate),
        **radio.SHADOWING[environment]._asdict(),
    }


def _describe(row: NDArray[Any], benchmark: Benchmark) -> None:
    need = benchmark.need()
    for name in ("device_if_needed", "device_if_not", "edge_if_needed", "edge_if_not"):
        row[name] = getattr(need, name)
    row["answer_correlation"] = inner_correlation(benchmark)
    for route in ("device", "edge"):
        law: LogNormal = getattr(benchmark.answers, route)
        row[f"predicted_{route}"] = law.mean
    if isinstance(benchmark, QuestionBenchmark):
        ends = np.cumsum(benchmark.joint.shares())
        row["both_end"], row["edge_only_end"], row["device_only_end"] = ends[:3]
    else:
        row["judged"] = 1
        for name in ("device_sigma", "edge_sigma", "persistence", "need_margin"):
            row[name] = getattr(benchmark.judge, name)


def _logit(share: float) -> float:
    share = min(max(share, 1e-9), 1.0 - 1e-9)
    return math.log(share / (1.0 - share))


def _normal_quantiles() -> NDArray[np.float64]:
    levels = np.arange(NORMAL_CELLS + 1) / NORMAL_CELLS
    levels[0], levels[-1] = 0.25 / NORMAL_CELLS, 1.0 - 0.25 / NORMAL_CELLS
    return np.array([_NORMAL.inv_cdf(level) for level in levels])

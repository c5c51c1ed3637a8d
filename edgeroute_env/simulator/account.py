"""How a turn is paid: the named reward terms and their sum, from the outcome that `serve` wrote."""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import compiled, inlined
from edgeroute_env.simulator.state import DEADLINE, DIALOGUE_MIN, RELATIVE_COST, TTFT


@compiled
def weighted_cost(p: Any, latency_s: float, energy_j: float) -> float:
    """Return latency and energy as one cost, by the scenario's `relative_cost` weights."""
    return float(p.cost_per_s * latency_s + p.cost_per_j * energy_j)


@inlined
def account(p: Any, row: Any, dev: Any, out: Any) -> None:
    """Write the named reward terms and their sum.

    `deadline` pays only answers that are complete in time. `dialogue-min` pays a dialogue's worst
    turn when the dialogue ends, as MT-Bench-101 scores it. `relative-cost` divides the cost in
    latency and energy by what the edge would cost.
    """
    quality = out.quality
    dev.worst_quality = min(dev.worst_quality, quality)
    if p.objective == DEADLINE and out.latency_s > p.deadline_s:
        quality = 0.0
    elif p.objective == DIALOGUE_MIN:
        quality = dev.worst_quality if row.last_turn else 0.0
    waited_s = out.ttft_s if p.objective == TTFT else out.latency_s
    out.reward_quality = p.weight_quality * quality
    out.reward_latency = -p.weight_latency * waited_s
    out.reward_energy = -p.weight_energy * out.energy_j
    if p.objective == RELATIVE_COST:
        price = p.cost_price / out.relative_cost  # still the edge's cost; the ratio below
        energy_j = out.energy_j + out.edge_energy_j
        out.relative_cost = weighted_cost(p, out.latency_s, energy_j) / out.relative_cost
        out.reward_latency -= price * p.cost_per_s * out.latency_s
        out.reward_energy -= price * p.cost_per_j * energy_j
    out.reward_edge_call = -p.weight_edge_call * out.edge_call
    out.reward_failure = -p.weight_failure * out.failed
    out.reward = (
        out.reward_quality
        + out.reward_latency
        + out.reward_energy
        + out.reward_edge_call
        + out.reward_failure
    )

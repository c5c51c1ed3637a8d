"""How routers move with one parameter of a scenario: what is swept, its runs, its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from edgeroute_env.errors import InputError
from edgeroute_env.evaluation.episodes import episodes_of, generators
from edgeroute_env.evaluation.metrics import interval, per_episode
from edgeroute_env.evaluation.result_files import ResultFiles
from edgeroute_env.parallel import Plan, Task
from edgeroute_env.provenance import unit_of
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.sources import Pinned, TraceSource

PLOT_NAME = "sweep.png"


@dataclass(frozen=True)
class Knob:
    """A named parameter: how an axis calls it, and the fields that a value of it stands for."""

    label: str
    overrides: Callable[[Scenario, float], dict[str, Any]]


def _field(dotted: str) -> Callable[[Scenario, float], dict[str, Any]]:
    return lambda scenario, value: {dotted: value}


def _scaled(*dotted: str) -> Callable[[Scenario, float], dict[str, Any]]:
    return lambda scenario, factor: {
        field: factor * attrgetter(field)(scenario) for field in dotted
    }


def _snr(scenario: Scenario, shift_db: float) -> dict[str, Any]:
    return {"radio.antenna_gain_db": scenario.radio.antenna_gain_db + shift_db}


def _demand(scenario: Scenario, factor: float) -> dict[str, Any]:
    if factor <= 0.0:
        raise InputError("demand", factor, "greater than 0")
    return {"workload.dialogue_gap_mean_s": scenario.workload.dialogue_gap_mean_s / factor}


_BANDS = "radio.uplink_hz", "radio.downlink_hz"
_SPEED = "device.speed.prefill_tokens_per_s", "device.speed.decode_tokens_per_s"
KNOBS = {
    "load": Knob("edge load of other tenants, share", _field("edge.background.utilisation")),
    "bandwidth": Knob("radio bandwidth at equal transmit power, factor", _scaled(*_BANDS)),
    "snr": Knob("shift of the SNR, dB", _snr),
    "device-speed": Knob("speed of the phone, factor", _scaled(*_SPEED)),
    "auc": Knob("AUC of the score", _field("workload.score_auc")),
    "quota": Knob("edge calls allowed in a window", _field("budgets.edge_calls")),
    "demand": Knob("dialogues per time, factor", _demand),
}


def overrides_of(scenario: Scenario, parameter: str, value: float) -> dict[str, Any]:
    """Return the dotted fields, with their new values, that a value of a parameter stands for.

    The value is in the knob's or the field's unit; factors and shifts are relative to `scenario`.

    Raises:
        InputError: there is no such parameter, or a value that has no meaning.
    """
    if parameter in KNOBS:
        return KNOBS[parameter].overrides(scenario, value)
    if "." not in parameter:
        allowed = f"{', '.join(KNOBS)}, or a dotted field, e.g. radio.carrier_ghz"
        raise InputError("PARAMETER", parameter, allowed)
    return {parameter: value}


def label_of(parameter: str) -> str:
    """Return a parameter's name for an axis, with its unit."""
    if parameter in KNOBS:
        return KNOBS[parameter].label
    unit = unit_of(parameter)
    return f"{parameter}, {unit}" if unit else parameter


def variants(scenario: Scenario, parameter: str, values: Sequence[float]) -> dict[float, Scenario]:
    """Return the scenario at each value; InputError names the field that refuses one."""
    return {
        value: load_scenario(scenario, overrides_of(scenario, parameter, value)) for value in values
    }


def measure(
    value: float,
    scenario: Scenario,
    source: TraceSource,
    seeds: Sequence[int],
    routers: Sequence[Router],
) -> Plan[list[dict[str, Any]]]:
    """Plan a row a router for the scenario at one value, all on identical traces."""
    pinned = Pinned(source, generators(seeds))
    told, turns = f"on {scenario.name} at {value}", scenario.workload.turns
    runs = yield [
        Task(f"{router.name} {told}", episodes_of, (router, scenario, pinned, seeds), turns)
        for router in routers
    ]
    return [
        {
            "value": value,
            "router": run.router,
            "figures": {name: interval(each) for name, each in per_episode(run).items()},
        }
        for run in runs
    ]


def has_effect(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether any router's figures differ between values; true of a single value."""
    first: dict[str, Any] = {}
    for row in rows:
        first.setdefault(row["router"], row)
    several = any(row["value"] != rows[0]["value"] for row in rows)
    return not several or any(row["figures"] != first[row["router"]]["figures"] for row in rows)


def _is_ours(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("settings"), dict):
        return False
    rows = found.get("rows")
    return isinstance(rows, list) and all(
        isinstance(row, dict) and {"value", "router", "figures"} <= set(row) for row in rows
    )


def _flat(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one flat row a value and router."""
    for row in results["rows"]:
        flat = {
            "traces": results["settings"]["traces"],
            "value": row["value"],
            "router": row["router"],
        }
        for name, parts in row["figures"].items():
            flat |= {name if part == "mean" else f"{name}_{part}": v for part, v in parts.items()}
        yield flat


SWEEP_FILES = ResultFiles("sweep", _is_ours, _flat, extra=(PLOT_NAME,))

"""At the bounds of every number a scenario runs, with finite figures, or is refused by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from edgeroute_env import InputError, Scenario, load_scenario
from edgeroute_env.fields import Within
from tests.helpers.bounded import CELLULAR, PLAIN, base, numbers, run_finite

pytestmark = pytest.mark.thorough

BASES = {"cellular": CELLULAR, "plain": PLAIN}
FITTING = ("edge.tensor_parallel",)  # named where a model does not fit its GPUs' memory


def models(annotation: Any, seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """Yield every part that an annotation leads to, once."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            seen.add(annotation)
            yield annotation
            for info in annotation.model_fields.values():
                yield from models(info.annotation, seen)
    else:
        for part in get_args(annotation):
            yield from models(part, seen)


def plain_numbers(annotation: Any, bounded: bool) -> bool:
    """Return whether an annotation holds an int or a float that no Within is about."""
    if annotation in (int, float):
        return not bounded
    parts = get_args(annotation)
    bounded = bounded or any(isinstance(part, Within) for part in parts)
    return any(plain_numbers(part, bounded) for part in parts)


def test_every_number_of_a_scenario_states_its_bounds() -> None:
    parts = list(models(Scenario, set()))
    assert len(parts) > 20
    free = [
        f"{part.__name__}.{name}"
        for part in parts
        for name, info in part.model_fields.items()
        if plain_numbers(info.annotation, any(isinstance(m, Within) for m in info.metadata))
    ]
    assert free == []


@pytest.mark.filterwarnings("ignore:edge.model")
@pytest.mark.parametrize("name", BASES)
def test_at_its_bounds_every_number_runs_or_is_refused(name: str) -> None:
    scenario = base(BASES[name])
    run_finite(scenario)
    content = scenario.model_dump()
    tried = refused = 0
    for field, within in numbers(scenario):
        for end in (within.low, within.high):
            tried += 1
            try:
                changed = load_scenario(content, {field: end})
            except InputError as error:
                if error.field.split(".")[0] != field.split(".")[0]:
                    raise
                refused += 1
                continue
            try:
                run_finite(changed)
            except Exception as error:
                raise AssertionError(f"{field} = {end:g}") from error
    assert tried > 250
    assert refused < tried / 4


@pytest.mark.parametrize("name", BASES)
def test_truths_texts_and_what_lies_beyond_are_no_numbers(name: str) -> None:
    scenario = base(BASES[name])
    content = scenario.model_dump()
    for field, within in numbers(scenario):
        for value in (True, False, "1", within.low - 1 - abs(within.low), 2 * within.high + 1):
            with pytest.raises(InputError) as caught:
                load_scenario(content, {field: value})
            assert field in str(caught.value)
            assert f"got {value!r}" in str(caught.value)


ODD = [0, -1, 1e-300, 5e-324, 1e300, math.inf, -math.inf, math.nan, True, "1", "nan", [], {}, None]


@pytest.mark.slow
@pytest.mark.parametrize("name", BASES)
def test_odd_values_of_every_number_run_or_are_refused(name: str) -> None:
    scenario = load_scenario(base(BASES[name]), {"workload.turns": 50})
    content = scenario.model_dump()
    for field, _ in numbers(scenario):
        for value in ODD:
            try:
                changed = load_scenario(content, {field: value})
            except InputError as error:
                if field.rsplit(".", 1)[0] not in error.field and error.field not in FITTING:
                    raise
                continue
            assert isinstance(value, int | float | None), f"{field} = {value!r} was taken"
            assert value is not True
            run_finite(changed, 50)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("radio.rtt_floor_s", 1000),
        ("radio.distance_max_m", 1e155),
        ("radio.bs_height_m", 1e308),
        ("workload.bursts", {"sigma": 40, "correlation_s": 150}),
        ("workload.dialogue_gap_mean_s", 1e308),
        ("workload.follow_up_median_s", 1e308),
        ("edge.stateless_api", 1),
        ("edge.model.kv_heads", 65),
        ("device.model.body_parameters_b", 2.0),
        ("workload.mix.0.benchmark.answers.device.mu", 19.9),
        ("workload.mix.0.benchmark.prompt.low", 5e6),
        (
            "workload.mix.0.benchmark.joint",
            {"both": 1, "edge_only": 0, "device_only": 0, "neither": 0},
        ),
        ("weights.quality", 10**400),
        ("device.count", "9" * 5000),
    ],
)
def test_what_no_system_can_be_is_refused(field: str, value: Any) -> None:
    content = load_scenario("paper").model_dump()
    content["workload"]["mix"][0]["benchmark"]["prompt"]["high"] = 1e6
    with pytest.raises(InputError) as caught:
        load_scenario(content, {field: value})
    assert caught.value.field.startswith(field)
    assert len(str(caught.value)) < 400


def test_costs_over_an_edge_that_costs_nothing_are_refused() -> None:
    free = {"transmit_base_w": 0, "transmit_w_per_mbit_per_s": 0, "tail_w": 0}
    energy = {f"device.energy.{name}": value for name, value in free.items()}
    overrides = {**PLAIN, **energy, "objective.relative_cost.latency_weight": 0}
    with pytest.raises(InputError, match=r"relative_cost\.latency_weight: got 0\.0"):
        load_scenario("paper", overrides)


def test_rounding_of_shares_that_leave_nothing_wrong_is_no_error() -> None:
    for both in range(5, 95):
        shares = {"both": both / 100, "edge_only": 1 - both / 100, "device_only": 0, "neither": 0}
        field = "workload.mix.0.benchmark"
        benchmark = load_scenario("paper").workload.mix[0].benchmark.model_dump()
        scenario = load_scenario("paper", {field: {**benchmark, "joint": shares}})
        if both % 10 == 0:
            run_finite(scenario)

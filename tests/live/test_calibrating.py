"""What a calibration finds of servers of known speed, and what it leaves to the base."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from edgeroute_env import EdgeRouteEnv, InputError, load_scenario
from edgeroute_env.provenance import provenance
from edgeroute_live.calibrating import calibrate
from edgeroute_live.calibrating.measure import Plan
from edgeroute_live.calibrating.sides import DECODE, PREFILL, SideFit
from edgeroute_live.calibrating.terms import fit_terms
from edgeroute_live.calibrating.written import base_constants, scenario_text
from edgeroute_live.fake import Behaviour, FakeServer
from edgeroute_live.timing import Endpoint
from tests.helpers import virtual_time
from tests.helpers.known_servers import DEVICE, EDGE

MODELS = {"device": "small", "edge": "large"}


async def measured(behaviour: Behaviour, side: str, plan: Plan) -> SideFit:
    async with FakeServer(behaviour) as server:
        endpoint = Endpoint(server.url, behaviour.model)
        return await calibrate(endpoint, side, plan, lambda _: None)


def calibrated(behaviour: Behaviour, side: str, plan: Plan) -> SideFit:
    return virtual_time.run(measured(behaviour, side, plan))


@pytest.fixture(scope="module")
def quick() -> dict[str, SideFit]:
    plan = Plan(longest_tokens=512, repeats=2, most_at_once=4)
    return {side: calibrated(b, side, plan) for side, b in (("device", DEVICE), ("edge", EDGE))}


@pytest.mark.parametrize(("behaviour", "side"), [(DEVICE, "device"), (EDGE, "edge")])
def test_each_constant_is_found_within_five_percent(
    behaviour: Behaviour, side: str, quick: dict[str, SideFit]
) -> None:
    found, base = quick[side].constants, base_constants(side)
    for name in (*PREFILL, *DECODE):
        true = getattr(behaviour, name)
        if true > 0.0:
            assert found[name].told, name
            assert found[name].value == pytest.approx(true, rel=0.05), name
        else:
            assert found[name].value == pytest.approx(base[name], abs=1e-9), name


def test_the_template_is_what_the_server_adds(quick: dict[str, SideFit]) -> None:
    found = quick["device"].template
    assert found["tokens_per_estimate"].value == pytest.approx(1.1, rel=0.02)
    assert found["message_tokens"].value == pytest.approx(4.0, rel=0.2)
    assert found["first_tokens"].value == pytest.approx(12.0, rel=0.2)


def test_whole_blocks_of_an_answer_count_as_all_of_it_kept(quick: dict[str, SideFit]) -> None:
    assert quick["device"].kept_answer == quick["edge"].kept_answer == 1.0


def test_the_file_is_a_scenario_that_says_where_each_value_is_from(
    quick: dict[str, SideFit], tmp_path: Path
) -> None:
    path = tmp_path / "two-fakes.yaml"
    path.write_text(scenario_text("two-fakes", MODELS, quick), encoding="utf-8")
    scenario = load_scenario(path)
    found = quick["edge"].constants["decode_s_per_sequence"].value
    assert scenario.edge.cost().decode_s_per_sequence == pytest.approx(found, rel=1e-4)
    marks = {row.field: row.mark for row in provenance(path)}
    assert marks["edge.speed.decode_s_per_sequence"] == "M"
    assert marks["radio.uplink_hz"] == "A"  # no upload of this machine to itself is slow
    env = EdgeRouteEnv(scenario)
    env.reset(seed=0)
    _, reward, *_ = env.step(1)
    assert np.isfinite(reward)


def test_what_columns_cannot_tell_apart_is_the_bases() -> None:
    n = np.array([100.0, 200.0, 400.0, 800.0] * 3)
    noise = 1.0 + 0.01 * np.sin(np.arange(12.0))
    columns = {"linear": n, "twice": 2.0 * n, "fixed": np.ones(12)}
    found = fit_terms(
        columns, (0.1 + 1e-3 * n) * noise, {"linear": 0.0, "twice": 0.0, "fixed": 0.0}
    )
    assert found["fixed"].told
    assert found["fixed"].low < 0.1 < found["fixed"].high
    assert found["linear"].told != found["twice"].told
    slope = found["linear"].value + 2.0 * found["twice"].value
    assert slope == pytest.approx(1e-3, rel=0.02)


def test_a_late_answer_hardly_moves_the_fit() -> None:
    n = np.tile([50.0, 100.0, 200.0, 400.0, 800.0], 4)
    measured = (0.1 + 1e-3 * n) * (1.0 + 0.005 * np.cos(3.0 * np.arange(20.0)))
    measured[7] *= 5.0
    found = fit_terms({"fixed": np.ones(20), "linear": n}, measured, {"fixed": 0.0, "linear": 0.0})
    assert found["linear"].value == pytest.approx(1e-3, rel=0.05)


def test_a_side_whose_speed_is_not_told_is_refused() -> None:
    plan = Plan(longest_tokens=64, repeats=2, most_at_once=1)
    with pytest.raises(InputError, match=r"device\.prefill_s_per_token.*longer prompts"):
        calibrated(dataclasses.replace(DEVICE, prefill_s_per_token=0.0), "device", plan)


def test_a_server_that_is_not_there_is_named() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", "none")
    with pytest.raises(InputError, match=r"--edge.*127\.0\.0\.1:9"):
        asyncio.run(calibrate(endpoint, "edge", Plan(), lambda _: None))


def test_what_a_side_cannot_do_without_is_kept_longest() -> None:
    batch = np.array([1.0, 1.0, 1.02, 1.04] * 3)
    measured = 0.02 * (1.0 + 0.05 * np.sin(np.arange(12.0)))
    columns, base = {"fixed": np.ones(12), "each": batch}, {"fixed": 0.5, "each": 0.0}
    found = fit_terms(columns, measured, base, needed=["fixed"])
    assert not found["each"].told
    assert found["fixed"].value == pytest.approx(0.02, rel=0.05)

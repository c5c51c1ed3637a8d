"""What was measured on a server goes into a scenario as it is, and changes no preset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, InputError, Trace, load_scenario, scenario_names
from edgeroute_env.scenario_files import scenario_hash
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

SPEED = {
    "prefill_fixed_s": 0.1,
    "prefill_s_per_token": 1e-3,
    "prefill_s_per_pair": 1e-6,
    "decode_fixed_s": 0.02,
    "decode_s_per_sequence": 0.005,
    "decode_s_per_context_token": 1e-5,
}
OWN = {"extends": "measured", "name": "own", "description": "Mine.", "edge": {"speed": SPEED}}
DIALOGUES = {"extends": "mtbench101", "name": "own", "description": "Mine."}


def outcomes(actions: list[int], overrides: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    env = EdgeRouteEnv(load_scenario(OWN, overrides))
    env.reset(seed=3)
    return [env.step(action)[4] for action in actions]


def test_the_base_can_be_extended_and_is_no_preset() -> None:
    assert load_scenario(OWN).edge.cost().decode_fixed_s == 0.02
    assert "measured" not in scenario_names()
    with pytest.raises(InputError, match="vehicular, measured"):
        load_scenario({**OWN, "extends": "elsewhere"})


def test_a_measured_server_takes_the_measured_times() -> None:
    env = EdgeRouteEnv(load_scenario(OWN))
    env.reset(seed=3)
    told = env.step(1)[4]
    n = (told["latency_prefill_s"] - 0.1) / 1e-3
    # n + n^2 / 2000 = the prefill over 1 ms a token, so n is a little less
    tokens = 1000.0 * ((1.0 + 2.0 * n / 1000.0) ** 0.5 - 1.0)
    assert tokens == pytest.approx(round(tokens), abs=1e-6)


@pytest.mark.parametrize("field", ["device.kept_answer", "edge.kept_answer"])
def test_an_answer_that_leaves_the_cache_is_computed_again(field: str) -> None:
    action = 0 if field.startswith("device") else 1
    kept = outcomes([action] * 40)
    lost = outcomes([action] * 40, {field: 0.0})
    assert sum(turn["recomputed_tokens"] for turn in lost) > sum(
        turn["recomputed_tokens"] for turn in kept
    )
    assert sum(turn["latency_prefill_s"] for turn in lost) > sum(
        turn["latency_prefill_s"] for turn in kept
    )


def test_a_template_lengthens_prompts_and_leaves_the_rest_of_a_trace() -> None:
    template = {"first_tokens": 12, "message_tokens": 3, "tokens_per_estimate": 2}
    seen = []
    for overrides in ({}, {"workload.template": template}):
        scenario = load_scenario(DIALOGUES, overrides)
        pinned = Pinned(drawn(scenario, "synthetic"), [np.random.default_rng(1)])
        seen.append(Trace.from_rows(pinned.store(1)[0]))
    texts, counted = (trace["prompt_tokens"] for trace in seen)
    opens = seen[0]["turn"] == 1
    around = [15.0 if first else 6.0 for first in opens]
    assert abs(counted - around - 2.0 * texts).max() <= 1.5  # both are rounded
    assert (seen[0]["arrival_s"] == seen[1]["arrival_s"]).all()


def test_the_new_fields_at_their_defaults_leave_hashes_as_they_were() -> None:
    paper = load_scenario("paper")
    given = load_scenario(
        "paper", {"device.kept_answer": 1.0, "edge.kept_answer": 1.0, "edge.speed": None}
    )
    assert scenario_hash(given) == scenario_hash(paper)
    assert "speed" not in paper.model_dump()["edge"]
    changed = load_scenario("paper", {"edge.kept_answer": 0.5})
    assert scenario_hash(changed) != scenario_hash(paper)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("edge.speed.prefill_s_per_token", 0.0, "from 1e-09 to 100"),
        ("edge.speed.decode_fixed_s", -1, "from 0 to 10"),
        ("edge.kept_answer", 1.1, "from 0 to 1"),
        ("workload.template", {"tokens_per_estimate": 0}, "from 0.1 to 10"),
        ("workload.template", {"words": 1}, "one of the fields first_tokens"),
    ],
)
def test_impossible_measurements_are_refused(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(OWN, {field: value})
    assert caught.value.field.startswith(field)
    assert allowed in caught.value.allowed

"""What the radio costs beyond an upload: turns that an outage fails, tails that overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeroute_env import EdgeRouteEnv, Trace
from tests.helpers.evaluated import DEVICE, EDGE, always, column, routed, total

MakeTrace = Callable[..., Trace]
WAIT_S, TAIL_W, TAIL_S = 7.0, 1.5, 10.0
RADIO = {
    "radio.outage_wait_s": WAIT_S,
    "device.energy.tail_w": TAIL_W,
    "device.energy.tail_s": TAIL_S,
    "weights.failure": 3.0,
    "weights.energy_per_j": 0.25,
}


def reported(trace: Trace, action: int) -> list[dict[str, Any]]:
    """Return what each turn of a trace reported, all of them sent to one side."""
    return routed(EdgeRouteEnv("paper", RADIO), always(action), options={"trace": trace})[1]


def test_a_failed_turn_costs_its_wait_the_radio_s_energy_and_the_failure_weight(
    dialogue: MakeTrace,
) -> None:
    out = dialogue(1, snr_db=-15, outage_s=60.0)
    failed, answered = (reported(out, action)[0] for action in (EDGE, DEVICE))
    assert failed["failed"] == 1.0
    assert answered["failed"] == 0.0
    assert failed["quality"] == 0.0
    assert answered["quality"] > 0.0
    assert failed["latency_radio_s"] == WAIT_S
    assert failed["energy_j"] == pytest.approx(WAIT_S * TAIL_W)
    assert failed["reward_failure"] == -3.0
    assert answered["reward_failure"] == 0.0
    assert failed["reward_energy"] == pytest.approx(-0.25 * WAIT_S * TAIL_W)
    for info in (failed, answered):
        assert info["reward"] == pytest.approx(total(info, "reward_*"))


def test_an_outage_that_ends_within_the_wait_fails_nothing(dialogue: MakeTrace) -> None:
    just, beyond = (
        reported(dialogue(1, snr_db=-15, outage_s=s), EDGE)[0] for s in (WAIT_S, WAIT_S + 0.01)
    )
    assert (just["failed"], beyond["failed"]) == (0.0, 1.0)


def test_a_tail_that_still_runs_is_paid_once(rest_trace: MakeTrace) -> None:
    alone = reported(rest_trace([0.0]), EDGE)[0]
    idle_from_s = alone["latency_s"]

    def second_j(idle_s: float) -> float:
        """Return the energy of a question asked so long after the first one's answer."""
        first, second = reported(rest_trace([0.0, idle_from_s + idle_s]), EDGE)
        assert first["energy_j"] == pytest.approx(alone["energy_j"])
        return float(second["energy_j"])

    assert second_j(TAIL_S + 50.0) == pytest.approx(alone["energy_j"])
    assert second_j(3.0) == pytest.approx(second_j(2.0) + TAIL_W, rel=1e-6)
    assert second_j(8.0) == pytest.approx(second_j(2.0) + 6.0 * TAIL_W, rel=1e-6)
    assert second_j(2.0) < alone["energy_j"]
    assert (column(reported(rest_trace([0.0, 1.0]), DEVICE), "latency_radio_s") == 0.0).all()

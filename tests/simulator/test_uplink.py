"""One phone's uploads wait for each other; another phone's do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeroute_env import EdgeRouteEnv, Trace
from tests.helpers.evaluated import DEVICE, EDGE, always, column, routed

MakeTrace = Callable[..., Trace]
CERTAIN = {"radio.outage_share": 0.0, "device.energy.tail_w": 0.0}
PHOTO = 350e3
SLOW = 1.0  # Mbit/s down, a third of it up: 8.4 s a photo


def seen_and_told(
    trace: Trace, actions: Any = None, **overrides: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    env = EdgeRouteEnv("paper", {**CERTAIN, **overrides})
    return routed(env, always(EDGE) if actions is None else actions, options={"trace": trace})


def test_uploads_of_a_phone_queue_and_the_router_expects_it(rest_trace: MakeTrace) -> None:
    photo = {"attachment_bytes": PHOTO, "downlink_mbit_per_s": SLOW, "rtt_s": 0.08}
    alone = seen_and_told(rest_trace([0.0], **photo))[1][0]
    seen, told = seen_and_told(rest_trace([0.0, 1.0, 2.0, 500.0], **photo))
    on_air_s = alone["radio_ttft_s"] - 0.08
    assert on_air_s > 8.0
    waits_s = np.array([0.0, on_air_s - 1.0, 2.0 * on_air_s - 2.0, 0.0])
    assert column(told, "latency_radio_s") == pytest.approx(
        alone["latency_radio_s"] + waits_s, rel=1e-4
    )
    # The air time costs energy once, however long the upload waits for it.
    assert column(told, "energy_j") == pytest.approx(alone["energy_j"], rel=1e-6)
    expected_s = column(seen, "edge_radio_s")
    scored_s = EdgeRouteEnv("paper").scenario.device.scoring_s
    assert expected_s - expected_s[0] == pytest.approx(waits_s, abs=scored_s + 1e-3)


def test_other_phones_and_the_phone_s_own_answers_use_no_uplink(rest_trace: MakeTrace) -> None:
    photo = {"attachment_bytes": PHOTO, "downlink_mbit_per_s": SLOW}
    two = rest_trace([0.0, 1.0], device=[0, 1], **photo)
    _, told = seen_and_told(two, **{"device.count": 2})
    first_s = told[0]["latency_radio_s"]
    assert told[1]["latency_radio_s"] == pytest.approx(first_s)
    _, told = seen_and_told(rest_trace([0.0, 1.0], **photo), [DEVICE, EDGE])
    assert told[0]["latency_radio_s"] == 0.0
    assert told[1]["latency_radio_s"] == pytest.approx(first_s)


def test_an_upload_that_waits_for_an_answer_holds_nobody_up(rest_trace: MakeTrace) -> None:
    # The second turn follows up the first, whose answer takes long; the third is a new dialogue.
    turns = {"turn": [1, 2, 1], "last_turn": [False, True, True]}
    trace = rest_trace([0.0, 1.0, 2.0], answer_tokens_edge=2000, **turns)
    _, told = seen_and_told(trace)
    assert told[1]["latency_queue_s"] > 30.0
    assert told[2]["latency_radio_s"] == pytest.approx(told[0]["latency_radio_s"], abs=1e-3)


def test_an_outage_s_end_is_no_part_of_what_a_router_expects(rest_trace: MakeTrace) -> None:
    def waits(outage_s: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return seen_and_told(rest_trace([0.0, 1.0], outage_s=[outage_s, 0.0]))

    (_, short), (_, quick) = waits(2.0)
    (_, long), (_, slow) = waits(9.0)
    assert slow["latency_radio_s"] == pytest.approx(quick["latency_radio_s"] + 7.0)
    assert short["edge_radio_s"] == long["edge_radio_s"]


def test_two_turns_in_one_stop_wait_for_its_end_once(rest_trace: MakeTrace) -> None:
    _, told = seen_and_told(rest_trace([0.0, 1.0], outage_s=[6.0, 5.0]))
    on_air_s = told[0]["latency_radio_s"] - 6.0
    assert told[1]["latency_radio_s"] == pytest.approx(5.0 + on_air_s, abs=0.02)


def test_the_expected_outage_is_its_share_of_the_mean_and_no_more(rest_trace: MakeTrace) -> None:
    trace = rest_trace([0.0], snr_db=-15.0)
    none, some = (
        seen_and_told(trace, **{"radio.outage_share": share})[0][0]["edge_radio_s"]
        for share in (0.0, 0.5)
    )
    link = EdgeRouteEnv("paper").scenario.radio
    bounded_s = link.outage_mean_s * (1.0 - np.exp(-link.outage_wait_s / link.outage_mean_s))
    assert some - none == pytest.approx(0.5 * bounded_s, rel=1e-4)

"""What recorded runs tell of the link: which seconds measure it, its rate, and its stops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeroute_env.physics.radio import CQI_EFFICIENCY
from edgeroute_env.recordings.shapes import SnrRuns
from edgeroute_env.traces.links import by_second, effective_mhz, measured, stop_left_s

FLOWS, NONE = 8000.0, np.nan


def download(kbps: list[float], **changed: Any) -> SnrRuns:
    seconds = len(kbps)
    columns: dict[str, Any] = {
        "run": np.zeros(seconds, int),
        "time_s": np.arange(seconds),
        "snr_db": np.full(seconds, 5.0),
        "app": ["download"] * seconds,
        "cqi": np.full(seconds, 9.0),
        "downlink_kbps": kbps,
    }
    return SnrRuns(**{**columns, **changed})


def test_a_ping_s_pause_measures_nothing() -> None:
    pings = [NONE] * 3 + [70.0] + [NONE] * 5
    runs = download([FLOWS] * 2 + [0.0] * 3 + [FLOWS] * 4, ping_ms=pings)
    assert measured(runs).tolist() == [True] * 2 + [False] * 3 + [True] * 4
    assert np.isnan(stop_left_s(runs)).tolist() == [False] * 2 + [True] * 3 + [False] * 4
    assert np.nansum(stop_left_s(runs)) == 0.0  # its zeros are the app's pause, and no stop
    assert stop_left_s(download([FLOWS, 0.0, FLOWS])).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("app", ["netflix", "amazon_prime"])
def test_another_app_s_silence_is_no_stop(app: str) -> None:
    runs = download([0.0, FLOWS, 0.0], app=[app] * 3)
    assert not measured(runs).any()
    assert np.isnan(stop_left_s(runs)).all()
    assert effective_mhz(runs) == 0.0


def test_a_stop_lasts_until_traffic_returns() -> None:
    assert stop_left_s(download([FLOWS, 0.0, 2.0, 0.0, FLOWS])).tolist() == [0, 3, 2, 1, 0]
    over_a_ping = download([0.0] * 5 + [FLOWS], ping_ms=[NONE, NONE, 70.0, NONE, NONE, NONE])
    assert stop_left_s(over_a_ping)[[0, 4, 5]].tolist() == [1.0, 1.0, 0.0]  # too long apart
    hole = download([0.0, 0.0, 0.0, FLOWS], time_s=np.array([0.0, 1.0, 300.0, 301.0]))
    assert stop_left_s(hole).tolist() == [2.0, 1.0, 1.0, 0.0]
    two = download([FLOWS, 0.0, 0.0, FLOWS], run=np.array([0, 0, 1, 1]), time_s=[0, 1, 0, 1])
    assert stop_left_s(two).tolist() == [0.0, 1.0, 1.0, 0.0]


def test_the_rate_is_measured_or_the_cqi_s_share_of_one_bandwidth() -> None:
    apps = ["download"] * 4 + ["netflix"] * 3
    cqi = [3.0, 9.0, 12.0, 9.0, 3.0, 15.0, NONE]
    by_cqi = dict(enumerate(CQI_EFFICIENCY, 1))
    mhz = np.array([1.0, 7.0, 9.0])  # of the three downloads that flow
    kbps = [*(1e3 * mhz * [by_cqi[3], by_cqi[9], by_cqi[12]]), 0.0, 0.0, 4.0, 4.0]
    runs = download(kbps, app=apps, cqi=cqi)
    assert effective_mhz(runs) == pytest.approx(7.0)
    link, places = by_second(runs)
    expected = [*mhz * [by_cqi[3], by_cqi[9], by_cqi[12]], 7 * by_cqi[9], 7 * by_cqi[3]]
    assert link["downlink_mbit_per_s"] == pytest.approx([*expected, 7 * by_cqi[15], 0.0])
    np.testing.assert_array_equal(link["outage_s"], [0.0, 0.0, 0.0, 1.0, NONE, NONE, NONE])
    assert places.tolist() == [[0, 7]]

"""What a router sees of real turns is what it would see in the simulator, bit for bit."""

from __future__ import annotations

import heapq
from functools import partial
from typing import Any

import numpy as np
import pytest

from edgeroute_env import Scenario, load_scenario
from edgeroute_env.routing import ROUTES
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.sources import Drawn
from edgeroute_live.observing import Ask, Report, Signals
from edgeroute_live.state import Dialogue, LiveState

FIRST = np.zeros(1, np.int64)


class Both:
    """An episode in the simulator, and a live state that is told what happened when."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.batch = Batch(scenario, Drawn(scenario), 1)
        self.batch.begin(FIRST, [np.random.default_rng(seed)])
        self.state, self.dialogue = LiveState(scenario), Dialogue()
        self.hidden = set(scenario.observation.hidden)
        self.events: list[Any] = []  # (when, order, call): what has not happened yet

    def observe(self, row: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return what both show of the turn that has come."""
        while self.events and self.events[0][0] <= row["arrival_s"]:
            heapq.heappop(self.events)[2]()
        if row["turn"] == 1:
            self.dialogue = Dialogue()
        self.state.report = Report(
            at_s=row["arrival_s"] - float(row["report_age_s"]),
            load=row["reported_load"],
            own_busy=self.batch.episodes[0]["reported_busy"],
        )
        same = {name: row[name] for name in ("prompt_tokens", "score", "attachment_bytes")}
        same |= {name: row[name] for name in ("predicted_tokens_device", "predicted_tokens_edge")}
        signals = Signals(snr_db=row["snr_db"], background=row["device_background"])
        evicted = bool(row["device_evicted"])
        ask = Ask(
            arrival_s=float(row["arrival_s"]), **same, device_evicted=evicted, signals=signals
        )
        seen, hidden = self.state.observe(ask, self.dialogue)
        assert set(hidden) == self.hidden
        return self.batch.observations[0].copy(), seen

    def possible(self, action: int) -> int:
        """Return the action that a gateway would take: the edge only within the quota."""
        if self.batch.devices[0, 0]["believed"]["quota_left"] < 1.0:
            return 0
        return action if self.state.observer.fits_device() else 1

    def route(self, row: Any, action: int, order: int) -> None:
        """Take an action in both; what comes of it happens later."""
        context = float(self.batch.devices[0, 0]["context_tokens"])
        turn = self.state.route(ROUTES[action])
        self.batch.step(np.array([action]))
        out, dev = self.batch.outcomes[0], self.batch.devices[0, 0]
        end_s, energy_j = float(row["arrival_s"] + out["latency_s"]), float(out["energy_j"])
        call = partial(self.state.failed, turn, end_s, energy_j)
        if not out["failed"]:
            side = ROUTES[int(out["edge_call"])]
            if side != turn.side:  # the phone expected to hold it, and does not
                self.state.move(turn, float(row["arrival_s"]))
            asked = float(context + row["prompt_tokens"])
            answer = float(row[f"answer_tokens_{side}"])
            work_s = float(out["switch_s"] + out["prefill_s"] + out["decode_s"])
            call = partial(self.state.answered, turn, end_s, asked, answer, work_s, energy_j)
            if side == "edge":
                told_s, waited_s = float(dev["next_edge_told_at_s"]), float(dev["next_edge_wait_s"])
                first = partial(self.state.first_token, turn, told_s, waited_s)
                heapq.heappush(self.events, (told_s, 2 * order, first))
        heapq.heappush(self.events, (end_s, 2 * order + 1, call))


def replayed(scenario: Scenario, seed: int, edge_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the observations of an episode as the simulator and the live state have them."""
    both, coin, found = Both(scenario, seed), np.random.default_rng(seed), []
    for k in range(scenario.workload.turns):
        row = both.batch.traces[0, k].copy()
        found.append(both.observe(row))
        both.route(row, both.possible(int(coin.random() < edge_share)), k)
        if both.batch.over[0]:
            break
    simulated, live = zip(*found, strict=True)
    return np.array(simulated), np.array(live)


CASES = [
    ("mtbench101", {"device.kept_answer": 0.5, "edge.kept_answer": 0.3}, 0.5),
    ("mtbench101", {}, 0.5),
    ("paper", {}, 0.3),
    ("hot-phone", {}, 0.2),
    ("quota", {}, 0.7),
    ("battery", {}, 0.5),
    ("busy-cell", {"workload.dialogue_gap_mean_s": 2.0}, 0.5),
    ("long-context", {}, 0.4),
    ("mtbench101", {"observation.hidden": ["cache", "snr"]}, 0.5),
    ("mtbench101", {"workload.follow_up_median_s": 1.0, "workload.dialogue_gap_mean_s": 3.0}, 0.2),
]


@pytest.mark.parametrize(("name", "overrides", "edge_share"), CASES)
def test_live_observations_equal_the_simulators(
    name: str, overrides: dict[str, Any], edge_share: float
) -> None:
    scenario = load_scenario(name, {"device.count": 1, "workload.turns": 96, **overrides})
    for seed in range(2):
        simulated, live = replayed(scenario, seed, edge_share)
        np.testing.assert_array_equal(simulated, live)

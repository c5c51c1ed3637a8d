"""What a router sees of real turns is what it would see in the simulator, bit for bit."""

from __future__ import annotations

import heapq
from functools import partial

import numpy as np
import pytest

from edgeroute_env import load_scenario
from edgeroute_env.routing import ROUTES
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.sources import Drawn
from edgeroute_live.observing import Ask, Report, Signals
from edgeroute_live.state import Dialogue, LiveState

FIRST = np.zeros(1, np.int64)


def replayed(name: str, overrides: dict, seed: int, edge_share: float) -> tuple[np.ndarray, ...]:
    """Simulate an episode, tell a live state what happened when; return both observations."""
    scenario = load_scenario(name, {"device.count": 1, "workload.turns": 96, **overrides})
    batch = Batch(scenario, Drawn(scenario), 1)
    batch.begin(FIRST, [np.random.default_rng(seed)])
    coin = np.random.default_rng(seed)
    state = LiveState(scenario)
    hidden = scenario.observation.hidden
    events: list = []  # (when, order, call): what has not happened yet
    simulated, live = [], []
    dialogue = Dialogue()
    for k in range(96):
        row, ep, dev = batch.traces[0, k], batch.episodes[0], batch.devices[0, 0]
        while events and events[0][0] <= row["arrival_s"]:
            heapq.heappop(events)[2]()
        if row["turn"] == 1:
            dialogue = Dialogue()
        report_age_s = float(row["report_age_s"])
        state.report = Report(
            row["arrival_s"] - report_age_s, row["reported_load"], ep["reported_busy"]
        )
        found, unknown = state.observe(
            Ask(
                arrival_s=float(row["arrival_s"]),
                prompt_tokens=row["prompt_tokens"],
                score=row["score"],
                predicted_tokens_device=row["predicted_tokens_device"],
                predicted_tokens_edge=row["predicted_tokens_edge"],
                attachment_bytes=row["attachment_bytes"],
                device_evicted=bool(row["device_evicted"]),
                signals=Signals(snr_db=row["snr_db"], background=row["device_background"]),
            ),
            dialogue,
        )
        assert set(unknown) == set(hidden)
        simulated.append(batch.observations[0].copy())
        live.append(found)
        action = int(coin.random() < edge_share)
        if dev["believed"]["quota_left"] < 1.0:
            action = 0
        elif not state.observer.fits_device():
            action = 1
        turn = state.route(ROUTES[action])
        context = float(dev["context_tokens"])
        batch.step(np.array([action]))
        out, dev = batch.outcomes[0], batch.devices[0, 0]
        end_s = float(row["arrival_s"] + out["latency_s"])
        energy_j = float(out["energy_j"])
        if out["failed"]:
            call = partial(state.failed, turn, end_s, energy_j)
        else:
            side = ROUTES[int(out["edge_call"])]
            if side != turn.side:  # the phone expected to hold it, and does not
                state.move(turn, float(row["arrival_s"]))
            asked, answer = (
                float(context + row["prompt_tokens"]),
                float(row[f"answer_tokens_{side}"]),
            )
            work_s = float(out["switch_s"] + out["prefill_s"] + out["decode_s"])
            call = partial(state.answered, turn, end_s, asked, answer, work_s, energy_j)
            if side == "edge":
                told_s, waited_s = float(dev["next_edge_told_at_s"]), float(dev["next_edge_wait_s"])
                first = partial(state.first_token, turn, told_s, waited_s)
                heapq.heappush(events, (told_s, 2 * k, first))
        heapq.heappush(events, (end_s, 2 * k + 1, call))
        if batch.over[0]:
            break
    return np.array(simulated), np.array(live)


CASES = [
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
def test_live_observations_equal_the_simulators(name, overrides, edge_share) -> None:
    for seed in range(2):
        simulated, live = replayed(name, overrides, seed, edge_share)
        differ = np.argwhere(simulated != live)
        assert differ.size == 0, (seed, differ[:5], simulated[differ[0][0]], live[differ[0][0]])

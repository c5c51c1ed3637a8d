"""Rollout of the analytic rule: what each route leads to, over sampled futures.

Each route of the present turn is followed by the tuned `bao-multi-queue`, on the same futures for
both (common random numbers); the rule's own choice is left only where the other route gains beyond
the futures' noise. One step of policy improvement (Tesauro & Galperin, NIPS 1996; Bertsekas,
"Rollout, Policy Iteration, and Distributed Reinforcement Learning", 2020).

Causal: futures are drawn from the scenario's law (`baselines.futures`), the episode's later rows
and the hidden columns of the present one are not read. Of the simulator it takes what the phones
know of themselves: their queues, caches, budgets and dialogues. The edge's queue is put together
from the last report, since true lengths of answers under way are nobody's to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from baselines.bao import BaoRouter
from baselines.futures import Futures, Seen
from edgeroute_env import InputError, decode
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.edge_queue import NEVER_S

FUTURES = 32
DEPTH, BUDGET_DEPTH = 12, 48  # turns ahead; a budget is felt later
STANDARD_ERRORS = 3.0  # that a gain must exceed


@dataclass
class RolloutRouter:
    """`alpha_per_s` and `theta` are the rule's; an `edgeroute_env.routing.Insider`."""

    alpha_per_s: float
    theta: float
    name: str = "rollout"
    _rule: BaoRouter = field(init=False, repr=False)
    _batch: Batch | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Make the rule, which refuses bad parameters."""
        self._rule = BaoRouter("bao-multi-queue", self.alpha_per_s, self.theta)

    def reset(self, n: int) -> None:
        """Forget the batch of earlier episodes."""
        self._batch = None

    def attach(self, scenario: Scenario, batch: Batch) -> None:
        """Take the batch that is about to run and draw the pool of futures."""
        self._batch = batch
        budgets = scenario.budgets
        limited = budgets.edge_calls is not None or budgets.battery_j is not None
        self._futures = Futures(scenario, FUTURES, BUDGET_DEPTH if limited else DEPTH, seed=0)
        self._need = [entry.calibration.need() for entry in scenario.workload.mix]
        self._generator = np.random.default_rng(1)
        self._judges_worst = scenario.objective.kind == "dialogue-min"

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,)."""
        if self._batch is None:
            raise InputError("router", self.name, "a run that attaches its batch (run_episodes)")
        actions = self._rule.route(observations)
        running = np.flatnonzero(~self._batch.over)
        if running.size:
            gain = self._edge_gain(running, observations[running])
            mean = gain.mean(axis=1)
            error = gain.std(axis=1, ddof=1) / np.sqrt(gain.shape[1])
            sure = np.abs(mean) > STANDARD_ERRORS * error
            actions[running] = np.where(sure, mean > 0.0, actions[running])
        return actions

    def _edge_gain(
        self, rows: NDArray[np.int64], observations: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return what the edge earns more than the phone over each future, (n, futures)."""
        assert self._batch is not None
        seen = decode(observations)
        episodes = self._batch.episodes[rows]
        present = self._batch.traces[episodes["trace"], episodes["cursor"]]
        futures = self._futures.draw(present, seen)
        n, count, turns = futures.shape
        run = self._batch.taken(np.tile(np.repeat(rows, count), 2))
        run.traces = futures.reshape(n * count, turns)
        run.episodes["trace"] = np.tile(np.arange(n * count), 2)
        run.episodes["cursor"], run.episodes["length"] = 0, turns
        self._imagine_edge(run, np.tile(np.repeat(np.arange(n), count), 2), present, seen)
        if self._judges_worst:
            self._imagine_worst(run, np.repeat(np.arange(n), count), present, seen)
        total = np.zeros(run.episodes.size)
        actions = np.repeat(np.array([0, 1]), n * count)
        for _ in range(turns):
            running = ~run.over
            if not running.any():
                break
            run.step(actions)
            total += np.where(running, run.outcomes["reward"], 0.0)
            actions = self._rule.route(run.observations)
        device, edge = total.reshape(2, n, count)
        gain: NDArray[np.float64] = edge - device
        return gain

    def _imagine_edge(
        self, run: Batch, of: NDArray[np.int64], present: NDArray[np.void], seen: Seen
    ) -> None:
        """Rebuild the edge's queue from the last report: busy slots, and the wait until one."""
        episodes, slots = run.episodes, run.slots
        episodes["next_at_s"], episodes["waiting"] = NEVER_S, 0
        now_s = present["arrival_s"][of]
        hold_s = (seen["edge_switch_s"] + seen["edge_prefill_s"] + seen["edge_decode_s"])[of]
        wait_s = np.maximum(episodes["reported_wait_s"] - present["report_age_s"][of], 0.0)
        place = np.arange(slots.shape[2])
        busy = place < np.round(episodes["reported_busy"])[:, None]
        spread = (place + 1) / np.maximum(episodes["reported_busy"], 1.0)[:, None]
        free_s = now_s[:, None] + wait_s[:, None] + hold_s[:, None] * np.minimum(spread, 1.0)
        free_s[:, 0] = now_s + np.maximum(wait_s, free_s[:, 0] - now_s - hold_s)
        slots[:, 0] = np.where(busy, free_s, 0.0)
        episodes["latest_slot_s"] = slots[:, 0].max(axis=1)

    def _imagine_worst(
        self, run: Batch, of: NDArray[np.int64], present: NDArray[np.void], seen: Seen
    ) -> None:
        """Draw the dialogue's worst answer so far, which nobody has judged yet."""
        needed = self._generator.random(of.size) < seen["dialogue_risk"][of]
        worst = np.array([[q.device_if_not, q.device_if_needed] for q in self._need])
        drawn = worst[present["workload"][of], needed.astype(np.int64)]
        drawn = np.where(seen["turn"][of] > 1, drawn, 1.0)
        device = np.tile(present["device"][of], 2)
        run.devices["worst_quality"][np.arange(device.size), device] = np.tile(drawn, 2)

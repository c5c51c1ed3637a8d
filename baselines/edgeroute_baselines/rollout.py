"""Rollout of the analytic rule: what each route leads to, over sampled futures.

The router tries both routes of the present turn on the same futures (common random numbers). The
tuned `bao-multi-queue` decides all later turns. The router takes the rule's own choice unless the
other route gains more than the futures' noise. This is one step of policy improvement (Tesauro &
Galperin, NIPS 1996; Bertsekas, "Rollout, Policy Iteration, and Distributed Reinforcement Learning",
2020).

The router is causal. From the trace it reads the columns `Futures.known` of the present row;
futures are drawn from the scenario's law (`futures`). From the simulator it reads what the asking
phone knows of itself (`simulator.believe`: queue, heat, caches, budgets, dialogue) and the edge's
last report. It assumes that other phones are idle. It rebuilds the requests under way at the edge
from that report. Each of them is assumed to take as long as the present turn would, since no router
knows true lengths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.follow import followed
from edgeroute_baselines.futures import Futures
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env import InputError, decode
from edgeroute_env.physics.power import heat_after_work
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.simulator.believe import expected_free_at_s
from edgeroute_env.simulator.edge_queue import NEVER_S
from edgeroute_env.simulator.requests import edge_decode_s, edge_prefill_s
from edgeroute_env.simulator.state import BELIEVED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FUTURES = 32
# How many turns to look ahead: until a queue or the heat is forgotten; more turns where many phones
# ask; with a budget, until it is renewed or the episode ends.
DEPTH, CROWD_DEPTH, BUDGET_DEPTH = 12, 32, 127
STANDARD_ERRORS = 3.0  # a gain must exceed this many; then few of many comparisons are wrong
ROWS = 512  # decisions imagined at a time, for memory


def horizon(scenario: Scenario) -> int:
    """Return for how many further turns a decision matters."""
    budgets = scenario.budgets
    depth = CROWD_DEPTH if scenario.device.count > 1 else DEPTH
    if budgets.edge_calls is not None or budgets.battery_j is not None:
        depth = BUDGET_DEPTH
    return min(depth, scenario.workload.turns - 1)


@dataclass
class RolloutRouter:
    """Follows `rule`; an `edgeroute_env.routing.Insider`."""

    rule: LinearRouter
    name: str = "rollout"
    _batch: Batch | None = field(init=False, repr=False, default=None)

    def reset(self, n: int) -> None:
        """Forget the batch of earlier episodes."""
        self._batch = None

    def attach(self, scenario: Scenario, batch: Batch) -> None:
        """Take the batch that is about to run and draw the pool of futures."""
        self._batch, self._scenario = batch, scenario
        self._idle = batch.devices[0].copy()  # nothing has been asked of a phone yet
        self._edge_bits = np.zeros(batch.devices.shape, np.int64)  # routes of the dialogues so far
        self.futures = Futures(scenario, FUTURES, horizon(scenario))

    def route(self, observations: NDArray[np.float32]) -> Ints:
        """Return the actions, shape (n,)."""
        if self._batch is None:
            raise InputError("router", self.name, "a run that attaches its batch (run_episodes)")
        actions = self.rule.route(observations)
        running = np.flatnonzero(~self._batch.over)
        for part in np.array_split(running, -(-running.size // ROWS)) if running.size else ():
            gain = self.edge_gain(part, observations[part])
            mean = gain.mean(axis=1)
            error = gain.std(axis=1, ddof=1) / np.sqrt(gain.shape[1])
            sure = np.abs(mean) > STANDARD_ERRORS * error
            actions[part] = np.where(sure, mean > 0.0, actions[part])
        self.remember(running, actions[running])
        return actions

    def edge_gain(self, rows: Ints, observations: NDArray[np.float32]) -> Floats:
        """Return by how much the edge earns more than the phone in each future, (n, futures).

        `rows` are running episodes of the batch, shape (n,), and observe `observations`, (n, 32).
        """
        assert self._batch is not None
        batch, seen = self._batch, decode(observations)
        episodes = batch.episodes[rows]
        present = batch.traces[episodes["trace"], episodes["cursor"]]
        futures, places = self.futures.draw(present, seen)
        n, count, turns = futures.shape
        run = batch.taken(np.tile(np.repeat(rows, count), 2))
        run.share_traces(futures.reshape(n * count, turns))
        run.episodes["trace"] = np.tile(np.arange(n * count), 2)
        run.episodes["cursor"] = 0
        of = np.tile(np.repeat(np.arange(n), count), 2)
        run.episodes["length"] = np.minimum(turns, episodes["length"] - episodes["cursor"])[of]
        self._imagine_edge(run, of, present, seen)
        self._imagine_phones(run, of, rows, present, places)
        actions = np.repeat(np.array([0, 1]), n * count)
        device, edge = followed(run, actions, self.rule.record).reshape(2, n, count)
        return edge - device

    def _imagine_edge(
        self, run: Batch, of: Ints, present: NDArray[Any], seen: dict[str, Floats]
    ) -> None:
        """Rebuild the edge's batch from the last report: how many are in it, and the wait."""
        episodes, live = run.episodes, run.live[:, 0]
        episodes["next_at_s"], episodes["waiting"] = NEVER_S, 0
        if "edge-load" in self._scenario.observation.hidden:
            episodes["reported_busy"] = 0.0
        now_s = present["arrival_s"][of]
        hold_s = (seen["edge_switch_s"] + seen["edge_prefill_s"] + seen["edge_decode_s"])[of]
        known = run.devices[np.arange(of.size), present["device"][of]]["believed"]
        held_up_s = np.maximum(known["answered_at_s"] - now_s, 0.0)
        tenants_s = present["expected_wait_s"][of]
        wait_s = np.maximum(seen["edge_wait_s"][of] - held_up_s - tenants_s, 0.0)
        episodes["live"] = np.minimum(np.round(episodes["reported_busy"]), live.shape[1])
        # Running requests are spread over all stages, and none joins before the waiting ones.
        spread = (np.arange(live.shape[1]) + 1) / np.maximum(episodes["live"], 1)[:, None]
        asked = seen["context_tokens"] + seen["prompt_tokens"]
        live[..., 0] = (now_s + wait_s)[:, None] + hold_s[:, None] * np.minimum(spread, 1.0)
        live[..., 1] = (asked + present["predicted_tokens_edge"])[of, None]
        live[..., 2] = self._shares(run, present, seen)[of, None]
        busy = episodes["live"] > 0
        episodes["latest_start_s"] = np.where(busy, now_s + wait_s, 0.0)
        episodes["latest_end_s"] = np.where(busy, now_s + wait_s + hold_s, 0.0)

    def _shares(self, run: Batch, present: NDArray[Any], seen: dict[str, Floats]) -> Floats:
        """Return the share of the engine that requests like the present ones take, shape (n,)."""
        context = seen["context_tokens"]
        p, load = run.parameters[present["user"]], present["reported_load"]
        asked, cached = context + seen["prompt_tokens"], seen["edge_cached"] * context
        answer = present["predicted_tokens_edge"]
        fill = [edge_prefill_s(*turn) for turn in zip(p, asked, cached, load, strict=True)]
        decode = [edge_decode_s(*turn) for turn in zip(p, asked, answer, load, strict=True)]
        (fill_s, fill_work_s), (decode_s, decode_work_s) = np.array(fill).T, np.array(decode).T
        share: Floats = (fill_work_s + decode_work_s) / (fill_s + decode_s)
        return share

    def _imagine_phones(
        self, run: Batch, of: Ints, rows: Ints, present: NDArray[Any], places: Ints
    ) -> None:
        """Make other phones idle; of the asking phone, what it believes becomes the truth."""
        own = (np.arange(of.size), present["device"][of])
        known = run.devices[own]
        believed = known["believed"]
        if "cache" in self._scenario.observation.hidden:
            for side in ("device", "edge"):
                believed[f"cached_{side}_tokens"] = believed["context_tokens"]
        for name in set(BELIEVED.names or ()) & set(known.dtype.names):
            known[name] = believed[name]
        known["told_edge_tokens"] = believed["cached_edge_tokens"]
        known["uplink_free_at_s"] = believed["uplink_due_at_s"]
        known["next_edge_wait_s"], known["next_edge_told_at_s"] = 0.0, np.inf
        self._imagine_work(known, present["arrival_s"][of], run.parameters[present["user"][of]])
        known["worst_quality"] = 1.0
        if self._scenario.objective.kind == "dialogue-min":
            bits = self._edge_bits[rows, present["device"]]
            worst = self.futures.worst_so_far(places, present["turn"].astype(np.int64), bits)
            known["worst_quality"] = np.tile(worst.ravel(), 2)
        run.devices[:] = self._idle
        run.devices[own] = known

    def _imagine_work(self, known: NDArray[Any], now_s: Floats, p: NDArray[Any]) -> None:
        """Let each phone, DEVICE of shape (n,), have the work that it expects, as one piece."""
        free_s = np.array([expected_free_at_s(*each) for each in zip(known, now_s, strict=True)])
        work_s = free_s - now_s
        known["free_at_s"] = free_s
        known["settled_at_s"] = np.maximum(free_s, known["answered_at_s"])
        turns = zip(known["heat_now"], work_s, p["heating_s"], strict=True)
        known["heat"] = [heat_after_work(*turn) for turn in turns]
        known["jobs"] = work_s > 0.0
        known["work"][:, 0] = np.stack([now_s, free_s, np.zeros(len(now_s)), work_s], axis=1)

    def remember(self, rows: Ints, actions: Ints) -> None:
        """Store which turns of the present dialogues go to the edge."""
        assert self._batch is not None
        episodes = self._batch.episodes[rows]
        present = self._batch.traces[episodes["trace"], episodes["cursor"]]
        at = (rows, present["device"])
        turn = np.minimum(present["turn"].astype(np.int64), 62)  # as many as there are bits
        before = np.where(turn == 1, 0, self._edge_bits[at])
        self._edge_bits[at] = before | (actions << (turn - 1))

"""Futures of an episode as a router may imagine them: drawn from the scenario's law, not read.

A pool of traces is drawn once. A future of a turn is what follows a place in the pool that looks
like the present: same benchmark, same turn of a dialogue, nearest in score, SNR and reported load.
The present turn keeps what the router sees of it; what it does not see comes from the pool as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.physics.radio import outage_snr_db
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

Floats = NDArray[np.float64]
Seen = Mapping[str, Floats]

POOL_TURNS = 16_384
CANDIDATES = 4  # places looked at for each one taken
SPREADS = {"score": 0.05, "snr_db": 5.0, "reported_load": 0.1}  # what counts as near
# What a router cannot know of the turn that it routes.
HIDDEN = (
    *("answer_tokens_device", "answer_tokens_edge", "quality_device", "quality_edge", "last_turn"),
    *("edge_load", "edge_wait_s", "rtt_s", "outage_s", "device_background"),
)


class Futures:
    """Draws `count` futures of `depth` further turns for each present turn."""

    def __init__(self, scenario: Scenario, count: int, depth: int, seed: int) -> None:
        """Draw the pool from the law of the scenario, for users kept for fitting."""
        turns = scenario.workload.turns
        self.count, self.depth = count, min(depth, turns - 1)
        traces = max(4, POOL_TURNS // turns)
        streams = [np.random.default_rng([seed, k]) for k in range(traces)]  # of nobody's seeds
        pool = Pinned(drawn(scenario, "synthetic", "fit"), streams)
        self._pool = pool.rows.copy()
        # The mean of what an answer is worth has less noise than a draw; the worst of a dialogue's
        # answers is no mean.
        self._expects = scenario.objective.kind != "dialogue-min"
        if self._expects:
            for side in ("device", "edge"):
                self._pool[f"quality_{side}"] = self._pool[f"expected_quality_{side}"]
        phones = scenario.device.count
        hours = self._pool["arrival_s"][:, -1] / 3600.0
        self._demand_per_h = turns / (phones * hours)
        gaps = {user.workload.dialogue_gap_mean_s for user in scenario.population}
        self._demands_differ = len(gaps) > 1
        link = scenario.radio
        self._outage_snr_db, self._outage_mean_s = outage_snr_db(link.rate), link.outage_mean_s
        self._generator = np.random.default_rng(seed)
        self._places = self._by_class(turns - self.depth)

    def _by_class(self, last: int) -> dict[tuple[int, int], NDArray[np.int64]]:
        """Return the pool's places, (places, 2), by benchmark and turn of the dialogue."""
        heads = self._pool[:, :last]
        trace, at = np.divmod(np.arange(heads.size), last)
        workload, turn = heads["workload"].ravel(), heads["turn"].ravel()
        places: dict[tuple[int, int], NDArray[np.int64]] = {}
        for w in np.unique(workload):
            for k in np.unique(turn[workload == w]):
                mine = np.flatnonzero((workload == w) & (turn == k))
                places[int(w), int(k)] = np.stack([trace[mine], at[mine]], axis=1)
        return places

    def draw(self, present: NDArray[np.void], seen: Seen) -> NDArray[np.void]:
        """Return futures, ROW of shape (n, count, 1 + depth).

        Args:
            present: the rows to be routed, ROW (n,); of HIDDEN and of later rows nothing is read.
            seen: the decoded observations.
        """
        places = self._near(present, seen)
        trace, at = places[..., 0], places[..., 1]
        rows: NDArray[np.void]
        rows = self._pool[trace[..., None], at[..., None] + np.arange(1 + self.depth)]
        then_s = rows["arrival_s"] - rows["arrival_s"][..., :1]
        if self._demands_differ:  # the user of the pool asks more or less often than ours
            pace = self._demand_per_h[trace] / np.maximum(seen["demand_per_h"], 1e-3)[:, None]
            then_s = then_s * np.clip(pace, 0.02, 50.0)[..., None]
        rows["arrival_s"] = present["arrival_s"][:, None, None] + then_s
        rows["user"] = present["user"][:, None, None]
        theirs, ours = rows["device"][..., :1].copy(), present["device"][:, None, None]
        device = rows["device"]
        rows["device"] = np.where(device == theirs, ours, np.where(device == ours, theirs, device))
        now = rows[..., 0]
        out = (seen["snr_db"] < self._outage_snr_db)[:, None]
        outage_s = self._generator.exponential(self._outage_mean_s, size=now.shape)
        for name in present.dtype.names or ():
            if name not in HIDDEN:
                now[name] = present[name][:, None]
        now["outage_s"] = np.where(out, outage_s, 0.0)  # the link is down, or it is not
        if self._expects:
            for side in ("device", "edge"):
                now[f"quality_{side}"] = now[f"expected_quality_{side}"]
        return rows

    def _near(self, present: NDArray[np.void], seen: Seen) -> NDArray[np.int64]:
        """Return a pool place for each present turn and future, shape (n, count, 2)."""
        n = len(present)
        found = np.empty((n, self.count, 2), np.int64)
        classes = np.stack([present["workload"], present["turn"]], axis=1)
        for workload, turn in np.unique(classes, axis=0):
            mine = np.flatnonzero((classes == (workload, turn)).all(axis=1))
            known = [k for w, k in self._places if w == workload]
            nearest = min(known, key=lambda k: abs(k - turn))
            places = self._places[int(workload), nearest]
            shape = (len(mine), CANDIDATES * self.count)
            tried = places[self._generator.integers(len(places), size=shape)]
            there = self._pool[tried[..., 0], tried[..., 1]]
            apart = np.zeros(shape)
            for name, spread in SPREADS.items():
                here = seen["edge_load" if name == "reported_load" else name][mine]
                apart += ((there[name] - here[:, None]) / spread) ** 2
            kept = np.argpartition(apart, self.count - 1, axis=1)[:, : self.count]
            found[mine] = np.take_along_axis(tried, kept[..., None], axis=1)
        return found

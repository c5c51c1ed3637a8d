"""Futures of an episode as a router may imagine them, drawn from the scenario's law.

A pool of traces is drawn once. A future begins at a place (a turn of a trace) of the pool that
resembles the present: it has the same benchmark and the same turn of a dialogue, and a similar
observed link and load. The future keeps what the router sees of its turn. The rest comes from the
place, such as lengths and qualities. With the score's probability the place is one where the large
model is needed. This is exact, because the score depends on nothing else.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.benchmarks import JUDGE_MAX
from edgeroute_env.scenario import Scenario
from edgeroute_env.seeds import FUTURES, stream
from edgeroute_env.traces.law import synthetic_law
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[Any]  # ROW records

POOL_TURNS = 16_384
CANDIDATES = 8  # how many places are compared for each one taken
SPREADS = {"snr_db": 3.0, "reported_load": 0.05, "report_age_s": 5.0}  # what counts as near
SCORE_SPREAD = 0.05
# What a router always knows of its turn, and what it knows unless its observation hides it.
KNOWN = (
    *("arrival_s", "user", "device", "turn", "benchmark", "prompt_tokens", "attachment_bytes"),
    *("predicted_tokens_device", "predicted_tokens_edge", "score"),
    *("expected_quality_device", "expected_quality_edge", "device_evicted"),
)
HIDEABLE = {
    "snr": ("snr_db", "up_s_per_byte", "down_s_per_byte"),
    "edge-load": ("reported_load", "report_age_s", "expected_wait_s"),
}


class Futures:
    """Draws `count` futures of `depth` further turns for each present turn."""

    def __init__(self, scenario: Scenario, count: int, depth: int) -> None:
        """Draw the pool from the scenario's law, of users kept for fitting."""
        self.count, self.depth = count, depth
        self._hidden = scenario.observation.hidden
        shown = [names for what, names in HIDEABLE.items() if what not in self._hidden]
        self.known = KNOWN + tuple(itertools.chain(*shown))
        self._spreads = {name: SPREADS[name] for name in SPREADS if name in self.known}
        self._generator = np.random.default_rng(0)
        self._draw_pool(scenario)
        # Where a turn is paid for its quality alone, the mean has less noise than a draw. This does
        # not hold where the pay also depends on a length, or on the worst of several turns.
        self._pays_mean = scenario.objective.kind not in (
            "deadline",
            "dialogue-min",
            "relative-cost",
        )
        if self._pays_mean:
            for side in ("device", "edge"):
                self._pool[f"quality_{side}"] = self._pool[f"expected_quality_{side}"]
        gaps = {user.workload.dialogue_gap_mean_s for user in scenario.population}
        self._demands_differ = len(gaps) > 1

    def _draw_pool(self, scenario: Scenario) -> None:
        """Draw the pool, flat, and index its places by benchmark, turn and need."""
        turns = scenario.workload.turns + self.depth  # every turn can be a place
        work = scenario.workload.model_copy(update={"turns": turns})
        longer = scenario.model_copy(update={"workload": work})
        # Streams that are no episode's.
        streams = [stream(FUTURES, k) for k in range(max(8, POOL_TURNS // turns))]
        pool = Pinned(drawn(longer, "synthetic", "fit"), streams).rows
        hours = pool["arrival_s"][:, -1:] / 3600.0
        demand_per_h = turns / (scenario.device.count * hours)
        self._demand_per_h = np.repeat(demand_per_h, turns)
        self._pool = pool.reshape(-1).copy()
        trace, at = np.divmod(np.arange(self._pool.size), turns)
        self._before = _previous(trace, self._pool["device"])
        self._dialogue_score = _dialogue_means(self._pool, self._before)
        tables = synthetic_law(scenario)
        self._mixed = tables.mixed
        margins = np.where(tables.benchmarks["judged"] > 0, tables.benchmarks["need_margin"], 1.0)
        gap = self._pool["quality_edge"] - self._pool["quality_device"]
        needed = JUDGE_MAX * gap >= margins[self._pool["benchmark"]] - 1e-6
        usable = np.flatnonzero(at < turns - self.depth)
        keys = np.stack([self._pool["benchmark"], self._pool["turn"]], axis=1)[usable]
        self._places: dict[tuple[int, int], tuple[Ints, Ints]] = {}
        for w, k in np.unique(keys, axis=0):
            mine = usable[(keys == (w, k)).all(axis=1)]
            self._places[int(w), int(k)] = (mine[~needed[mine]], mine[needed[mine]])

    def draw(self, present: Rows, seen: dict[str, Floats]) -> tuple[Rows, Ints]:
        """Return futures, ROW of shape (n, count, 1 + depth), and their places, (n, count).

        Of the rows to be routed, `present`, ROW (n,), only the columns `known` are read.
        """
        places = self._near(present, seen)
        rows = self._pool[places[..., None] + np.arange(1 + self.depth)]
        then_s = rows["arrival_s"] - rows["arrival_s"][..., :1]
        if self._demands_differ:  # the pool's user asks more or less often than ours
            pace = self._demand_per_h[places] / np.maximum(seen["demand_per_h"], 1e-3)[:, None]
            then_s *= np.clip(pace, 0.02, 50.0)[..., None]
        rows["arrival_s"] = present["arrival_s"][:, None, None] + then_s
        theirs, ours = rows["device"][..., :1].copy(), present["device"][:, None, None]
        device, user = rows["device"], present["user"][:, None, None]
        # In a mixed cell the other phones keep the users that the pool has drawn for them.
        rows["user"] = np.where(device == theirs, user, rows["user"]) if self._mixed else user
        rows["device"] = np.where(device == theirs, ours, np.where(device == ours, theirs, device))
        now = rows[..., 0]
        for name in self.known:
            now[name] = present[name][:, None]
        if self._pays_mean:
            # A few draws seldom contain the end of a long tail; their mean is wrong but looks sure.
            for side in ("device", "edge"):
                now[f"quality_{side}"] = now[f"expected_quality_{side}"]
                now[f"answer_tokens_{side}"] = now[f"predicted_tokens_{side}"]
            if "edge-load" not in self._hidden:
                now["edge_wait_s"] = now["expected_wait_s"]
        return rows, places

    def worst_so_far(self, places: Ints, turn: Ints, edge_bits: Ints) -> Floats:
        """Return the worst answer of the dialogue before each place, shape (n, count); 1 if none.

        The router's own answers have not been judged. The answers of the place's dialogue are used
        instead, because the future's later turns belong to that dialogue.

        `places` are as `draw` gives them. `turn`, (n,), counts in the present rows' dialogues; bit
        k - 1 of `edge_bits`, (n,), says whether turn k went to the edge.
        """
        worst = np.ones(places.shape)
        at = places
        for back in range(1, int(turn.max(initial=1))):
            at = np.where(self._pool["turn"][at] > 1, self._before[at], -1)
            exists = (at >= 0) & (back < turn)[:, None]
            at = np.maximum(at, 0)
            to_edge = (edge_bits >> np.maximum(turn - 1 - back, 0)) & 1
            quality = np.where(
                to_edge[:, None] == 1, self._pool["quality_edge"][at],
                self._pool["quality_device"][at],
            )  # fmt: skip
            worst = np.where(exists, np.minimum(worst, quality), worst)
        return worst

    def _near(self, present: Rows, seen: dict[str, Floats]) -> Ints:
        """Return a pool place for each present turn and future, shape (n, count)."""
        n, shape = len(present), (len(present), self.count, CANDIDATES)
        # Stratified draws of the need: less noise than independent draws, the same share.
        levels = (np.arange(self.count) + self._generator.random((n, 1))) / self.count
        needed = levels < seen["score"][:, None]
        tried = np.empty(shape, np.int64)
        ranks = self._generator.random(shape)
        classes = present["benchmark"].astype(np.int64) * 2**20 + present["turn"]
        for key in np.unique(classes):
            mine = classes == key
            for need, places in enumerate(self._of_class(*divmod(int(key), 2**20))):
                here = mine[:, None] & (needed == need)
                tried[here] = places[(ranks[here] * len(places)).astype(np.int64)]
        apart = np.zeros(shape)
        for name, spread in self._spreads.items():
            apart += ((self._pool[name][tried] - present[name][:, None, None]) / spread) ** 2
        mean = seen["dialogue_score"][:, None, None]
        apart += ((self._dialogue_score[tried] - mean) / SCORE_SPREAD) ** 2 * (
            (present["turn"] > 1)[:, None, None]
        )
        best = apart.argmin(axis=2)
        return np.take_along_axis(tried, best[..., None], axis=2)[..., 0]

    def _of_class(self, benchmark: int, turn: int) -> tuple[Ints, Ints]:
        """Return the places without and with need; of the nearest turn if this one is unknown."""
        known = [k for b, k in self._places if b == benchmark]
        without, with_need = self._places[benchmark, min(known, key=lambda k: abs(k - turn))]
        return (
            without if without.size else with_need,
            with_need if with_need.size else without,
        )


def _previous(trace: Ints, device: NDArray[Any]) -> Ints:
    """Return the place of the same phone's turn before, or -1."""
    order = np.lexsort((np.arange(trace.size), device, trace))
    same = (np.diff(trace[order]) == 0) & (np.diff(device[order]) == 0)
    before = np.full(trace.size, -1)
    before[order[1:]] = np.where(same, order[:-1], -1)
    return before


def _dialogue_means(pool: Rows, before: Ints) -> Floats:
    """Return the mean score of each place's dialogue up to it."""
    total, turn = pool["score"].astype(np.float64), pool["turn"]
    at = np.arange(pool.size)
    for back in range(1, int(turn.max())):
        continues = (turn > back) & (before[at] >= 0)
        at = np.where(continues, before[at], at)
        total += np.where(continues, pool["score"][at], 0.0)
    mean: Floats = total / turn
    return mean

"""What a router that does not know the future could earn at most.

    python -m studies.without_foresight [PRESET ...]

The knowable gap (`what_can_be_known`) still counts what only foresight earns. Here it is paid for.
Whatever a causal router does, its mean return less a rule's is the mean sum, over its turns, of
what the route it takes is worth beyond the rule's choice: expected over all that is not known yet,
if the rule decides from then on (Kakade & Langford, ICML 2002). So the best sequence of actions on
each trace, every choice counted at that expectation, bounds all causal routers from above. This is
an information relaxation with a penalty for foresight (Brown, Smith & Sun, Operations Research
2010). A choice that pays only because of what happens to come is worth no more than it is for a
router that does not know it.

The expectation is a mean over continuations of the trace: the same law, the same past, new random
numbers for the rest. Most errors make the bound too high. The best of noisy means is above the mean
of the best: with 128 continuations instead of 32, the bound of 10 episodes of `paper` falls by 8 %.
And some of what no router sees stays known: the true loads so far, how long a dialogue is, when
other phones ask next. It can be too low by what a choice still does after `rollout.horizon` turns,
and by what the beam misses: a beam of 6 adds 3 % there. Over the 1,280 turns of `busy-cell` the
noise adds up to more than the knowable gap: there it shows nothing. What was found is kept in
`studies/stored/without_foresight.json`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeroute_agents.distillation import Expectation, Refined
from edgeroute_agents.train import BAO, LINEAR
from edgeroute_baselines import fitted_router
from edgeroute_baselines.fitted import fitted_parameters
from edgeroute_baselines.follow import followed
from edgeroute_baselines.linear import LinearRouter
from edgeroute_baselines.rollout import horizon
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_hash, scenario_names
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces import draw
from edgeroute_env.traces.columns import ROW
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Drawn, Pinned, draw_traces
from studies.stored import FOLDER, kept

FILE = FOLDER / "without_foresight.json"
FUTURES, WIDTH = 32, 2  # continuations a turn; sequences kept of each episode
TURNS = 3_840  # 30 episodes of 128 turns, fewer where they are long
# What is drawn anew of the turn at hand: all that a router does not see of it, or only when the
# phone's next turn comes. Of later turns all is.
SEEN, TURN = "what is seen", "all of the turn"
DRAWN_ANEW = {
    SEEN: [draw.GAP, draw.LOAD, draw.WAIT, draw.ROUND_TRIP, draw.OUTAGE, draw.BUSY],
    TURN: [draw.GAP],
}
BOTH = ("paper", "fleet", "indoor")  # where the second is measured too

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[Any]  # ROW records


@dataclass(frozen=True)
class Continuations:
    """Draws how the traces that `blocks` of uniforms gave could have gone on."""

    source: Drawn
    blocks: Sequence[Floats]
    change: Callable[[Rows], None]  # what is done to fresh traces, ROW (m, T)
    drawn_anew: Sequence[int]  # columns of the present turn's uniforms
    generator: np.random.Generator

    def rows(self, turn: int, ahead: int) -> Rows:
        """Return FUTURES continuations of each trace, from `turn` on for `ahead` more.

        ROW, shape (traces * FUTURES, turns).
        """
        found = np.concatenate([self._of(block, turn, ahead) for block in self.blocks])
        self.change(found)
        return found

    def _of(self, block: Floats, turn: int, ahead: int) -> Rows:
        first = draw.PHONE_ROWS + self.source.phones
        now, end = first + turn, min(first + turn + 1 + ahead, len(block))
        blocks = np.repeat(block[None, :end], FUTURES, axis=0)
        blocks[:, now + 1 :] = self.generator.random(blocks[:, now + 1 :].shape)
        blocks[:, now, self.drawn_anew] = self.generator.random((FUTURES, len(self.drawn_anew)))
        rows = np.zeros((FUTURES, end - first), ROW)
        draw_traces(self.source.law, self.source.phones, blocks, np.arange(FUTURES), rows)
        return rows[:, turn:]


def ceiling(scenario: Scenario, batch: Batch, rule: LinearRouter, ways: Continuations) -> Floats:
    """Return how much more than `rule` the best sequence of each episode is worth, shape (n,).

    `batch` holds the episodes at their first turn; `ways` are continuations of their traces.
    """
    ahead, n = horizon(scenario), batch.episodes.size
    states = batch.taken(np.arange(n))
    episode, value = np.arange(n), np.zeros(n)
    for turn in range(scenario.workload.turns):
        rule_takes = rule.route(states.observations)
        worth = edge_worth(states, episode, ways.rows(turn, ahead), rule)
        other = value + np.where(rule_takes == 1, -worth, worth)
        value = np.concatenate([value, other])
        best = _best(np.tile(episode, 2), value)
        of = best % len(episode)
        actions = np.concatenate([rule_takes, 1 - rule_takes])[best]
        states, episode, value = states.taken(of), episode[of], value[best]
        states.step(actions)
    return np.array([value[episode == e].max() for e in range(n)])


def edge_worth(states: Batch, episode: Ints, rows: Rows, rule: LinearRouter) -> Floats:
    """Return by how much the edge is expected to earn more than the phone, shape (states,).

    `episode`, (states,), says whose continuations among `rows` each state meets.
    """
    n = len(episode)
    run = states.taken(np.tile(np.repeat(np.arange(n), FUTURES), 2))
    run.share_traces(rows)
    trace = (FUTURES * episode[:, None] + np.arange(FUTURES)).ravel()
    run.episodes["trace"] = np.tile(trace, 2)
    run.episodes["cursor"] = 0
    run.episodes["length"] = rows.shape[1]
    routes = np.repeat(np.array([0, 1]), n * FUTURES)
    phone, edge = followed(run, routes, rule.record).reshape(2, n, FUTURES).mean(axis=2)
    worth: Floats = edge - phone
    return worth


def _best(episode: Ints, value: Floats) -> Ints:
    """Return the places of the WIDTH greatest values of each episode."""
    order = np.lexsort((-value, episode))
    ordered = episode[order]
    return order[np.arange(len(order)) - np.searchsorted(ordered, ordered) < WIDTH]


def measured(scenario: Scenario, episodes: int, level: str) -> list[float]:
    """Return by how much the bound lies above the tuned rule, episode by episode."""
    source = drawn(scenario, "synthetic", "evaluation")
    paid = load_scenario(scenario, {"objective.quality": "expected"})
    better, seeds = Expectation(scenario), EVALUATION_SEEDS[:episodes]

    def change(rows: Rows) -> None:
        better.fill(rows, np.arange(len(rows)))
        as_predicted(rows, np.arange(len(rows)))

    pinned = Pinned(Refined(Refined(source, better.fill), as_predicted), generators(seeds))
    tuned, rule = (fitted_router(scenario, "synthetic", name) for name in (BAO, LINEAR))
    assert isinstance(rule, LinearRouter)
    less = run_episodes(rule, paid, pinned, seeds).returns()
    less -= run_episodes(tuned, paid, pinned, seeds).returns()
    batch = Batch(paid, pinned, episodes)
    batch.begin(np.arange(episodes), generators(seeds))
    shape = draw.block_shape(source.turns, source.phones)
    blocks = [generator.random(shape) for generator in generators(seeds)]
    anew = DRAWN_ANEW[level]
    ways = Continuations(source, blocks, change, anew, np.random.default_rng(0))
    return [round(float(gain), 4) for gain in less + ceiling(paid, batch, rule, ways)]


def as_predicted(store: Rows, which: Ints) -> None:
    """Make the answers of the traces `store[which]` as long as a router may expect."""
    for side in ("device", "edge"):
        store[f"answer_tokens_{side}"][which] = store[f"predicted_tokens_{side}"][which]


def levels(preset: str) -> list[str]:
    """Return what is known under the bounds that are measured on a preset."""
    return [SEEN, TURN] if preset in BOTH else [SEEN]


def found(preset: str, level: str) -> Floats:
    """Return what is kept of the first episodes of a preset, made where it is not of today's."""
    torch.set_num_threads(1)
    scenario = load_scenario(preset)
    episodes = max(2, TURNS // scenario.workload.turns)
    key = {
        "scenario_hash": scenario_hash(scenario),
        "rules": {rule: fitted_parameters(scenario, "synthetic", rule) for rule in (BAO, LINEAR)},
        "episodes": episodes,
        "futures": FUTURES,
        "width": WIDTH,
    }
    name = f"{preset}, {level}"
    return np.array(kept(FILE, name, key, lambda: measured(scenario, episodes, level)))


def main() -> None:
    print(f"less {BAO}, an episode: no router that does not know the future earns more")
    for preset in sys.argv[1:] or scenario_names():
        if load_scenario(preset).objective.kind == "dialogue-min":
            continue
        for level in levels(preset):
            gains = interval(found(preset, level))
            print(f"{preset:<13} knowing {level:<15} {with_interval(gains)}", flush=True)


if __name__ == "__main__":
    main()

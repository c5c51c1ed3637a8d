"""What could have been earned: the best sequence of actions known for each trace, in hindsight.

It reads the trace and plans with the simulator itself, by three means, each of which keeps the best
sequence found so far:

1. the sequences of other routers' runs on the same traces (`incumbents`);
2. beam search over the true trace, once for each price on what a budget runs out of (a Lagrangian:
   without it, a beam spends a quota or a battery early);
3. local improvement: every single turn is tried the other way, the rest left as it is.

So it is never worse than any router whose sequence it was given. Where the beam holds all sequences
(2 ** turns of them fit its width) the result is exact; otherwise it is a lower estimate of the
bound, and `found` says what each means added.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeroute_env import InputError
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch

Floats = NDArray[np.float64]
Actions = NDArray[np.int64]

WIDTH = 16
EXHAUSTIVE_TURNS = 12  # below, all sequences are tried
CALL_PRICES = (0.0, 0.05, 0.1, 0.2, 0.4)  # reward a call of a quota
BATTERY_PRICES = (0.0, 0.25, 0.5, 1.0, 2.0)  # reward a turn's even share of the battery
FLIP_SWEEPS = 2
FLIP_TURNS = 512  # longer episodes are not improved turn by turn: it takes turns ** 2 steps each
ROWS = 20_000  # copies of episodes held at a time


class ClairvoyantRouter:
    """Follows its plan; an `edgeroute_env.routing.Insider`.

    Attributes:
        incumbents: action sequences to start from, each (turns, n) for the n episodes to come.
        found: the mean return after each means of the last plan: routers, beams, flips.
    """

    name = "clairvoyant"
    reads_score = False

    def __init__(self, width: int = WIDTH, incumbents: Sequence[Actions] = ()) -> None:
        """Take the beam's width, in states an episode."""
        if width < 2:
            raise InputError("width", width, "2 or more states")
        self.width = width
        self.incumbents = incumbents
        self.found: dict[str, float] = {}
        self._plan: Actions | None = None
        self._turn = 0

    def reset(self, n: int) -> None:
        """Forget the plan of earlier episodes."""
        self._plan, self._turn = None, 0

    def attach(self, scenario: Scenario, batch: Batch) -> None:
        """Plan all episodes of the batch that is about to run."""
        turns = int(batch.episodes["length"].max())
        n = batch.episodes.size
        best = Best(turns, n)
        for actions in (*self.incumbents, *(np.full((turns, n), side) for side in (0, 1))):
            best.improve(actions[:turns], replayed(batch, actions))
        self.found = {"routers": float(best.returns.mean())}
        width = 2**turns if turns <= EXHAUSTIVE_TURNS else self.width
        for narrower in (-(-width // 4), width):
            for price in _prices(scenario, turns):
                best.improve(*beam(batch, turns, narrower, price))
            self.found[f"beam {narrower}"] = float(best.returns.mean())
        if EXHAUSTIVE_TURNS < turns <= FLIP_TURNS:
            for _ in range(FLIP_SWEEPS):
                flip(batch, best)
        self.found["flips"] = float(best.returns.mean())
        self._plan = best.actions

    @property
    def exact(self) -> bool:
        """Whether the last plan is known to be optimal: all sequences were tried."""
        return self._plan is not None and len(self._plan) <= EXHAUSTIVE_TURNS

    def route(self, observations: NDArray[np.float32]) -> Actions:
        """Return the planned actions, shape (n,), whatever is observed."""
        if self._plan is None:
            raise InputError("router", self.name, "a run that attaches its batch (run_episodes)")
        actions: Actions = self._plan[self._turn]
        self._turn += 1
        return actions


class Best:
    """The best sequence of each episode so far: actions (turns, n), returns (n,)."""

    def __init__(self, turns: int, n: int) -> None:
        """Start below every sequence."""
        self.actions = np.zeros((turns, n), np.int64)
        self.returns = np.full(n, -np.inf)

    def improve(self, actions: Actions, returns: Floats) -> None:
        """Take over the sequences that earn more."""
        better = returns > self.returns
        self.actions[: len(actions), better] = actions[:, better]
        self.returns[better] = returns[better]


def replayed(batch: Batch, actions: Actions) -> Floats:
    """Return what each episode earns from its beginning by `actions`, (turns, n), shape (n,)."""
    run = batch.taken(np.arange(batch.episodes.size))
    total = np.zeros(run.episodes.size)
    for chosen in actions:
        _step(run, chosen, total)
    return total


def beam(batch: Batch, turns: int, width: int, price: Floats) -> tuple[Actions, Floats]:
    """Return the best sequences that a beam of `width` states an episode finds, and their returns.

    Args:
        price: reward that an edge call and a joule are charged in the ranking, shape (2,).
    """
    n = batch.episodes.size
    states = batch.taken(np.arange(n))
    episode, value, total = np.arange(n), np.zeros(n), np.zeros(n)
    parents: list[NDArray[np.int64]] = []
    taken: list[Actions] = []
    for _ in range(turns):
        twice = np.repeat(np.arange(len(episode)), 2)
        actions = np.tile(np.array([0, 1]), len(episode))
        states = states.taken(twice)
        episode, value, total = episode[twice], value[twice], total[twice]
        running = ~states.over
        _step(states, actions, total)
        seen = states.outcomes[running]
        spent = price[0] * seen["edge_call"] + price[1] * seen["energy_j"]
        value[running] += seen["reward"] - spent
        kept = _best(episode, value, width)
        parents.append(twice[kept])
        taken.append(actions[kept])
        states = states.taken(kept)
        episode, value, total = episode[kept], value[kept], total[kept]
    first = np.lexsort((-total, episode))
    row = first[np.searchsorted(episode[first], np.arange(n))]
    returns = total[row]
    plan = np.empty((turns, n), np.int64)
    for t in reversed(range(turns)):
        plan[t] = taken[t][row]
        row = parents[t][row]
    return plan, returns


def flip(batch: Batch, best: Best) -> None:
    """Try every turn of every episode the other way, the other turns as they are; keep gains.

    Gains of different turns are then taken over together, from the greatest down, as long as the
    whole sequence earns more.
    """
    turns, n = best.actions.shape
    for part in np.array_split(np.arange(n), max(1, -(-n * turns // ROWS))):
        gains = _flip_gains(batch, best, part)
        # All that help alone may not help together: take ever fewer of them.
        for share in (1.0, 0.5, 0.25, 0.0):
            flipped = best.actions[:, part].copy()
            for k in range(len(part)):
                order = np.argsort(-gains[:, k])
                helps = int((gains[:, k] > 1e-9).sum())
                chosen = order[: max(min(helps, 1), int(share * helps))]
                flipped[chosen, k] ^= 1
            whole = best.actions.copy()
            whole[:, part] = flipped
            returns = np.full(n, -np.inf)
            returns[part] = replayed(batch.taken(part), flipped)
            best.improve(whole, returns)


def _flip_gains(batch: Batch, best: Best, part: NDArray[np.int64]) -> Floats:
    """Return what flipping one turn alone adds to the return, shape (turns, episodes of part)."""
    turns, n = len(best.actions), len(part)
    tried = np.tile(best.actions[:, part], turns)  # (turns, flipped turn by flipped turn, n each)
    for t in range(turns):
        tried[t, t * n : (t + 1) * n] ^= 1
    returns = replayed(batch.taken(np.tile(part, turns)), tried).reshape(turns, n)
    gains: Floats = returns - best.returns[part]
    return gains


def _step(batch: Batch, actions: Actions, total: Floats) -> None:
    """Take a turn and add what the running episodes earn to `total`."""
    running = ~batch.over
    batch.step(actions)
    total += np.where(running, batch.outcomes["reward"], 0.0)


def _best(episode: NDArray[np.int64], value: Floats, width: int) -> NDArray[np.int64]:
    """Return the rows of the `width` greatest values of each episode."""
    order = np.lexsort((-value, episode))
    sorted_episode = episode[order]
    starts = np.searchsorted(sorted_episode, sorted_episode)
    kept: NDArray[np.int64] = order[np.arange(len(order)) - starts < width]
    return kept


def _prices(scenario: Scenario, turns: int) -> list[Floats]:
    """Return the prices of an edge call and of a joule to search with, shape (2,) each."""
    budgets = scenario.budgets
    calls = CALL_PRICES if budgets.edge_calls is not None else (0.0,)
    shares = BATTERY_PRICES if budgets.battery_j is not None else (0.0,)
    joule = turns / budgets.battery_j if budgets.battery_j is not None else 0.0
    return [np.array([call, share * joule]) for call in calls for share in shares]

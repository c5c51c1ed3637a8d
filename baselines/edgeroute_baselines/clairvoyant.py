"""What could have been earned: the best known sequence of actions for each trace, in hindsight.

The router reads the trace and plans with the simulator itself. It uses three searches. Each keeps
the best sequence found so far:

1. the sequences of other routers' runs on the same traces (`incumbents`);
2. beam search over the true trace, once for each price on a budget's calls or energy. These prices
   are Lagrange multipliers. Without them a beam spends a quota or a battery early;
3. local improvement: for each turn alone, the other action is tried.

So the router is never worse than a router whose sequence it was given. If the beam holds all
sequences (episodes of at most EXHAUSTIVE_TURNS), the result is exact. Otherwise it is an estimate
of the bound from below, and `found` says how far each search came. Each beam runs after all beams
of half its width, a quarter and so on, so it never finds less than a narrower one.
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

NARROWEST, WIDTH = 4, 16
EXHAUSTIVE_TURNS = 12  # up to this number of turns, all sequences are tried
CALL_PRICES = (0.0, 0.05, 0.1, 0.2, 0.4)  # reward for a call of a quota
BATTERY_PRICES = (0.0, 0.25, 0.5, 1.0, 2.0)  # reward for a turn's equal share of the battery
FLIP_SWEEPS = 2
FLIP_TURNS = 512  # no longer episode is improved turn by turn, which takes turns ** 2 steps
ROWS = 16_384  # copies of episodes held at a time, for memory


class ClairvoyantRouter:
    """Follows its plan; an `edgeroute_env.routing.Insider`.

    Attributes:
        incumbents: action sequences to start from, each (turns, n) for the n episodes to come.
        found: the mean return after each search of the last plan: routers, beams, flips.
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
        exhaustive = turns <= EXHAUSTIVE_TURNS
        for width in (2**turns,) if exhaustive else _doublings(self.width):
            for price in _prices(scenario, turns):
                best.improve(*beam(batch, turns, width, price))
            self.found[f"beam {width}"] = float(best.returns.mean())
        if not exhaustive and turns <= FLIP_TURNS:
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
        """Start with returns below those of every sequence."""
        self.actions = np.zeros((turns, n), np.int64)
        self.returns = np.full(n, -np.inf)

    def improve(self, actions: Actions, returns: Floats) -> None:
        """Replace sequences by those that earn more."""
        better = returns > self.returns
        self.actions[: len(actions), better] = actions[:, better]
        self.returns[better] = returns[better]


def replayed(batch: Batch, actions: Actions) -> Floats:
    """Return the return of each episode under `actions` (turns, n) from its start, shape (n,)."""
    run = batch.taken(np.arange(batch.episodes.size))
    total = np.zeros(run.episodes.size)
    for chosen in actions:
        _step(run, chosen, total)
    return total


def beam(batch: Batch, turns: int, width: int, price: Floats) -> tuple[Actions, Floats]:
    """Return the best actions, (turns, n), that a beam finds, and their returns, (n,).

    `batch` holds n episodes of at most `turns` turns, at their first one; `width` states are kept
    of each. `price`, (2,), is what an edge call and a joule are charged in the ranking, in reward.
    """
    n = batch.episodes.size
    parts = np.array_split(np.arange(n), min(n, -(-2 * width * n // ROWS)))
    found = [_beam(batch.taken(part), turns, width, price) for part in parts]
    return np.concatenate([plan for plan, _ in found], axis=1), np.concatenate(
        [returns for _, returns in found]
    )


def _beam(batch: Batch, turns: int, width: int, price: Floats) -> tuple[Actions, Floats]:
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
    """Try the other action for each turn alone, and keep what helps.

    Changes that help alone may not help together. So all of them are tried together first, then
    ever fewer of those with the greatest gains, and at last the greatest one alone.
    """
    gains = flip_gains(batch, best.actions, best.returns)
    order = np.argsort(-gains, axis=0)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(order))[:, None], axis=0)
    helps = gains > 1e-9
    start = best.actions.copy()
    for share in (1.0, 0.5, 0.25, 0.1, 0.0):
        taken = helps & (rank < np.maximum(1, share * helps.sum(axis=0)))
        flipped = start ^ taken
        best.improve(flipped, replayed(batch, flipped))


def flip_gains(batch: Batch, played: Actions, returns: Floats) -> Floats:
    """Return what flipping one turn alone adds to the return, shape (turns, n).

    `batch` holds n episodes at their first turn, which earn `returns`, (n,), under the actions
    `played`, (turns, n). The other turns keep their action; turns after these are not counted.
    """
    turns, n = played.shape
    each = np.arange(n)
    run, so_far = batch.taken(each), np.zeros(n)  # at the first turn of a block
    gains = np.empty((turns, n))
    block = max(1, ROWS // n)
    for first in range(0, turns, block):
        size = min(block, turns - first)
        tried = run.taken(np.tile(each, size))
        total = np.tile(so_far, size)
        for t in range(first, turns):
            actions = np.tile(played[t], size)
            if t < first + size:
                actions[(t - first) * n : (t - first + 1) * n] ^= 1
                _step(run, played[t], so_far)
            _step(tried, actions, total)
        gains[first : first + size] = total.reshape(size, n) - returns
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
    return order[np.arange(len(order)) - starts < width]


def _doublings(width: int) -> list[int]:
    """Return the widths to search with, the last of them `width`."""
    widths = [width]
    while widths[0] > NARROWEST:
        widths.insert(0, widths[0] // 2)
    return widths


def _prices(scenario: Scenario, turns: int) -> list[Floats]:
    """Return the prices of an edge call and of a joule to search with, shape (2,) each."""
    budgets = scenario.budgets
    calls = CALL_PRICES if budgets.edge_calls is not None else (0.0,)
    shares = BATTERY_PRICES if budgets.battery_j is not None else (0.0,)
    joule = turns / budgets.battery_j if budgets.battery_j is not None else 0.0
    return [np.array([call, share * joule]) for call in calls for share in shares]

"""LinUCB with disjoint linear models (Li et al., WWW 2010, arXiv 1003.0146): learns while it runs.

The router assumes that each route's reward is linear in what is seen. It takes the route with the
greater upper confidence bound `x . w + width * sqrt(x' A^-1 x)`. Feedback is delayed: a turn counts
only once its answer is complete (`edgeroute_env.routing.Learner`).

Nothing is learned beforehand. `reset` forgets everything, so each run pays for its exploration. One
model serves all episodes of a batch, as an operator's model would serve many phones, each of which
reports its finished turns. With one episode the model is one phone's own. So the figures grow with
the number of episodes side by side, and this number must be stated with them. The router adds no
randomness to that of the traces.

The router learns a turn's own reward. It does not see effects that come many turns later (a
dialogue's worst answer, a spent quota).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.rule import Floats, Seen, not_negative
from edgeroute_env import decode

WIDTHS = (0.0, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6)
_LONG_S = 30.0  # longer times are cut to this, so that no outlier bends the line


def _times(*names: str) -> Callable[[Seen], Floats]:
    return lambda seen: np.minimum(sum(seen[name] for name in names), _LONG_S) / 10.0


# All of about unit size, so that one ridge fits all.
TERMS: tuple[Callable[[Seen], Any], ...] = (
    lambda seen: np.ones_like(seen["score"]),
    lambda seen: seen["score"],
    _times("device_wait_s"),
    _times("device_prefill_s", "device_switch_s", "device_decode_s"),
    _times("edge_wait_s"),
    _times("edge_radio_s", "edge_prefill_s", "edge_switch_s", "edge_decode_s"),
    lambda seen: seen["edge_load"],
    lambda seen: seen["heat"],
)
SIZE = len(TERMS)


class LinUcbRouter:
    """The bandit; `width` >= 0 scales its confidence bound, in units of reward."""

    name = "linucb"

    def __init__(self, width: float) -> None:
        """Start with nothing learned."""
        not_negative(width=width)
        self.width = width
        self.reset(0)

    def reset(self, n: int) -> None:
        """Forget everything that was learned."""
        self._inverse = np.stack([np.eye(SIZE)] * 2)  # A^-1 of each route, a ridge of 1
        self._moment = np.zeros((2, SIZE))  # b: sums of reward times x
        self._turn = 0
        self._x = np.zeros((1, n, SIZE))  # what each decision was based on, and the decision
        self._taken = np.zeros((1, n), np.int64)

    def route(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the actions, shape (n,), and remember what they were based on."""
        seen = decode(observations)
        x = np.stack([term(seen) for term in TERMS], axis=-1)
        bounds = []
        for inverse, moment in zip(self._inverse, self._moment, strict=True):
            spread = np.sqrt(np.maximum(((x @ inverse) * x).sum(axis=-1), 0.0))
            bounds.append(x @ (inverse @ moment) + self.width * spread)
        actions: NDArray[np.int64] = (bounds[1] > bounds[0]).astype(np.int64)
        if self._turn == len(self._x):  # the memory is full, so double it
            self._x = np.concatenate([self._x, np.zeros_like(self._x)])
            self._taken = np.concatenate([self._taken, np.zeros_like(self._taken)])
        self._x[self._turn], self._taken[self._turn] = x, actions
        self._turn += 1
        return actions

    def learn(
        self, turns: NDArray[np.int64], episodes: NDArray[np.int64], outcomes: NDArray[Any]
    ) -> None:
        """Learn from finished turns, all turns of a route at once.

        This is the rank-k form of the Sherman-Morrison update (Woodbury). With more turns than
        weights, the information matrix is inverted instead.
        """
        if not len(turns):
            return
        x, taken = self._x[turns, episodes], self._taken[turns, episodes]
        for action in (0, 1):
            mine = x[taken == action]
            if len(mine):
                self._inverse[action] = _added(self._inverse[action], mine)
                self._moment[action] += outcomes["reward"][taken == action] @ mine


def _added(inverse: Floats, x: Floats) -> Floats:
    """Return (A + x'x)^-1 from A^-1, for rows x of shape (k, SIZE)."""
    if len(x) > SIZE:
        added = np.linalg.inv(np.linalg.inv(inverse) + x.T @ x).astype(np.float64)
    else:
        gain = inverse @ x.T
        added = inverse - gain @ np.linalg.solve(np.eye(len(x)) + x @ gain, gain.T)
    return (added + added.T) / 2.0  # despite rounding errors

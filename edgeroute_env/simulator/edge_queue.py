"""The serving engine's batch of our own requests, joined in the order in which they reach the edge.

The engine serves all requests of its batch together (continuous batching). A request joins at once
if the batch has fewer than `edge.max_sequences` and the KV pool has room for its whole context;
else it waits, first come first served. So a crowd shows mainly as slow prefill and decode: each
request in the batch slows every other by the share of the engine that it takes
(`requests.edge_times_s`), so a request beside shares that sum to s takes 1 + s times as long.

A turn's latency must be known when the turn is routed, but later turns will share its batch. So its
pace is that of the batch that it joins, and stays so. In the mean this is exact for processor
sharing, where the pace follows the batch at every moment: arrivals see time averages, and by
Little's law as many join as leave, so the mean time is the time alone over 1 - (the load)
(tests/simulator/test_queueing_theory.py). An engine that runs prefills first is not quite that:
beside an event simulation of one, the mean is 6 to 15 % low. Of several that arrive together the
first is too fast; the last one ends when it would.

Nobody knows how long an answer will be. So a request holds memory and takes its share of the engine
as an expected answer would; only its end is the true one.

A turn is routed when the user asks it. Its request may reach the edge much later: a follow-up waits
for the answer before it, an upload may be long, the link may be out. Until then the request stands
in `waiting`. So it does not delay others or show in a load report too early.

`ep.next_at_s` and the other `next_` fields are the next request to arrive; all later ones are in
the `EdgeQueue`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.physics.queueing import admission_s, move_row

Floats = NDArray[np.float64]
PLACES_PER_PHONE, SPARE_PLACES = 2, 6
REQUEST = 4  # columns of a request on its way: arrival (s), hold time (s), tokens, share
SEQUENCE = 3  # columns of a request in the batch: end (s), tokens, share
NEVER_S = np.inf


class EdgeQueue(NamedTuple):
    """The queue of one episode: all episodes' arrays and an index, which is cheaper than views.

    Attributes:
        waiting: shape (n, places, REQUEST): the requests behind the next one,
            `waiting[e, :ep.waiting]`; the last to arrive comes first.
        live: shape (n, 2, max_sequences, SEQUENCE): the requests in the batch. Row 0 is the
            state, `live[e, 0, :ep.live]`; row 1 is scratch memory for looking ahead.
        e: which of the n episodes.
    """

    waiting: Floats
    live: Floats
    e: int


@compiled
def _join(batch: Floats, place: int, end_s: float, tokens: float, share: float) -> int:
    """Put a request into the batch and return how many are in it."""
    batch[place, 0], batch[place, 1], batch[place, 2] = end_s, tokens, share
    return place + 1


@compiled
def _admit_next(p: Any, ep: Any, queue: EdgeQueue, until_s: float) -> bool:
    """Let the next request into the batch, if it can join by `until_s`; return whether it did."""
    waiting, live, e = queue
    start_s, count = ep.next_at_s, 0
    if ep.latest_end_s > start_s:
        start_s, count = max(start_s, ep.latest_start_s), ep.live
        if start_s <= until_s:
            start_s, count = admission_s(
                live[e, 0], count, start_s, ep.next_tokens, p.cost.kv_pool_tokens, until_s
            )
    if start_s > until_s:
        ep.live = count
        return False
    end_s = start_s + ep.next_hold_s
    ep.live = _join(live[e, 0], count, end_s, ep.next_tokens, ep.next_share)
    ep.latest_start_s = start_s
    ep.latest_end_s = max(ep.latest_end_s, end_s)
    ep.next_at_s = NEVER_S
    if ep.waiting:
        ep.waiting -= 1
        ep.next_at_s = waiting[e, ep.waiting, 0]
        ep.next_hold_s = waiting[e, ep.waiting, 1]
        ep.next_tokens = waiting[e, ep.waiting, 2]
        ep.next_share = waiting[e, ep.waiting, 3]
    return True


@compiled
def admit_until(p: Any, ep: Any, queue: EdgeQueue, time_s: float) -> None:
    """Let the requests that can join the batch by `time_s` into it, in their order.

    The others that have reached the edge still wait in the engine's queue.
    """
    while ep.next_at_s <= time_s and _admit_next(p, ep, queue, time_s):
        pass


@compiled
def look_ahead(
    p: Any, ep: Any, queue: EdgeQueue, at_s: float, tokens: float
) -> tuple[float, float]:
    """Return the wait (s) of a request that arrives at `at_s`, and the shares of its batch."""
    waiting, live, e = queue
    pool_tokens = p.cost.kv_pool_tokens
    ahead, count, ready_s = live[e, 1], ep.live, ep.latest_start_s
    ahead[:count] = live[e, 0, :count]
    if ep.next_at_s <= at_s:
        ready_s = max(ready_s, ep.next_at_s)
        ready_s, count = admission_s(ahead, count, ready_s, ep.next_tokens, pool_tokens)
        count = _join(ahead, count, ready_s + ep.next_hold_s, ep.next_tokens, ep.next_share)
    for i in range(ep.waiting - 1, -1, -1):
        if waiting[e, i, 0] > at_s:  # so are all that come later
            break
        other_at_s, hold_s, other_tokens, share = waiting[e, i]
        ready_s = max(ready_s, other_at_s)
        ready_s, count = admission_s(ahead, count, ready_s, other_tokens, pool_tokens)
        count = _join(ahead, count, ready_s + hold_s, other_tokens, share)
    start_s, count = admission_s(ahead, count, max(ready_s, at_s), tokens, pool_tokens)
    shares = 0.0
    for i in range(count):
        shares += ahead[i, 2]
    return start_s - at_s, shares


@compiled
def sequences(ep: Any, queue: EdgeQueue, at_s: float) -> int:
    """Return how many of our requests are at the edge at `at_s`: in the batch or waiting."""
    waiting, batch, e = queue
    here = 1 if ep.next_at_s <= at_s else 0
    for i in range(ep.live):
        if batch[e, 0, i, 0] > at_s:
            here += 1
    for i in range(ep.waiting):
        if waiting[e, i, 0] <= at_s:
            here += 1
    return here


@compiled
def send(
    p: Any, ep: Any, queue: EdgeQueue, at_s: float, hold_s: float, tokens: float, share: float
) -> None:
    """Add a request that is on its way. If all places are taken, the next one is admitted now."""
    waiting = queue.waiting
    e = queue.e
    if ep.waiting == waiting.shape[1]:
        _admit_next(p, ep, queue, NEVER_S)
    if at_s < ep.next_at_s:
        at_s, ep.next_at_s = ep.next_at_s, at_s
        hold_s, ep.next_hold_s = ep.next_hold_s, hold_s
        tokens, ep.next_tokens = ep.next_tokens, tokens
        share, ep.next_share = ep.next_share, share
        if at_s == NEVER_S:  # no other request is on its way
            return
    place = ep.waiting
    while place > 0 and waiting[e, place - 1, 0] <= at_s:
        move_row(waiting[e], place - 1, place)
        place -= 1
    behind = waiting[e, place]
    behind[0], behind[1], behind[2], behind[3] = at_s, hold_s, tokens, share
    ep.waiting += 1

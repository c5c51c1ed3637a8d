"""The edge's queue for our own requests, served in the order in which they reach the edge.

A turn is routed when the user asks it. Its request may reach the edge much later: a follow-up waits
for the answer before it, an upload may be long, the link may be out. Until then the request stands
in `waiting` and takes no slot. So it does not delay others or show in a load report too early.

`ep.next_at_s` and `ep.next_hold_s` are the next request's arrival and the time for which it will
hold a slot. All later requests are in the `EdgeQueue`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.physics.queueing import busy_slots, earliest, kiefer_wolfowitz_step

Floats = NDArray[np.float64]
PLACES_PER_PHONE, SPARE_PLACES = 2, 6
NEVER_S = np.inf


class EdgeQueue(NamedTuple):
    """The queue of one episode: all episodes' arrays and an index, which is cheaper than views.

    Attributes:
        waiting: shape (n, places, 2): arrival and hold time (s) of the requests behind the next
            one, `waiting[e, :ep.waiting]`; the last to arrive comes first.
        slots: shape (n, 2, slots): the times at which slots become free (s). Row 0 is the state,
            row 1 is scratch memory for looking ahead.
        e: which of the n episodes.
    """

    waiting: Floats
    slots: Floats
    e: int


@compiled
def admit_until(ep: Any, queue: EdgeQueue, time_s: float) -> None:
    """Give slots to the requests that have reached the edge by `time_s`, in their order."""
    waiting, slots, e = queue
    for _ in range(ep.waiting + 1):
        if ep.next_at_s > time_s:
            break
        free_at_s = ep.next_at_s + ep.next_hold_s
        if ep.latest_slot_s <= ep.next_at_s:  # all slots are free, so any slot will do
            slots[e, 0, 0] = free_at_s
            ep.latest_slot_s = free_at_s
        else:
            wait_s = kiefer_wolfowitz_step(slots[e, 0], ep.next_at_s, ep.next_hold_s)
            ep.latest_slot_s = max(ep.latest_slot_s, free_at_s + wait_s)
        ep.next_at_s = NEVER_S
        if ep.waiting:
            ep.waiting -= 1
            ep.next_at_s = waiting[e, ep.waiting, 0]
            ep.next_hold_s = waiting[e, ep.waiting, 1]


@compiled
def look_ahead(ep: Any, queue: EdgeQueue, at_s: float) -> tuple[float, int]:
    """Return the wait (s) of a request that arrives at `at_s`, and how many slots are then busy."""
    waiting, slots, e = queue
    ahead = slots[e, 1]
    ahead[:] = slots[e, 0]
    if ep.next_at_s <= at_s:
        kiefer_wolfowitz_step(ahead, ep.next_at_s, ep.next_hold_s)
    for i in range(ep.waiting - 1, -1, -1):
        if waiting[e, i, 0] <= at_s:
            kiefer_wolfowitz_step(ahead, waiting[e, i, 0], waiting[e, i, 1])
    wait_s = max(0.0, ahead[earliest(ahead)] - at_s)
    return wait_s, busy_slots(ahead, at_s + wait_s)


@compiled
def send_behind(ep: Any, queue: EdgeQueue, at_s: float, hold_s: float) -> None:
    """Add a request while another is on its way (if none is, it simply becomes the next).

    If all places are taken, the next request gets its slot at once.
    """
    waiting = queue.waiting
    e = queue.e
    if ep.waiting == waiting.shape[1]:
        admit_until(ep, queue, ep.next_at_s)
    if at_s < ep.next_at_s:
        at_s, ep.next_at_s = ep.next_at_s, at_s
        hold_s, ep.next_hold_s = ep.next_hold_s, hold_s
    place = ep.waiting
    while place > 0 and waiting[e, place - 1, 0] <= at_s:
        waiting[e, place, 0] = waiting[e, place - 1, 0]
        waiting[e, place, 1] = waiting[e, place - 1, 1]
        place -= 1
    waiting[e, place, 0] = at_s
    waiting[e, place, 1] = hold_s
    ep.waiting += 1

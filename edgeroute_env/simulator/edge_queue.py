"""The edge's queue for our own requests: first come, first served in the order they get there.

A turn is routed when it is asked, but its request may reach the edge much later (a follow-up that
waits for its answer, a long upload, an outage). Until then it stands in `waiting` and takes no
slot, so that it neither delays others nor shows in a load report before its time.

The next request to get there is `ep.next_at_s`, `ep.next_hold_s` (the time it will hold a slot);
the others are in the `EdgeQueue`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.physics.queueing import busy_slots, earliest_slot, kiefer_wolfowitz_step

Floats = NDArray[np.float64]
PLACES_PER_PHONE, SPARE_PLACES = 2, 6
NEVER_S = np.inf


class EdgeQueue(NamedTuple):
    """The queue of one episode: whole arrays and its index, since views cost more than arithmetic.

    Attributes:
        waiting: shape (n, places, 2): arrival and hold time of the requests behind the next one,
            `waiting[e, :ep.waiting]`, the last of them first.
        slots: shape (n, 2, slots): the times at which slots fall free (s); row 0 is the state, row
            1 scratch memory for looking ahead.
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
        if ep.latest_slot_s <= ep.next_at_s:  # all slots are free, so any of them will do
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
    """Return the wait of a request that gets there at `at_s`, and the slots then taken."""
    waiting, slots, e = queue
    ahead = slots[e, 1]
    ahead[:] = slots[e, 0]
    if ep.next_at_s <= at_s:
        kiefer_wolfowitz_step(ahead, ep.next_at_s, ep.next_hold_s)
    for i in range(ep.waiting - 1, -1, -1):
        if waiting[e, i, 0] <= at_s:
            kiefer_wolfowitz_step(ahead, waiting[e, i, 0], waiting[e, i, 1])
    wait_s = max(0.0, ahead[earliest_slot(ahead)] - at_s)
    return wait_s, busy_slots(ahead, at_s + wait_s)


@compiled
def send_behind(ep: Any, queue: EdgeQueue, at_s: float, hold_s: float) -> None:
    """Put a request on its way while another is (else it simply becomes the next).

    Should all places be taken, the next one gets its slot at once.
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

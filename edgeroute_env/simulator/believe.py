"""What a phone knows of itself: of an answer that is under way, what it expects; then, what came.

The simulator fixes a turn's end when the turn is routed. A phone cannot know it: answers have
unknown lengths, links stop, a server may have dropped its cache. So beside the true state there is
`dev.believed`, which every observation shows. `expect` moves it on by the expected length and the
estimated times. The `learn_` functions replace it once the answer has come, or the app has given
up. What a server has dropped shows in no answer before the next one, which brings the cache back.

The phone's own work is `dev.work`, one row a question, in order. Heat is measured, so it never
depends on what is to come. If more questions than rows are under way, the last row holds several;
the phone then learns of their ends together.
"""

from __future__ import annotations

from typing import Any

from edgeroute_env._compile import compiled, inlined
from edgeroute_env.physics.inference import cached_blocks
from edgeroute_env.physics.power import heat_after_rest, heat_after_work
from edgeroute_env.physics.queueing import move_row
from edgeroute_env.simulator.requests import fits_phone, phone_speed, uplink_wait_s
from edgeroute_env.simulator.state import (
    DEVICE_ROUTE,
    EDGE_ROUTE,
    END,
    LEFT,
    READY,
    START,
    WORK_ROWS,
)


@inlined
def learn_answers(dev: Any, now_s: float) -> None:
    """Replace what is believed of a dialogue once its last answer, so each of them, has come."""
    if dev.answered_at_s <= now_s:
        known = dev.believed
        known.context_tokens = dev.context_tokens
        known.cached_device_tokens = dev.cached_device_tokens
        known.cached_edge_tokens = dev.told_edge_tokens
        known.last_route = dev.last_route
        known.sound_so_far = dev.sound_so_far
        known.answered_at_s = dev.answered_at_s


@inlined
def learn_costs(dev: Any, now_s: float) -> None:
    """Replace what is believed of budgets and uplink once all the phone's answers have come."""
    known = dev.believed
    if dev.settled_at_s <= now_s:
        known.quota_left = dev.quota_left
        known.battery_j = dev.battery_j
        known.uplink_due_at_s = 0.0


@compiled
def _work_on(p: Any, dev: Any, now_s: float) -> None:
    """Forget the work that has ended by `now_s`; bring heat and the running work up to it."""
    work, done = dev.work, 0
    while done < dev.jobs and work[done, START] < now_s:
        from_s = max(work[done, START], dev.heat_at_s)
        until_s = max(from_s, min(work[done, END], now_s))
        dev.heat_now = heat_after_rest(dev.heat_now, from_s - dev.heat_at_s, p.cooling_s)
        dev.heat_now = heat_after_work(dev.heat_now, until_s - from_s, p.heating_s)
        dev.heat_at_s = until_s
        if work[done, END] > now_s:
            work[done, LEFT] = max(0.0, work[done, LEFT] - (until_s - from_s))
            work[done, READY] = 0.0
            break
        done += 1
    if done:
        for i in range(done, dev.jobs):
            move_row(work, i, i - done)
        dev.jobs -= done


@inlined
def feel(p: Any, dev: Any, now_s: float) -> None:
    """Bring the heat that the phone measures, and the work that it knows of, up to `now_s`."""
    if dev.jobs and dev.work[dev.jobs - 1, END] <= now_s:
        dev.jobs = 0
    elif dev.jobs:
        _work_on(p, dev, now_s)
    if dev.jobs == 0:
        dev.heat_now = heat_after_rest(dev.heat, max(0.0, now_s - dev.free_at_s), p.cooling_s)
    elif now_s > dev.heat_at_s:
        dev.heat_now = heat_after_rest(dev.heat_now, now_s - dev.heat_at_s, p.cooling_s)
    dev.heat_at_s = now_s


@inlined
def expected_free_at_s(dev: Any, now_s: float) -> float:
    """Return when the phone expects to be done with the work that it has."""
    free_s = now_s
    for i in range(dev.jobs):
        free_s = max(free_s, dev.work[i, READY]) + dev.work[i, LEFT]
    return free_s


@inlined
def _take_on(dev: Any, start_s: float, end_s: float, ready_s: float, expected_s: float) -> None:
    """Add work that truly takes from `start_s` to `end_s`, and `expected_s` by all that is known.

    It is not ready before the expected time `ready_s`.
    """
    if dev.jobs == WORK_ROWS:
        last = dev.work[WORK_ROWS - 1]
        last[END] = end_s
        last[LEFT] += expected_s
        return
    row = dev.work[dev.jobs]
    row[START], row[END], row[READY], row[LEFT] = start_s, end_s, ready_s, expected_s
    dev.jobs += 1


@inlined
def expect(p: Any, row: Any, ep: Any, dev: Any, action: int) -> None:
    """Move what is believed on to the expected end of the turn that has just been routed.

    The work is expected to go at the speed that the phone's present heat and other apps leave.
    """
    known = dev.believed
    fits = fits_phone(p, row, known)
    calls = action == EDGE_ROUTE or not fits
    ready_s = max(row.arrival_s + p.scoring_s, known.answered_at_s)
    probe_s = busy_s = 0.0
    asked = known.context_tokens + row.prompt_tokens
    if p.probes and fits:
        probe_s = ep.probe_expected_s / phone_speed(p, row, dev.heat_now)
        ready_s = max(ready_s, expected_free_at_s(dev, float(row.arrival_s))) + probe_s
        known.cached_device_tokens = asked
    if calls and known.quota_left >= 1.0:
        known.quota_left -= 1.0
        known.context_tokens = asked + row.predicted_tokens_edge
        kept = p.edge_kept_answer * row.predicted_tokens_edge
        known.cached_edge_tokens = cached_blocks(asked + kept)
        known.last_route = EDGE_ROUTE
        known.answered_at_s = ready_s + ep.edge_expected_s
        _hold_uplink(known, ready_s, ep.upload_expected_s)
    else:
        if calls:  # refused
            ready_s = _hold_uplink(known, ready_s, ep.upload_expected_s) + p.expected_rtt_s
        known.answered_at_s = ready_s
        if fits:
            busy_s = ep.device_expected_s / phone_speed(p, row, dev.heat_now)
            free_s = expected_free_at_s(dev, float(row.arrival_s))
            known.answered_at_s = max(ready_s, free_s) + busy_s
            known.context_tokens = asked + row.predicted_tokens_device
            kept = p.device_kept_answer * row.predicted_tokens_device
            known.cached_device_tokens = asked + kept
            known.last_route = DEVICE_ROUTE
            known.sound_so_far *= 1.0 - row.score
    ready_s, busy_s = ready_s - probe_s, probe_s + busy_s  # one row for both
    if dev.free_at_s > dev.work_from_s:
        _take_on(dev, dev.work_from_s, dev.free_at_s, ready_s, busy_s)
    elif busy_s > 0.0:  # the phone expects work, but none will come
        until_s = max(dev.answered_at_s, dev.free_at_s)  # the rows stay in order
        _take_on(dev, until_s, until_s, ready_s, busy_s)


@inlined
def _hold_uplink(known: Any, ready_s: float, on_air_s: float) -> float:
    """Expect the uplink to be busy with an upload; return when that ends, if no outage comes."""
    wait_s = uplink_wait_s(known, ready_s, known.uplink_due_at_s)
    if wait_s == 0.0:
        known.uplink_from_s = ready_s
    known.uplink_due_at_s = ready_s + wait_s + on_air_s
    return float(known.uplink_due_at_s)

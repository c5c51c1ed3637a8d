"""An episode as a trace for Perfetto's viewer (ui.perfetto.dev), in Chrome's trace event format.

A phone's track shows when it computed, an edge place's when it worked for us. The tracks of turns
show each from being asked to being answered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from edgeroute_env.rendering.history import FAILED, Turn
from edgeroute_env.rendering.snapshot import Snapshot

WORK = ("switch", "prefill", "decode")  # the parts of a latency in which somebody computes


@dataclass(frozen=True)
class Span:
    """A stretch of time, and what it is made of in order: name -> seconds."""

    name: str
    start_s: float
    parts_s: Mapping[str, float]
    args: Mapping[str, Any]

    @property
    def start_us(self) -> int:
        """Its start, to a whole microsecond within it."""
        return math.ceil(1e6 * self.start_s)

    @property
    def end_us(self) -> int:
        """Its end; whole microseconds within it let no two neighbours overlap."""
        end_s = self.start_s + sum(self.parts_s.values())
        return max(math.floor(1e6 * end_s), self.start_us)


Tracks: TypeAlias = Mapping[str, Sequence[Span]]


def trace(episodes: Sequence[Sequence[Snapshot]]) -> dict[str, Any]:
    """Return the trace of episodes, each the snapshots before its turns and after the last."""
    groups = [group for shots in episodes for group in _groups(shots)]
    events = [event for number, group in enumerate(groups, 1) for event in _events(number, *group)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _groups(shots: Sequence[Snapshot]) -> Iterator[tuple[str, Tracks]]:
    """Yield the groups of tracks of an episode by name: phones, edge, turns."""
    turns = shots[-1].turns
    pairs = list(zip(shots, turns, strict=False))
    work = [_work(i, *pair) for i, pair in enumerate(pairs, 1)]
    phones = [
        [span for span, turn in zip(work, turns, strict=True) if (turn.phone, turn.route) == who]
        for who in ((phone, "device") for phone in range(shots[0].phone.count))
    ]
    at_edge = [span for span, turn in zip(work, turns, strict=True) if turn.route == "edge"]
    asked = [_asked(i, *pair) for i, pair in enumerate(pairs, 1)]
    router = shots[0].router
    yield f"{router}: phones", _numbered("phone", phones)
    yield f"{router}: edge", _numbered("place", _lanes(at_edge))
    yield f"{router}: turns", _numbered("turns", _lanes(asked))


def _numbered(name: str, tracks: Sequence[Sequence[Span]]) -> Tracks:
    return {f"{name} {number}": spans for number, spans in enumerate(tracks, 1)}


def _work(number: int, shot: Snapshot, turn: Turn) -> Span:
    """Return when the phone or the edge computed a turn."""
    info = turn.info
    # The download follows the work, so what is left of the radio's time comes before it.
    before_s = info["latency_scoring_s"] + info["latency_queue_s"] + info["radio_ttft_s"]
    did = {part: info[f"latency_{part}_s"] for part in WORK}
    return Span(f"turn {number}", shot.time_s + before_s, did, {"latency_s": turn.latency_s})


def _asked(number: int, shot: Snapshot, turn: Turn) -> Span:
    """Return a turn from being asked to being answered, with what was expected and paid."""
    expected = {f"expected_{route}_s": sum(parts.values()) for route, parts in shot.next_s.items()}
    paid = {key: value for key, value in turn.info.items() if key.startswith("reward_")}
    args = {"phone": turn.phone + 1, "score": shot.seen["score"], **expected, **paid}
    args |= {"quality": turn.quality, "reward": turn.reward}
    whole = {"failed" if turn.route == FAILED else f"by the {turn.route}": turn.latency_s}
    return Span(f"turn {number}", shot.time_s, whole, args)


def _lanes(spans: Sequence[Span]) -> list[list[Span]]:
    """Spread spans over as few tracks as they need, so that none overlap on a track."""
    lanes: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: span.start_us):
        free = (lane for lane in lanes if lane[-1].end_us <= span.start_us)
        lane = next(free, None)
        if lane is None:
            lanes.append([span])
        else:
            lane.append(span)
    return lanes


def _events(group: int, name: str, tracks: Tracks) -> Iterator[dict[str, Any]]:
    """Yield the events of a group of tracks: its name, theirs, and every span with its parts."""
    yield _named("process", name, group, 0)
    for number, (track, spans) in enumerate(tracks.items(), 1):
        yield _named("thread", track, group, number)
        place = {"ph": "X", "pid": group, "tid": number}
        for span in spans:
            start, end = span.start_us, span.end_us
            yield {**place, "name": span.name, "ts": start, "dur": end - start, "args": span.args}
            until_s = span.start_s
            for part, length_s in span.parts_s.items():
                until_s += length_s
                until = min(max(math.floor(1e6 * until_s), start), end)
                if until > start:
                    yield {**place, "name": part, "ts": start, "dur": until - start}
                start = until


def _named(what: str, name: str, group: int, track: int) -> dict[str, Any]:
    about = {"ph": "M", "pid": group, "tid": track, "ts": 0, "dur": 0}
    return {**about, "name": f"{what}_name", "args": {"name": name}}

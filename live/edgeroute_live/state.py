"""The live state: what a gateway knows of its phone, its dialogues and its edge server.

It is the simulator's own record of a phone. In the simulator a turn's end is fixed when the turn is
routed, and hidden from the router until then; here it is unknown until it happens. So the fields
that hold the truth are infinite or old while an answer is under way, and events set them: an answer
has begun, has ended, has failed. Everything else is left to the simulator's stages.

Dialogues are many, a phone's record holds one; so a dialogue's fields are laid in when a turn of it
comes, and taken out when it is routed.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.physics.inference import cached_blocks
from edgeroute_env.physics.power import heat_after_rest, heat_after_work
from edgeroute_env.routing import ROUTES
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.edge_queue import NEVER_S
from edgeroute_env.simulator.state import DEVICE_ROUTE, EDGE_ROUTE, END, NO_ROUTE, START
from edgeroute_live.observing import Ask, Observer, Report

# A dialogue's part of a DEVICE record, and of what is believed.
TRUE_FIELDS = (
    *("turn", "context_tokens", "cached_device_tokens", "cached_edge_tokens", "told_edge_tokens"),
    *("last_route", "answered_at_s", "score_sum", "worst_quality", "sound_so_far"),
)
BELIEVED_FIELDS = (
    *("context_tokens", "cached_device_tokens", "cached_edge_tokens", "last_route"),
    *("answered_at_s", "sound_so_far"),
)
STALE_REPORT_S = 30.0  # a server that has been silent for so long says nothing of its load


@dataclass
class Dialogue:
    """What is known of one dialogue; a copy continues on its own.

    Attributes:
        name: its name in the log.
        true: its part of the phone's record, by field.
        believed: what is believed while an answer is under way.
        cache_told: whether a side's last answer told how much it had found in its cache, by side.
    """

    name: str = ""
    true: dict[str, float] = field(default_factory=dict)
    believed: dict[str, float] = field(default_factory=dict)
    cache_told: dict[str, bool] = field(default_factory=dict)
    latest: Turn | None = None

    @classmethod
    def taken_up(cls, name: str, turns: int, context_tokens: float, score: float) -> Dialogue:
        """Return a dialogue of which earlier turns were not seen, so that no side holds it."""
        true = dict.fromkeys(TRUE_FIELDS, 0.0)
        true |= {"turn": float(turns), "context_tokens": context_tokens}
        true |= {"last_route": float(NO_ROUTE), "score_sum": turns * score}
        true |= {"worst_quality": 1.0, "sound_so_far": 1.0}
        return cls(name, true, dict.fromkeys(BELIEVED_FIELDS, 0.0))

    def branch(self) -> Dialogue:
        """Return a copy, as a question may be asked again from the same point."""
        twin = copy(self)
        twin.true, twin.believed = dict(self.true), dict(self.believed)
        twin.cache_told = dict(self.cache_told)
        return twin


@dataclass(eq=False)
class Turn:
    """A routed turn whose answer is under way."""

    dialogue: Dialogue
    side: str
    score: float
    window_ends_s: float
    job: Job | None = None


@dataclass(eq=False)
class Job:
    """Work of the phone: from when it can begin, when it does and when it ends, as far as known.

    It begins after the answer to `behind`, its dialogue's turn before it.
    """

    ready_s: float
    asked_s: float
    behind: Turn | None = None
    start_s: float = math.inf
    end_s: float = math.inf


class LiveState:
    """The phone, its jobs, and the edge as it last reported."""

    def __init__(self, scenario: Scenario) -> None:
        """Begin with an idle phone.

        Raises:
            InputError: the scenario's score is a probe's, which takes a turn of the phone's own.
        """
        if scenario.workload.score_source == "probe":
            allowed = "'prompt' for live requests: a server's first-token confidence is not asked"
            raise InputError("workload.score_source", "probe", allowed)
        self.observer = Observer(scenario)
        self.report: Report | None = None
        self._rows: list[list[Job]] = []  # the jobs in each row of the phone's work
        self._under_way: set[Turn] = set()
        self._last_end_s = 0.0
        self._latest_call: Turn | None = None

    def count(self, side: str) -> int:
        """Return how many of our turns are under way on a side."""
        return sum(turn.side == side for turn in self._under_way)

    def observe(self, ask: Ask, dialogue: Dialogue) -> tuple[NDArray[np.float32], list[str]]:
        """Return the observation of a dialogue's next turn, float32 (32,), and what is hidden.

        `route` or `forget` must follow before the next one.
        """
        opens = not dialogue.true
        dev = self.observer.device
        if not opens:
            for name in TRUE_FIELDS:
                dev[name] = dialogue.true[name]
            for name in BELIEVED_FIELDS:
                dev["believed"][name] = dialogue.believed[name]
        for row, jobs in zip(dev["work"], self._rows, strict=False):
            row[START], row[END] = jobs[0].start_s, jobs[-1].end_s
        dev["settled_at_s"] = math.inf if self._under_way else self._last_end_s
        report = self.report
        if report is not None and ask.arrival_s - report.at_s > STALE_REPORT_S:
            report = None
        found = self.observer.observe(ask, opens, report, all(dialogue.cache_told.values()))
        del self._rows[: len(self._rows) - int(dev["jobs"])]
        self._ask, self._dialogue = ask, dialogue
        return found

    def route(self, side: str) -> Turn:
        """Send the turn that was observed last to a side."""
        dev, ask, dialogue = self.observer.device, self._ask, self._dialogue
        turn = Turn(dialogue, side, ask.score, float(dev["window_ends_s"]))
        free_at_s, known = float(dev["free_at_s"]), dev["believed"]
        dev["work_from_s"] = free_at_s
        if side == ROUTES[DEVICE_ROUTE]:
            asked_s = ask.arrival_s + float(self.observer.parameters["scoring_s"])
            turn.job = Job(max(asked_s, float(dev["answered_at_s"])), asked_s, dialogue.latest)
            self._begin_next([*self._jobs(), turn.job])
            dev["work_from_s"], dev["free_at_s"] = turn.job.start_s, math.inf
        else:
            self._call(turn)
        dev["answered_at_s"] = math.inf
        rows = int(dev["jobs"])
        self.observer.expect(ROUTES.index(side))
        dev["free_at_s"] = free_at_s
        if turn.job is not None:
            if int(dev["jobs"]) > rows:
                self._rows.append([turn.job])
            else:
                self._rows[-1].append(turn.job)
        dialogue.true = {name: float(dev[name]) for name in TRUE_FIELDS}
        dialogue.believed = {name: float(known[name]) for name in BELIEVED_FIELDS}
        dialogue.latest = turn
        self._under_way.add(turn)
        return turn

    def move(self, turn: Turn, at_s: float) -> None:
        """Tell that a turn goes to the other side after all, as its own could not answer."""
        dev = self.observer.device
        if turn.job is not None:
            self._worked(turn.job, at_s, 0.0)
            turn.job, turn.side = None, ROUTES[EDGE_ROUTE]
            self._call(turn)
        else:
            self._give_back(turn)
            turn.job, turn.side = Job(at_s, at_s), ROUTES[DEVICE_ROUTE]
            turn.job.start_s = max(at_s, float(dev["free_at_s"]))

    def _call(self, turn: Turn) -> None:
        dev = self.observer.device
        dev["next_edge_told_at_s"] = NEVER_S
        dev["quota_left"] -= 1.0
        self._latest_call = turn

    def _give_back(self, turn: Turn) -> None:
        """Count a call that the edge did not answer as not made."""
        dev = self.observer.device
        if turn.side == ROUTES[EDGE_ROUTE] and dev["window_ends_s"] == turn.window_ends_s:
            dev["quota_left"] += 1.0

    def first_token(self, turn: Turn, at_s: float, waited_s: float) -> None:
        """Tell that an answer has begun, and how long its request has waited at the edge."""
        if turn is self._latest_call:
            self.observer.device["next_edge_wait_s"] = waited_s
            self.observer.device["next_edge_told_at_s"] = at_s

    def answered(
        self,
        turn: Turn,
        at_s: float,
        asked_tokens: float,
        answer_tokens: float,
        work_s: float | None = None,
        energy_j: float = 0.0,
    ) -> None:
        """Tell that an answer is complete.

        Args:
            turn: what `route` returned.
            at_s: when.
            asked_tokens: of the conversation before the answer.
            answer_tokens: of the answer.
            work_s: how long the phone has worked; None counts from the moment it could begin.
            energy_j: what the phone has spent.
        """
        true, p = turn.dialogue.true, self.observer.parameters
        true["context_tokens"] = asked_tokens + answer_tokens
        true["last_route"] = float(ROUTES.index(turn.side))
        if turn.side == ROUTES[EDGE_ROUTE]:
            held = cached_blocks(asked_tokens + float(p["edge_kept_answer"]) * answer_tokens)
            true["cached_edge_tokens"] = true["told_edge_tokens"] = held
        else:
            kept = float(p["device_kept_answer"]) * answer_tokens
            true["cached_device_tokens"] = asked_tokens + kept
            true["sound_so_far"] *= 1.0 - float(np.float32(turn.score))
        self.observer.device["battery_j"] -= energy_j
        self._ended(turn, at_s, work_s)

    def failed(self, turn: Turn, at_s: float, energy_j: float = 0.0) -> None:
        """Tell that nobody has answered, or that the client has gone."""
        true = turn.dialogue.true
        true["cached_device_tokens"] = min(true["cached_device_tokens"], true["context_tokens"])
        self.observer.device["battery_j"] -= energy_j
        self._give_back(turn)
        self._ended(turn, at_s, None)

    def _ended(self, turn: Turn, at_s: float, work_s: float | None) -> None:
        if turn.dialogue.latest is turn:
            turn.dialogue.true["answered_at_s"] = at_s
            turn.dialogue.latest = None
        self._under_way.discard(turn)
        for job in self._jobs():
            if job.behind is turn:
                job.ready_s = max(job.asked_s, at_s)
        self._last_end_s = max(self._last_end_s, at_s)
        if turn.job is not None:
            self._worked(turn.job, at_s, work_s)
        else:
            self._begin_next(self._jobs())

    def _worked(self, job: Job, at_s: float, work_s: float | None) -> None:
        """Let the phone be warm from a job, and begin the next one."""
        p, dev = self.observer.parameters, self.observer.device
        free_at_s = float(dev["free_at_s"])
        start_s = job.start_s if job.start_s < math.inf else min(max(job.ready_s, free_at_s), at_s)
        if work_s is None:
            work_s = max(0.0, at_s - start_s)
        job.start_s, job.end_s = start_s, start_s + work_s
        rest_s = max(0.0, start_s - free_at_s)
        heat = heat_after_rest(float(dev["heat"]), rest_s, float(p["cooling_s"]))
        dev["heat"] = heat_after_work(heat, work_s, float(p["heating_s"]))
        dev["free_at_s"] = max(free_at_s, job.end_s)
        self._begin_next(self._jobs())

    def _jobs(self) -> list[Job]:
        return [job for jobs in self._rows for job in jobs]

    def _begin_next(self, jobs: list[Job]) -> None:
        """Let the first job that has not ended begin, if it has not; they are done in order."""
        following = next((job for job in jobs if job.end_s == math.inf), None)
        if following is not None and following.start_s == math.inf:
            following.start_s = max(following.ready_s, float(self.observer.device["free_at_s"]))

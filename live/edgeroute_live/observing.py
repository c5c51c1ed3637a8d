"""What a router sees of a real turn, made by the simulator's own stages on a live state.

Two entry points into the kernel's functions, and the record that stands for a trace's row: what a
trace tells of a turn in the simulator comes from the request, the server's metrics and the phone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.scenario import Observation, Scenario
from edgeroute_env.simulator import features
from edgeroute_env.simulator.edge_queue import REQUEST, SEQUENCE
from edgeroute_env.simulator.state import DEVICE, EPISODE, lower
from edgeroute_env.traces.columns import BASE, ROW
from edgeroute_env.traces.law import TraceLaw, synthetic_law
from edgeroute_env.traces.world import derive
from edgeroute_live.stages import begin, decide, fits, look

LIMITS = {column.name: (column.low, column.high) for column in BASE}
HIDEABLE = ("edge-load", "cache", "snr")


@dataclass(frozen=True)
class Signals:
    """What a phone tells of itself; None is unknown.

    snr_db: of its uplink. heat: 0 to 1. battery: share of its energy budget left, 0 to 1.
    background: share of its speed that other apps take.
    """

    snr_db: float | None = None
    heat: float | None = None
    battery: float | None = None
    background: float = 0.0


@dataclass(frozen=True)
class Report:
    """What the edge server last told of its load.

    at_s: when. load: share of its places that others take. own_busy: how many of our requests it
    held then.
    """

    at_s: float
    load: float
    own_busy: float


@dataclass(frozen=True)
class Ask:
    """A turn to be routed, as far as it can be known.

    arrival_s never decreases. Tokens are estimates until the answer has come.
    """

    arrival_s: float
    prompt_tokens: float
    score: float
    predicted_tokens_device: float
    predicted_tokens_edge: float
    attachment_bytes: float = 0.0
    device_evicted: bool = False
    signals: Signals = field(default_factory=Signals)


class Records(NamedTuple):
    """The records of one phone, one row each; see `simulator.kernel.Arrays`."""

    parameters: NDArray[Any]
    rows: NDArray[Any]
    episodes: NDArray[Any]
    devices: NDArray[Any]
    waiting: NDArray[np.float64]
    live: NDArray[np.float64]
    seen: NDArray[Any]
    matrix: NDArray[np.float32]


def records(scenario: Scenario) -> Records:
    """Return the records of a scenario's first user, before any turn.

    They hold what is assumed of each quantity that may be hidden.
    """
    assumed = scenario.model_copy(update={"observation": Observation(hidden=HIDEABLE)})
    matrix = np.zeros((1, features.COUNT), np.float32)
    return Records(
        parameters=lower(assumed)[:1].copy(),
        rows=np.zeros(1, ROW),
        episodes=np.zeros(1, EPISODE),
        devices=np.zeros(1, DEVICE),
        waiting=np.zeros((1, 1, REQUEST)),
        live=np.zeros((1, 2, 1, SEQUENCE)),
        seen=matrix.view(features.SEEN)[:, 0],
        matrix=matrix,
    )


class Observer:
    """Makes observations of live turns for one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        """Allocate the records and begin as an episode does."""
        self.records = records(scenario)
        self._law: TraceLaw = synthetic_law(scenario)
        self._always_hidden = set(scenario.observation.hidden)
        begin(*self.records)

    @property
    def parameters(self) -> Any:
        """The scenario's parameters, a PARAMETERS record."""
        return self.records.parameters[0]

    @property
    def device(self) -> Any:
        """The phone and its present dialogue, a DEVICE record."""
        return self.records.devices[0]

    def observe(
        self, ask: Ask, opens: bool, report: Report | None, cache_known: bool
    ) -> tuple[NDArray[np.float32], list[str]]:
        """Return the observation of a turn, float32 (32,), and what is hidden in it.

        `opens` says whether it opens a dialogue; else the phone's record holds the dialogue.
        """
        p, row = self.records.parameters[0], self.records.rows[0]
        known = {
            "edge-load": report is not None,
            "cache": cache_known,
            "snr": ask.signals.snr_db is not None,
        }
        hidden = [what for what in HIDEABLE if what in self._always_hidden or not known[what]]
        for what in HIDEABLE:
            p[f"hides_{what.replace('-', '_')}"] = what in hidden
        report = report or Report(ask.arrival_s, 0.0, 0.0)
        values = {
            "arrival_s": ask.arrival_s,
            "turn": 1 if opens else 2,
            "prompt_tokens": ask.prompt_tokens,
            "attachment_bytes": ask.attachment_bytes,
            "predicted_tokens_device": ask.predicted_tokens_device,
            "predicted_tokens_edge": ask.predicted_tokens_edge,
            "score": ask.score,
            "snr_db": ask.signals.snr_db or 0.0,
            "reported_load": report.load,
            "report_age_s": ask.arrival_s - report.at_s,
            "device_background": ask.signals.background,
            "device_evicted": ask.device_evicted,
        }
        for name, value in values.items():
            low, high = LIMITS[name]
            row[name] = min(max(value, low), high)
        derive(self._law, self.records.rows)
        heat, battery = (
            math.nan if told is None else min(max(told, 0.0), 1.0)
            for told in (ask.signals.heat, ask.signals.battery)
        )
        look(*self.records, report.own_busy, heat, battery)
        return self.records.matrix[0].copy(), hidden

    def expect(self, action: int) -> None:
        """Move what is believed on, as the turn that was observed last is routed."""
        decide(*self.records[:4], action)

    def fits_device(self) -> bool:
        """Return whether the phone's context holds the turn that was observed last."""
        return bool(fits(*self.records[:4]))

    def predicted_tokens(self) -> tuple[float, float]:
        """Return the mean length of an answer of the device and of the edge."""
        shares = np.diff(self._law.share_end[0], prepend=0.0)
        kinds = self._law.benchmarks
        return tuple(  # type: ignore[return-value]
            float(shares @ kinds[f"predicted_{side}"]) for side in ("device", "edge")
        )

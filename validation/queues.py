"""Simulated queue waits beside queueing theory: Erlang C and Pollaczek-Khinchine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeroute_env._compile import compiled
from edgeroute_env.physics.queueing import kiefer_wolfowitz_step
from edgeroute_env.plotting import COLOURS, LINES, MARKERS
from validation.section import Comparison, Section, percent, picture, table
from validation.statistics import Interval, batch_means

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
CUSTOMERS, WARM_UP = 1_000_000, 50_000
# With 32 slots almost nobody waits at a load of 0.5.
EDGE_CASES = [(1, 0.5), (1, 0.7), (1, 0.9), (8, 0.5), (8, 0.7), (8, 0.9)]
EDGE_CASES += [(32, 0.7), (32, 0.8), (32, 0.9)]
PHONE_LOADS = (0.5, 0.7, 0.9)
LONG_TAIL_SIGMA = 0.8  # of MT-Bench-101's answer lengths


class QueueCase(NamedTuple):
    """A queue at one load: mean wait in units of the mean service time, and P(wait > 0)."""

    queue: str
    servers: int
    load: float
    wait: Interval
    wait_theory: float
    delayed: Interval
    delayed_theory: float


@compiled
def waits_s(arrival_s: Floats, service_s: Floats, servers: int) -> Floats:
    """Return the waits (s) of customers served in order of arrival by `servers` servers."""
    free_at_s = np.zeros(servers)
    waits = np.empty(arrival_s.size)
    for i in range(arrival_s.size):
        waits[i] = kiefer_wolfowitz_step(free_at_s, arrival_s[i], service_s[i])
    return waits


def erlang_c(servers: int, load: float) -> float:
    """Return P(wait > 0) of M/M/c by the textbooks' sum over states."""
    offered = servers * load
    empty = sum(offered**k / math.factorial(k) for k in range(servers))
    full = offered**servers / math.factorial(servers) / (1.0 - load)
    return full / (empty + full)


def edge_cases(customers: int) -> list[QueueCase]:
    """Return the edge's queue, M/M/c, beside Erlang C."""
    cases = []
    for number, (slots, load) in enumerate(EDGE_CASES):
        rng = np.random.default_rng([1, number])
        services = rng.exponential(1.0, customers)
        delayed = erlang_c(slots, load)
        theory = delayed / (slots * (1.0 - load))
        cases.append(_case(rng, "M/M/c", slots, load, services, theory, delayed))
    return cases


def phone_cases(customers: int) -> list[QueueCase]:
    """Return the phone's queue, M/G/1 under three laws of service, beside Pollaczek-Khinchine."""
    cases = []
    for number, load in enumerate(PHONE_LOADS):
        rng = np.random.default_rng([2, number])
        sigma = LONG_TAIL_SIGMA
        laws = {
            "constant": (np.ones(customers), 1.0),
            "exponential": (rng.exponential(1.0, customers), 2.0),
            "log-normal": (rng.lognormal(-(sigma**2) / 2, sigma, customers), math.exp(sigma**2)),
        }
        for law, (services, square) in laws.items():
            theory = load * square / (2.0 * (1.0 - load))
            cases.append(_case(rng, f"M/G/1, {law}", 1, load, services, theory, load))
    return cases


def _case(
    rng: np.random.Generator,
    queue: str,
    servers: int,
    load: float,
    services: Floats,
    wait_theory: float,
    delayed_theory: float,
) -> QueueCase:
    arrivals = np.cumsum(rng.exponential(1.0 / (servers * load), services.size))
    waits = waits_s(arrivals, services, servers)[min(WARM_UP, services.size // 10) :]
    delayed = batch_means((waits > 0.0).astype(np.float64))
    wait = batch_means(waits)
    return QueueCase(queue, servers, load, wait, wait_theory, delayed, delayed_theory)


def section() -> Section:
    """Return the page's section on queues."""
    edge, phone = edge_cases(CUSTOMERS), phone_cases(CUSTOMERS)
    cases = [*edge, *phone]
    inside = [c.wait.holds(c.wait_theory) for c in cases]
    inside += [c.delayed.holds(c.delayed_theory) for c in cases]
    heads = ["queue", "servers", "load", "wait, theory", "wait, simulated (95 %)", "error"]
    heads += ["P(wait), theory", "P(wait), simulated (95 %)"]
    text = f"""\
The edge's slots and the phone are first-come-first-served queues that follow the Kiefer-Wolfowitz
recursion. Poisson arrivals, {CUSTOMERS:,} requests a row, the first {WARM_UP:,} left out; waits in
units of the mean service time; intervals by batch means. Theory: Erlang C for the edge,
Pollaczek-Khinchine for the phone. {sum(inside)} of {len(inside)} intervals hold the theory's value
(95 % of them should). This tests the recursion; that the simulator's phones and edge wait as theory
says with their own arrivals and service times is asserted by the tests.

{table(heads, map(_row, cases))}

{picture("queues", "Mean wait over load: theory as lines, simulation as points with intervals")}

What is off: the intervals at a load of 0.9 are wide, for waits there resemble each other over long
stretches."""
    comparisons = [
        Comparison(name, [_error(c) for c in group], "%")
        for name, group in (
            ("Edge queue, mean wait (Erlang C)", edge),
            ("Phone queue, mean wait (Pollaczek-Khinchine)", phone),
        )
    ]
    return Section("Queue waits against theory", text, comparisons, {"queues": _plot(edge, phone)})


def _error(case: QueueCase) -> float:
    return case.wait.mean / case.wait_theory - 1.0


def _row(case: QueueCase) -> Sequence[str]:
    told = [f"{i.mean:.4g} [{i.low:.4g}, {i.high:.4g}]" for i in (case.wait, case.delayed)]
    return (
        *(case.queue, str(case.servers), f"{case.load:g}"),
        *(f"{case.wait_theory:.4g}", told[0], percent(_error(case))),
        *(f"{case.delayed_theory:.4g}", told[1]),
    )


def _plot(edge: list[QueueCase], phone: list[QueueCase]) -> Figure:
    from validation.plots import panels

    figure, (left, right) = panels(2)
    loads = np.linspace(0.48, 0.92, 60)
    for i, slots in enumerate((1, 8, 32)):
        theory = [erlang_c(slots, load) / (slots * (1.0 - load)) for load in loads]
        some = [case for case in edge if case.servers == slots]
        _draw(left, i, f"{slots} slots" if slots > 1 else "1 slot", loads, theory, some)
    laws = {"constant": 1.0, "exponential": 2.0, "log-normal": math.exp(LONG_TAIL_SIGMA**2)}
    for i, (law, square) in enumerate(laws.items()):
        theory = [load * square / (2.0 * (1.0 - load)) for load in loads]
        some = [case for case in phone if case.queue.endswith(law)]
        _draw(right, i, law, loads, theory, some)
    left.set_title("edge: M/M/c, Erlang C", fontsize=9)
    right.set_title("phone: M/G/1, Pollaczek-Khinchine", fontsize=9)
    return figure


def _draw(
    axis: Axes, i: int, label: str, loads: Floats, theory: list[float], cases: list[QueueCase]
) -> None:

    axis.plot(loads, theory, linestyle=LINES[i], color=COLOURS[i], linewidth=1.0)
    axis.errorbar(
        [case.load for case in cases],
        [case.wait.mean for case in cases],
        yerr=[case.wait.high - case.wait.mean for case in cases],
        linestyle="none",
        marker=MARKERS[i],
        color=COLOURS[i],
        markersize=4,
        markerfacecolor="none",
        capsize=2,
        label=label,
    )
    axis.set(yscale="log", xlabel="load")
    axis.set_ylabel("mean wait, in mean service times")
    axis.legend(frameon=False, fontsize=8)

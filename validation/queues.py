"""Simulated queue waits beside queueing theory: Erlang C and Pollaczek-Khinchine."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeroute_env._compile import compiled
from edgeroute_env.physics.queueing import admission_s, erlang_c, mean_wait_s
from validation.drawing import line, panels, points
from validation.measures import Interval, batch_means
from validation.section import Floats, Section, compare

CUSTOMERS, WARM_UP = 1_000_000, 50_000
# With 32 places almost nobody waits at a load of 0.5.
EDGE_CASES = [(1, 0.5), (1, 0.7), (1, 0.9), (8, 0.5), (8, 0.7), (8, 0.9)]
EDGE_CASES += [(32, 0.7), (32, 0.8), (32, 0.9)]
PHONE_LOADS = (0.5, 0.7, 0.9)
LONG_TAIL_SIGMA = 0.8  # of MT-Bench-101's answer lengths
# The second moment of a service time of mean 1, by its law.
SQUARES = {"constant": 1.0, "exponential": 2.0, "log-normal": math.exp(LONG_TAIL_SIGMA**2)}


class Theory(NamedTuple):
    """What theory says of a queue at one load: the mean wait in units of the mean service time."""

    queue: str
    servers: int
    load: float
    wait: float
    delayed: float  # the probability of a wait


class QueueCase(NamedTuple):
    """A queue at one load, in theory and as simulated."""

    theory: Theory
    wait: Interval
    delayed: Interval

    @property
    def error(self) -> float:
        """Return the relative error of the mean wait."""
        return self.wait.mean / self.theory.wait - 1.0


@compiled
def waits_s(arrival_s: Floats, service_s: Floats, servers: int) -> Floats:
    """Return the waits (s) of customers served in order of arrival by `servers` servers."""
    batch, count, start_s = np.zeros((servers, 2)), 0, 0.0
    waits = np.empty(arrival_s.size)
    for i in range(arrival_s.size):
        start_s, count = admission_s(batch, count, max(start_s, arrival_s[i]), 0.0, np.inf)
        batch[count, 0] = start_s + service_s[i]
        count += 1
        waits[i] = start_s - arrival_s[i]
    return waits


def edge_theory(places: int, load: float) -> Theory:
    """Return Erlang C for M/M/c."""
    return Theory("M/M/c", places, load, mean_wait_s(places, load, 1.0), erlang_c(places, load))


def phone_theory(law: str, load: float) -> Theory:
    """Return the Pollaczek-Khinchine formula for M/G/1 and a law of service times."""
    return Theory(f"M/G/1, {law}", 1, load, load * SQUARES[law] / (2.0 * (1.0 - load)), load)


def edge_cases(customers: int) -> list[QueueCase]:
    """Return the edge's queue, M/M/c, beside Erlang C."""
    cases = []
    for number, (places, load) in enumerate(EDGE_CASES):
        rng = np.random.default_rng([1, number])
        cases.append(_simulated(rng, edge_theory(places, load), rng.exponential(1.0, customers)))
    return cases


def phone_cases(customers: int) -> list[QueueCase]:
    """Return the phone's queue, M/G/1 under three laws of service, beside Pollaczek-Khinchine."""
    cases = []
    for number, load in enumerate(PHONE_LOADS):
        rng = np.random.default_rng([2, number])
        sigma = LONG_TAIL_SIGMA
        services = {
            "constant": np.ones(customers),
            "exponential": rng.exponential(1.0, customers),
            "log-normal": rng.lognormal(-(sigma**2) / 2, sigma, customers),
        }
        cases += [_simulated(rng, phone_theory(law, load), services[law]) for law in SQUARES]
    return cases


def _simulated(rng: np.random.Generator, theory: Theory, services: Floats) -> QueueCase:
    arrivals = np.cumsum(rng.exponential(1.0 / (theory.servers * theory.load), services.size))
    waits = waits_s(arrivals, services, theory.servers)[min(WARM_UP, services.size // 10) :]
    return QueueCase(theory, batch_means(waits), batch_means((waits > 0.0).astype(np.float64)))


def section() -> Section:
    """Compare the waits of both queues with theory."""
    edge, phone = edge_cases(CUSTOMERS), phone_cases(CUSTOMERS)
    cases = [*edge, *phone]
    held = [case.wait.holds(case.theory.wait) for case in cases]
    held += [case.delayed.holds(case.theory.delayed) for case in cases]
    data = {
        "customers": CUSTOMERS,
        "warm_up": WARM_UP,
        "cases": cases,
        "held": sum(held),
        "intervals": len(held),
    }
    comparisons = [
        compare("Edge queue, mean wait (Erlang C)", [case.error for case in edge], "%"),
        compare(
            "Phone queue, mean wait (Pollaczek-Khinchine)", [case.error for case in phone], "%"
        ),
    ]
    return Section(data, comparisons, {"queues": _plot(edge, phone)})


def _plot(edge: list[QueueCase], phone: list[QueueCase]) -> Figure:
    figure, (left, right) = panels(2)
    left.set_title("edge: M/M/c, Erlang C", fontsize=9)
    for i, places in enumerate((1, 8, 32)):
        some = [case for case in edge if case.theory.servers == places]
        label = f"{places} places" if places > 1 else "1 place"
        _curve(left, i, label, partial(edge_theory, places), some)
    right.set_title("phone: M/G/1, Pollaczek-Khinchine", fontsize=9)
    for i, law in enumerate(SQUARES):
        some = [case for case in phone if case.theory.queue.endswith(law)]
        _curve(right, i, law, partial(phone_theory, law), some)
    for axis in (left, right):
        axis.set(yscale="log", xlabel="load", ylabel="mean wait, in mean service times")
        axis.legend(frameon=False, fontsize=8)
    return figure


def _curve(
    axis: Axes, i: int, label: str, theory: Callable[[float], Theory], cases: Sequence[QueueCase]
) -> None:
    """Draw one queue: theory as a line, the simulated cases as points with intervals."""
    loads = np.linspace(0.48, 0.92, 60)
    axis.plot(loads, [theory(load).wait for load in loads], linewidth=1.0, **line(i))
    axis.errorbar(
        [case.theory.load for case in cases],
        [case.wait.mean for case in cases],
        yerr=[case.wait.high - case.wait.mean for case in cases],
        capsize=2,
        label=label,
        **points(i),
    )

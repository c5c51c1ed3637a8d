"""Fit a router's parameters on training seeds: by grid search, coarse and then refined, or by
CMA-ES (Hansen) where there are too many for a grid.

Two operating points come out of the same runs: the greatest mean return, and the greatest saving
against edge-only, in latency and in edge calls alike, among the points whose quality stays within a
stated tolerance of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_baselines.registry import ANALYTIC, Search, make_router, spec
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.sources import Pinned, TraceSource

ONE_SIDED_95 = 1.645  # standard errors
REFINEMENT = (0.25, 0.5, 0.75)  # where between two neighbours of the grid to look again
SPREAD = 0.5  # that a search begins with, in its ordinary steps

Parameters = dict[str, float]


@dataclass(frozen=True)
class OperatingPoint:
    """One setting's means over the training episodes."""

    parameters: Parameters
    mean_return: float
    quality: float
    quality_lost_points: float  # against edge-only: the upper end of a one-sided 95 % interval
    latency_s: float
    edge_share: float


@dataclass(frozen=True)
class Fit:
    """The two operating points of a router."""

    best_return: OperatingPoint
    within_tolerance: OperatingPoint


class Fitter:
    """Tries settings of routers on one set of training traces, each setting once."""

    def __init__(
        self,
        scenario: Scenario,
        source: TraceSource,
        seeds: Sequence[int],
        known: Mapping[str, Fit] | None = None,
    ) -> None:
        """Draw the training traces and run edge-only on them; `known` fits are not repeated."""
        self.scenario, self.seeds = scenario, seeds
        self.source = Pinned(source, generators(seeds))
        edge = run_episodes(make_router("edge"), scenario, self.source, seeds)
        self._edge_quality = edge.by_episode("quality")
        self.edge = self._point({}, edge)
        self._fits: dict[str, Fit] = dict(known or {})

    def fit(
        self, name: str, tolerance_points: float, on_trial: Callable[[], None] = lambda: None
    ) -> Fit:
        """Return the operating points of the router `name`; `on_trial` is called at each setting.

        `tolerance_points` of quality, of 100, may be given up against edge-only.
        """
        chosen = spec(name)
        if chosen.calibrated is not None:
            points = []
            for setting in chosen.calibrated.settings(self._turns()):
                points.append(self._measure(name, setting))
                on_trial()
            best = _greatest_return(points)
        elif chosen.search is None:
            points = self._on_grid(name, chosen.grid, tolerance_points, on_trial)
            best = _greatest_return(points)
        else:
            if ANALYTIC not in self._fits:
                self.fit(ANALYTIC, tolerance_points, on_trial)
            points = self._searched(name, chosen.search, on_trial)
            # Of more than a thousand noisy trials the best is partly luck, the mean is not.
            best = _greatest_return([points[0], points[-1]])
        self._fits[name] = Fit(best, self._cheapest(points, tolerance_points))
        return self._fits[name]

    def _on_grid(
        self,
        name: str,
        grid: Mapping[str, tuple[float, ...]],
        tolerance_points: float,
        on_trial: Callable[[], None],
    ) -> list[OperatingPoint]:
        tried: dict[tuple[float, ...], OperatingPoint] = {}

        def try_all(settings: Iterable[tuple[float, ...]]) -> None:
            for setting in settings:
                if setting not in tried:
                    tried[setting] = self._measure(name, dict(zip(grid, setting, strict=True)))
                on_trial()

        try_all(itertools.product(*grid.values()))
        points = list(tried.values())
        for centre in (_greatest_return(points), self._cheapest(points, tolerance_points)):
            if centre.parameters:
                try_all(_neighbours(centre.parameters, grid))
        return list(tried.values())

    def _turns(self) -> NDArray[Any]:
        """Return all training turns, flat: ROW records."""
        rows: NDArray[Any] = self.source.rows
        return rows[np.arange(rows.shape[1]) < self.source.lengths[:, None]]

    def _searched(
        self, name: str, search: Search, on_trial: Callable[[], None]
    ) -> list[OperatingPoint]:
        """Return the start, all that CMA-ES tried, and the mean that it ended at.

        Both operating points of the router that it starts from are among what it tries. The same
        seed tries the same.
        """
        from cmaes import CMA

        around = self._fits[ANALYTIC]
        start = search.start(**around.best_return.parameters)
        scales = np.array([search.scales[key] for key in start])
        least = np.array([search.least.get(key, -math.inf) for key in start])

        def tried(setting: Parameters) -> OperatingPoint:
            on_trial()
            return self._measure(name, setting)

        def measured(step: NDArray[np.float64]) -> OperatingPoint:
            values = np.maximum(np.array(list(start.values())) + scales * step, least)
            return tried({key: round(float(v), 6) for key, v in zip(start, values, strict=True)})

        points = [tried(start)]
        # No parameters: that point is edge-only.
        if around.within_tolerance.parameters not in ({}, around.best_return.parameters):
            points.append(tried(search.start(**around.within_tolerance.parameters)))
        optimiser = CMA(np.zeros(len(start)), SPREAD, seed=0, population_size=search.offspring)
        for _ in range(search.generations):
            steps = [optimiser.ask() for _ in range(search.offspring)]
            points += [measured(step) for step in steps]
            returns = [point.mean_return for point in points[-search.offspring :]]
            optimiser.tell([(step, -gain) for step, gain in zip(steps, returns, strict=True)])
        return [*points, measured(optimiser.mean)]

    def _cheapest(
        self, points: Iterable[OperatingPoint], tolerance_points: float
    ) -> OperatingPoint:
        """Return the greatest saving; sending all to the edge is always within the tolerance."""
        return max([self.edge, *points], key=lambda point: self._saved(point, tolerance_points))

    def _measure(self, name: str, parameters: Parameters) -> OperatingPoint:
        router = make_router(name, parameters)
        run = run_episodes(router, self.scenario, self.source, self.seeds)
        return self._point(parameters, run)

    def _point(self, parameters: Parameters, run: Episodes) -> OperatingPoint:
        quality = run.by_episode("quality")
        lost = 100.0 * (self._edge_quality - quality)
        return OperatingPoint(
            parameters,
            mean_return=float(run.returns().mean()),
            quality=float(quality.mean()),
            quality_lost_points=float(lost.mean() + ONE_SIDED_95 * lost.std() / len(lost) ** 0.5),
            latency_s=float(run.by_episode("latency_s").mean()),
            edge_share=float(run.by_episode("edge_call").mean()),
        )

    def _saved(self, point: OperatingPoint, tolerance_points: float) -> float:
        """Return the smaller of the shares of latency and of calls saved; -inf off tolerance."""
        if point.quality_lost_points > tolerance_points:
            return -math.inf
        if self.edge.edge_share == 0.0:  # an edge out of reach: nothing to save
            return 0.0
        latency = 1.0 - point.latency_s / self.edge.latency_s
        return min(latency, 1.0 - point.edge_share / self.edge.edge_share)


def fit_in_hindsight(
    names: Iterable[str], scenario: Scenario, source: TraceSource, seeds: Sequence[int]
) -> dict[str, Parameters]:
    """Return the parameters of the greatest return on these very seeds, by router.

    For rows that say what the best choice would have been: never a fit to be deployed.
    """
    fitter = Fitter(scenario, source, seeds)
    return {name: fitter.fit(name, 100.0).best_return.parameters for name in names}


def trials(name: str) -> int:
    """Return about how many settings `Fitter.fit` tries, for a progress bar."""
    search, calibrated = spec(name).search, spec(name).calibrated
    if search is not None:
        return search.generations * search.offspring + 3
    if calibrated is not None:
        return calibrated.trials
    sizes = [len(values) for values in spec(name).grid.values()]
    refined = 2 * len(REFINEMENT) + 1
    return math.prod(sizes) + 2 * math.prod(refined for _ in sizes)


def _greatest_return(points: Iterable[OperatingPoint]) -> OperatingPoint:
    return max(points, key=lambda point: point.mean_return)


def _neighbours(
    centre: Parameters, grid: Mapping[str, tuple[float, ...]]
) -> Iterable[tuple[float, ...]]:
    """Return the settings between the grid's neighbours of `centre`."""
    axes = []
    for name, values in grid.items():
        nearest = int(np.argmin(np.abs(np.array(values) - centre[name])))
        middle = values[nearest]
        axis = {middle}
        for neighbour in (values[max(nearest - 1, 0)], values[min(nearest + 1, len(values) - 1)]):
            axis |= {round(middle + part * (neighbour - middle), 6) for part in REFINEMENT}
        axes.append(sorted(axis))
    return itertools.product(*axes)

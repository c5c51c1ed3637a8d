"""What a comparison of routers on one scenario found, and how files hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgeroute_env.errors import InputError, input_error
from edgeroute_env.evaluation.result_files import ResultFiles
from edgeroute_env.routing import Role
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind


@dataclass(frozen=True)
class Results:
    """Routers compared on identical traces of one scenario.

    An interval is a mapping with mean, low and high: a mean with its 95 % bootstrap interval.
    """

    traces: TraceKind
    episodes: int
    tolerance_points: float  # quality that a saving may cost, in points of 100
    seeds: list[int]  # the first and the last evaluation seed
    fingerprint: Mapping[str, str]  # hashes of the scenario and of its recordings
    policies: Mapping[str, str]  # hashes of what was compared beside the registry's routers
    scenario: Scenario
    fits: str  # where the parameters come from, in words
    reference: str  # the router that differences are taken to
    edge_only: str  # the router that savings are taken to
    # By name: `parameters`, `role`, `figures`, `difference` (intervals), and what tables state.
    routers: Mapping[str, Mapping[str, Any]]
    savings: Mapping[str, Mapping[str, Any]]  # intervals of what is saved within the tolerance
    # The names of the better constant, the analytic rule and the strongest baseline, and their mean
    # `returns`.
    levels: Mapping[str, Any]
    goodput_within_s: float  # until when an answer counts as in time
    curves: Mapping[str, Mapping[str, Any]]  # points as a router's parameter moves, their metrics
    against_static: Mapping[str, Any]  # the paper's `rule`, its `savings` over static routers

    def names(self, role: Role) -> list[str]:
        """Return the routers that play a part, in the order of the table."""
        return [name for name, row in self.routers.items() if row["role"] == role]

    def telling(self) -> list[str]:
        """Return the routers that say most of all others, in the order of short tables.

        The constants, the paper's rule, the tuned rule, the strongest baseline, what was compared
        beside the registry's routers, and the bound.
        """
        level = self.levels
        rules = (self.against_static["rule"], level["analytic"], level["strongest"])
        names = (*self.names(Role.CONSTANT), *rules, *self.policies, *self.names(Role.BOUND))
        return [name for name in dict.fromkeys(names) if name in self.routers]

    def shown(self, router: str) -> str:
        """Return a router's name, with the rule that it is where training has added nothing."""
        rule = self._row(router).get("bare_rule")
        return f"{router} ({rule})" if rule else router

    def role(self, router: str) -> Role:
        """Return the part that a router plays."""
        return Role(self._row(router)["role"])

    def figures(self, router: str) -> Mapping[str, float]:
        """Return a router's means a turn, latency quantiles (s) and mean return."""
        found: Mapping[str, float] = self._row(router)["figures"]
        return found

    def difference(self, router: str) -> Mapping[str, Mapping[str, float]]:
        """Return the intervals of a router's figures less the reference's."""
        found: Mapping[str, Mapping[str, float]] = self._row(router)["difference"]
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return what a JSON file holds."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**content, "scenario": self.scenario.model_dump(mode="json")}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Results:
        """Return the results that `as_dict` gave; InputError where they are none of ours."""
        if set(content) != _FIELDS:
            raise InputError("results", ", ".join(content), "exactly " + ", ".join(sorted(_FIELDS)))
        try:
            scenario = Scenario.model_validate(content["scenario"])
        except ValidationError as error:
            raise input_error(error, Scenario, "results: scenario.") from None
        return cls(**{**content, "scenario": scenario})

    def _row(self, router: str) -> Mapping[str, Any]:
        if router not in self.routers:
            raise InputError("router", router, "one of " + ", ".join(self.routers))
        return self.routers[router]


_FIELDS = {field.name for field in fields(Results)}


def read_results(path: Path) -> tuple[dict[str, Any], dict[str, Results]]:
    """Return what `edgeroute benchmark` wrote: a results.json, or the folder with one.

    Returns:
        The command and the versions behind the results, and the results by scenario.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    file = path / BENCHMARK_FILES.json_name if path.is_dir() else path
    content = BENCHMARK_FILES.read(file, "results")
    scenarios = content.pop("scenarios")
    found = {name: Results.from_dict(result) for name, result in scenarios.items()}
    for name, results in found.items():  # names become file names
        if name != results.scenario.name:
            raise InputError(f"{file}: scenarios", name, f"its own name, {results.scenario.name}")
    return content, found


def _is_ours(found: Any) -> bool:
    scenarios = found.get("scenarios") if isinstance(found, dict) else None
    return isinstance(scenarios, dict) and all(
        isinstance(result, dict) and set(result) == _FIELDS for result in scenarios.values()
    )


def _rows(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one flat row a scenario and router."""
    for scenario, result in content["scenarios"].items():
        for router, row in result["routers"].items():
            flat = {"scenario": scenario, "traces": result["traces"], "router": router}
            flat |= row["figures"]
            flat |= {name: row.get(name) for name in ("goodput", "p_value", "p_holm")}
            for name, values in row["difference"].items():
                flat |= {f"difference_{name}_{part}": value for part, value in values.items()}
            yield flat


TABLES_NAME = "tables.txt"  # all routers in tables, for people
BENCHMARK_FILES = ResultFiles("results", _is_ours, _rows, extra=(TABLES_NAME,))

"""Sweep one parameter of a scenario: how routers, once deployed, do at each of its values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeroute_baselines.fitted import fingerprint, fit_missing, parameters
from edgeroute_baselines.registry import make_router, spec
from edgeroute_env import InputError
from edgeroute_env.evaluation.sweep import label_of, measure, variants
from edgeroute_env.parallel import HERE, Plan, Workers, carried_out
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.seeds import EVALUATION_SEEDS
from edgeroute_env.traces.recorded import TraceKind, drawn

Row = dict[str, Any]


class Sweep:
    """The values of one parameter, and the routers that run at each of them.

    Routers keep the parameters fitted to the scenario itself, as a deployed router would, and meet
    identical traces at each value.

    Attributes:
        settings: all that is needed to repeat it, as a JSON file holds it.
        fitted: the routers that were fitted for it.
    """

    def __init__(
        self,
        scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
        parameter: str,
        values: Sequence[float],
        routers: Sequence[str],
        traces: TraceKind = "synthetic",
        episodes: int = 100,
        by: Workers = HERE,
    ) -> None:
        """Check all that is asked for, before anything runs.

        `parameter` is a name in `KNOBS` of edgeroute_env.evaluation.sweep, or a dotted field.
        Routers without a stored fit to the scenario are fitted first; `by` says where.

        Raises:
            InputError: names what cannot be used.
        """
        chosen = load_scenario(scenario)
        self._variants = variants(chosen, parameter, sorted(values))
        self._fits, self.fitted = _deployed(chosen, traces, routers, by)
        self._sources = {
            value: drawn(variant, traces, "evaluation") for value, variant in self._variants.items()
        }
        self._seeds = EVALUATION_SEEDS[:episodes]
        self.settings: dict[str, Any] = {
            "parameter": parameter,
            "label": label_of(parameter),
            "traces": traces,
            "episodes": episodes,
            "seeds": [self._seeds[0], self._seeds[-1]],
            "fingerprint": fingerprint(chosen, traces),
            "routers": self._fits,
            "scenario": chosen.model_dump(mode="json"),
        }

    def run(
        self,
        earlier: Sequence[Row] = (),
        on_value: Callable[[list[Row]], None] = lambda rows: None,
        by: Workers = HERE,
    ) -> list[Row]:
        """Return a row a value and router: `value`, `router`, and `figures` with intervals.

        The rows of an interrupted run, `earlier`, are kept. `on_value` is called with all rows so
        far, those kept and after each further value. `by` says where the work is done.
        """
        rows = list(earlier)
        if rows:
            on_value(rows)
        done = {row["value"] for row in rows}
        left = {value: at for value, at in self._variants.items() if value not in done}
        for _, found in carried_out((self._plan(value, left[value]) for value in left), by):
            rows += found
            rows.sort(key=lambda row: row["value"])  # stable: the routers keep their order
            on_value(rows)
        return rows

    def _plan(self, value: float, at: Scenario) -> Plan[list[Row]]:
        routers = [make_router(name, fit) for name, fit in self._fits.items()]
        return measure(value, at, self._sources[value], self._seeds, routers)


def _deployed(
    scenario: Scenario,
    traces: TraceKind,
    routers: Sequence[str],
    by: Workers,
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return what each router is deployed with, and the routers that were fitted for it.

    What is chosen in hindsight cannot be deployed.
    """
    for name in routers:
        if spec(name).parameters and not spec(name).role.causal:
            raise InputError("router", name, "a router whose parameters are not set in hindsight")
    entry, new = fit_missing(scenario, traces, routers, by=by)
    return {name: parameters(entry or {}, name) for name in routers}, new  # no entry: none has any

"""`edgeroute benchmark`: all routers on one or more workloads, paired, with intervals."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, TaskID

from edgeroute_env.cli.options import (
    EpisodesOption,
    OverwriteOption,
    QuietOption,
    ResumeOption,
    SetOption,
    TracesOption,
    chosen_scenario,
    chosen_traces,
    console,
    notes,
    progress,
    rows,
)
from edgeroute_env.errors import InputError, missing_package
from edgeroute_env.evaluation import literature_tables, results, tables
from edgeroute_env.evaluation.benchmark import Contender, compare
from edgeroute_env.evaluation.episodes import EVALUATION_SEEDS
from edgeroute_env.evaluation.literature import Dial, around
from edgeroute_env.evaluation.results import BENCHMARK
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_names
from edgeroute_env.traces.recorded import drawn

if TYPE_CHECKING:
    from edgeroute_agents import Policy

WORKLOADS = ("mmlu", "gsm8k", "mtbench101", "paper")
ALL = "all"  # every preset
TABLES = (tables.details, tables.latency_split, tables.savings)


def benchmark(
    workloads: Annotated[
        list[str] | None,
        typer.Argument(help=f"Presets, YAML files, or {ALL}; default: " + " ".join(WORKLOADS)),
    ] = None,
    episodes: EpisodesOption = 200,
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Quality that a saving may cost, in points.")
    ] = 0.5,
    reference: Annotated[
        str, typer.Option(help="The router that returns are compared to.")
    ] = "edge",
    train: Annotated[
        bool, typer.Option("--train", help="Train ppo and dqn first, in --out, instead of loading.")
    ] = False,
    traces: TracesOption = "auto",
    overrides: SetOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json and .csv; default: results/TIME.")
    ] = None,
    overwrite: OverwriteOption = False,
    resume: ResumeOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare all routers on identical traces and write the results.

    Fitted parameters come from stored fits where these match the scenario and the data, and are
    fitted on training seeds otherwise. Policies come with the package for the presets as they
    are; they were trained on synthetic traces.
    """
    from edgeroute_baselines import router_names
    from edgeroute_baselines.fitted import fingerprint

    if reference not in router_names():
        raise InputError("--reference", reference, "one of " + ", ".join(router_names()))
    asked = scenario_names() if workloads == [ALL] else workloads or WORKLOADS
    chosen = [chosen_scenario(name, overrides) for name in asked]
    names = [scenario.name for scenario in chosen]
    for name in names:
        if names.count(name) > 1:
            raise InputError("workloads", name, "scenarios with a name of their own each")
    kinds = [chosen_traces(scenario, traces) for scenario in chosen]
    folder = out or results.dated_folder()
    done = results.open_folder(folder, overwrite, resume, BENCHMARK)
    kept = {} if done is None else done["workloads"]
    content: dict[str, Any] = {**results.provenance(), "workloads": dict(kept)}
    for scenario, (kind, why) in zip(chosen, kinds, strict=True):
        policies = _policies(scenario, folder if train else None, quiet)
        settings = {
            "traces": kind,
            "episodes": episodes,
            "tolerance_points": tolerance,
            "seeds": [EVALUATION_SEEDS[0], EVALUATION_SEEDS[episodes - 1]],
            "fingerprint": fingerprint(scenario, kind),
            "policies": {policy.name: policy.fingerprint() for policy in policies},
            "scenario": scenario.model_dump(mode="json"),
        }
        earlier = kept.get(scenario.name, {})
        if {**settings, "reference": reference}.items() <= earlier.items():
            result = earlier
        else:
            with progress(quiet) as bar:
                result = {**settings, **_compared(scenario, settings, reference, policies, bar)}
        content["workloads"][scenario.name] = result
        results.write(folder, content, BENCHMARK)
        console.print(tables.comparison(f"{scenario.name} · {kind} traces, {why}", result))
        for table in (*TABLES, *literature_tables.TABLES):
            console.print(table(result))
        console.print()
    if len(chosen) > 1:
        shown = {name: content["workloads"][name] for name in names}
        rows.print(tables.overview(shown))
    notes.print(f"written: {folder / BENCHMARK.json_name} and {folder / BENCHMARK.csv_name}")


def _policies(scenario: Scenario, folder: Path | None, quiet: bool) -> list[Policy]:
    """Return the learned routers of a scenario: packaged ones, or trained now in `folder`."""
    from edgeroute_agents import packaged

    if folder is None:
        return packaged(scenario)
    try:
        from edgeroute_agents.pretraining import trained
    except ImportError as error:
        raise missing_package(str(error.name), "--train", "agents") from None
    from edgeroute_agents.settings import load_settings

    found = []
    with progress(quiet) as bar:
        for name in tables.LEARNED:
            asked = load_settings(name)
            task = bar.add_task(f"{scenario.name}: {name}", total=asked.frames)
            place = folder / "policies" / f"{scenario.name}-{name}"
            tell = functools.partial(_advance, bar, task)
            found.append(trained(scenario, asked, place, 0, tell)[0])
    return found


def _advance(bar: Progress, task: TaskID, completed: int) -> None:
    bar.update(task, completed=completed)


def _compared(
    scenario: Scenario,
    settings: dict[str, Any],
    reference: str,
    policies: Sequence[Policy],
    bar: Progress,
) -> dict[str, Any]:
    """Fit what no stored fit is valid for, then run every router on the evaluation traces."""
    from edgeroute_baselines import make_router, router_names
    from edgeroute_baselines.fitted import FITTED_ROUTERS, fit_all, missing, parameters, stored
    from edgeroute_baselines.fitting import in_hindsight, trials
    from edgeroute_baselines.length import TOKENS
    from edgeroute_baselines.registry import kind as kind_of
    from edgeroute_baselines.static import SHARES

    kind, tolerance = settings["traces"], settings["tolerance_points"]
    entry = stored(scenario, kind, tolerance)
    absent = missing(entry)
    fitted = "stored" if entry is not None else "fitted in this run"
    if entry is not None and absent:
        fitted = "stored; fitted in this run: " + ", ".join(absent)
    if entry is None or absent:
        task = bar.add_task(f"{scenario.name}: fitting", total=sum(map(trials, absent)))
        entry = fit_all(scenario, kind, tolerance, lambda: bar.advance(task), absent, entry)
        bar.remove_task(task)
    source = drawn(scenario, kind, "evaluation")
    seeds = EVALUATION_SEEDS[: settings["episodes"]]
    late = [name for name in router_names() if kind_of(name).in_hindsight]
    chosen_late = in_hindsight(late, scenario, source, seeds)

    def contender(name: str, point: str) -> Contender:
        chosen = chosen_late[name] if name in chosen_late else parameters(entry, name, point)
        # Where no setting keeps within the tolerance, the fit is to send everything to the edge.
        falls_back = not chosen and name in FITTED_ROUTERS
        router = make_router("edge" if falls_back else name, chosen)
        return Contender(router, chosen, kind_of(name).causal)

    contenders = [contender(name, "best_return") for name in router_names()]
    contenders += [Contender(policy, {}, learned=True) for policy in policies]
    savers = {name: contender(name, "within_tolerance") for name in FITTED_ROUTERS}
    turns = scenario.workload.turns * (len(contenders) + len(savers))
    task = bar.add_task(f"{scenario.name}: evaluating", total=turns)
    dials = {
        name: Dial(_moved(name, "theta", parameters(entry, name)), around(theta))
        for name in FITTED_ROUTERS
        if (theta := parameters(entry, name).get("theta")) is not None
    }
    # The coin is what any router has to beat, the prompt's length what a score has to.
    dials["random"] = Dial(_moved("static-split", "edge_share"), SHARES)
    dials["length-threshold"] = Dial(_moved("length-threshold", "tokens"), TOKENS)
    result = compare(
        *(scenario, source, seeds, contenders, savers, reference, dials),
        on_turn=lambda: bar.advance(task),
    )
    return {"fits": fitted, **result}


def _moved(
    name: str, parameter: str, fitted: Mapping[str, float] | None = None
) -> Callable[[float], Router]:
    """Return what makes a router of one parameter, the others as fitted."""
    from edgeroute_baselines import make_router

    return lambda value: make_router(name, {**(fitted or {}), parameter: value})

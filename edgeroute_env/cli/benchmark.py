"""`edgeroute benchmark`: all routers on one or more scenarios, paired, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.options import (
    chosen_scenario,
    chosen_traces,
    console,
    notes,
    progress,
    rows,
    steps_shown,
)
from edgeroute_env.cli.own_router import OWN, own_contender
from edgeroute_env.errors import InputError, needs
from edgeroute_env.evaluation import tables
from edgeroute_env.evaluation.compare import Contender
from edgeroute_env.evaluation.result_files import command_and_versions, dated_folder
from edgeroute_env.evaluation.results import BENCHMARK_FILES, Results
from edgeroute_env.routing import Role
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_names

SCENARIOS = ("mmlu", "gsm8k", "mtbench101", "paper")
ALL = "all"  # every preset
TABLES = (
    tables.details,
    tables.latency_split,
    tables.savings,
    tables.routing_metrics,
    tables.against_static,
)


def benchmark(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(help=f"Presets, YAML files, or {ALL}; default: " + " ".join(SCENARIOS)),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--scenario", "-s", help="The same as an argument; may be repeated."),
    ] = None,
    own_routers: Annotated[
        list[str] | None,
        typer.Option("--router", metavar=OWN, help="Add a router of yours; may be repeated."),
    ] = None,
    episodes: options.EpisodesOption = 200,
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Quality that a saving may cost, in points.")
    ] = 0.5,
    reference: Annotated[
        str, typer.Option(help="The router that returns are compared to.")
    ] = "edge",
    train: Annotated[
        bool, typer.Option("--train", help="Train ppo and dqn first, in --out, instead of loading.")
    ] = False,
    traces: options.TracesOption = "auto",
    overrides: options.SetOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json and .csv; default: results/TIME.")
    ] = None,
    overwrite: options.OverwriteOption = False,
    resume: options.ResumeOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Compare all routers on identical traces and write the results.

    Parameters come from stored fits where these match the scenario and the data. Otherwise they are
    fitted on training seeds and kept in the user's data folder. The packaged policies
    were trained on synthetic traces.
    """
    from edgeroute_baselines import benchmark as compare_routers
    from edgeroute_baselines import router_names

    if reference not in router_names():
        raise InputError("--reference", reference, "one of " + ", ".join(router_names()))
    chosen = _chosen([*(scenarios or []), *(more or [])], overrides)
    own = [own_contender(text) for text in own_routers or []]
    kinds = [chosen_traces(scenario, traces) for scenario in chosen]
    folder = out or dated_folder()
    found = BENCHMARK_FILES.open(folder, overwrite, resume)
    stored = {} if found is None else found["scenarios"]
    compared: dict[str, Results] = {}
    for scenario, (kind, why) in zip(chosen, kinds, strict=True):
        name = scenario.name
        policies = _policies(scenario, folder if train else None, quiet)
        with progress(quiet) as bar:
            compared[name] = compare_routers(
                scenario,
                [*policies, *own],
                traces=kind,
                episodes=episodes,
                tolerance_points=tolerance,
                reference=reference,
                earlier=Results.from_dict(stored[name]) if name in stored else None,
                on_step=steps_shown(bar, name),
            )
        stored[name] = compared[name].as_dict()
        BENCHMARK_FILES.write(folder, {**command_and_versions(), "scenarios": stored})
        _show(f"{name} · {kind} traces, {why}", compared[name])
    if len(chosen) > 1:
        rows.print(tables.overview(compared))
    notes.print("written: " + " and ".join(str(folder / name) for name in BENCHMARK_FILES.names))


def _show(title: str, results: Results) -> None:
    console.print(tables.comparison(title, results))
    for table in TABLES:
        console.print(table(results))
    console.print()


def _chosen(asked: list[str] | None, overrides: list[str] | None) -> list[Scenario]:
    """Return the scenarios that a command asks for; InputError where two have one name."""
    names = scenario_names() if asked == [ALL] else asked or SCENARIOS
    chosen = [chosen_scenario(name, overrides) for name in names]
    found = [scenario.name for scenario in chosen]
    for name in found:
        if found.count(name) > 1:
            raise InputError("scenarios", name, "scenarios with a name of their own each")
    return chosen


def _policies(scenario: Scenario, folder: Path | None, quiet: bool) -> list[Contender]:
    """Return the learned routers of a scenario: packaged ones, or trained now in `folder`."""
    from edgeroute_agents import learned_names, packaged

    if folder is None:
        policies = packaged(scenario)
    else:
        place = folder / "policies"
        policies = [_trained(scenario, name, place, quiet) for name in learned_names()]
    return [Contender(p, Role.LEARNED, fingerprint=p.fingerprint()) for p in policies]


def _trained(scenario: Scenario, algorithm: str, folder: Path, quiet: bool) -> Any:
    from edgeroute_agents.settings import load_settings

    with needs("--train", "agents"):
        from edgeroute_agents.pretraining import trained
    asked = load_settings(algorithm)
    name = f"{scenario.name}-{algorithm}"
    with progress(quiet) as bar:
        task = bar.add_task(f"{scenario.name}: {algorithm}", total=asked.frames)
        return trained(
            scenario, asked, folder / name, 0, lambda frames: bar.update(task, completed=frames)
        )[0]

"""`edgeroute benchmark`: all routers on one or more scenarios, paired, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeroute_env.cli import options
from edgeroute_env.cli.contenders import (
    OwnRoutersOption,
    PoliciesOption,
    chosen_routers,
    learned,
    own_policies,
)
from edgeroute_env.cli.fitting import say_kept
from edgeroute_env.cli.options import (
    chosen_scenario,
    chosen_traces,
    console,
    notes,
    progress,
    steps_shown,
)
from edgeroute_env.cli.own_router import own_contender
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation import findings, tables
from edgeroute_env.evaluation.result_files import command_and_versions, dated_folder
from edgeroute_env.evaluation.results import BENCHMARK_FILES, TABLES_NAME, Results
from edgeroute_env.files import replacing
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import scenario_names

SCENARIOS = ("mmlu", "gsm8k", "mtbench101", "paper")
ALL = "all"  # every preset
ROUTERS_HELP = (
    "Run these alone. What the tables need is added: device, edge, static-split, the tuned rule "
    "(bao-multi-queue), the paper's rule and --reference. ppo and dqn run only if named."
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
    routers: Annotated[
        str | None,
        typer.Option("--routers", metavar="NAME,NAME,...", help=ROUTERS_HELP),
    ] = None,
    own_routers: OwnRoutersOption = None,
    policies: PoliciesOption = None,
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
        Path | None,
        typer.Option(help="Folder for results.json, .csv and tables.txt; default: results/TIME."),
    ] = None,
    overwrite: options.OverwriteOption = False,
    resume: options.ResumeOption = False,
    every: Annotated[bool, typer.Option("--all", help="Print every router's row.")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Compare routers, all of them unless told otherwise, on identical traces; write the results.

    What was found comes first, in words, then a table of the routers that say most; --out holds the
    other tables. Gains are over the better of the two constant routers.

    Parameters come from stored fits where these match the scenario and the data. Otherwise they are
    fitted on training seeds and kept in the user's data folder. The packaged policies were trained
    on synthetic traces.
    """
    from edgeroute_baselines import benchmark as compare_routers
    from edgeroute_baselines import router_names
    from edgeroute_baselines.benchmarking import STORED

    if reference not in router_names():
        raise InputError("--reference", reference, "one of " + ", ".join(router_names()))
    chosen = _chosen([*(scenarios or []), *(more or [])], overrides)
    wanted = chosen_routers(routers, reference)
    own = [own_contender(text) for text in own_routers or []]
    own_learned = own_policies(policies or [], chosen)
    kinds = [chosen_traces(scenario, traces) for scenario in chosen]
    folder = out or dated_folder()
    found = BENCHMARK_FILES.open(folder, overwrite, resume)
    stored = {} if found is None else found["scenarios"]
    known = {name: Results.from_dict(content) for name, content in stored.items()}
    for scenario, (kind, why) in zip(chosen, kinds, strict=True):
        name = scenario.name
        others = learned(scenario, own_learned, wanted, folder if train else None, quiet)
        asked = [router for router in wanted or () if router in router_names()]
        earlier = known.get(name)
        with progress(quiet) as bar:
            known[name] = compare_routers(
                scenario,
                [*asked, *others, *own],
                traces=kind,
                episodes=episodes,
                tolerance_points=tolerance,
                reference=reference,
                earlier=earlier,
                on_step=steps_shown(bar, name),
            )
        _write(folder, known)
        if known[name] is not earlier and known[name].fits != STORED:
            say_kept(scenario, kind, f"fits to {name}: {known[name].fits}")
        _show(f"{name} · {kind} traces, {why}", known[name], every or wanted is not None)
    compared = {scenario.name: known[scenario.name] for scenario in chosen}
    if len(compared) > 1:
        console.print(tables.overview(compared))
        console.print()
    console.print(findings.of_all(compared))
    notes.print("written: " + ", ".join(str(folder / name) for name in BENCHMARK_FILES.names))


def _write(folder: Path, known: dict[str, Results]) -> None:
    """Write what is known so far, each file in one move."""
    content = {name: results.as_dict() for name, results in known.items()}
    BENCHMARK_FILES.write(folder, {**command_and_versions(), "scenarios": content})
    with replacing(folder / TABLES_NAME) as part:
        part.write_text(tables.further(known), encoding="utf-8")


def _show(title: str, results: Results, every: bool) -> None:
    """Print what was found on one scenario: in words, then in a table."""
    for part in (title, findings.of_scenario(results), "", tables.comparison(results, every), ""):
        console.print(part)


def _chosen(asked: list[str] | None, overrides: list[str] | None) -> list[Scenario]:
    """Return the scenarios that a command asks for; InputError where two have one name."""
    names = scenario_names() if asked == [ALL] else asked or SCENARIOS
    chosen = [chosen_scenario(name, overrides) for name in names]
    found = [scenario.name for scenario in chosen]
    for name in found:
        if found.count(name) > 1:
            raise InputError("scenarios", name, "scenarios with a name of their own each")
    return chosen

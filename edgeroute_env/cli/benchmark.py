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
    ALL,
    chosen_scenarios,
    chosen_traces,
    console,
    notes,
    resumable,
    working,
)
from edgeroute_env.cli.own_router import own_contender
from edgeroute_env.errors import InputError
from edgeroute_env.evaluation import findings, tables
from edgeroute_env.evaluation.result_files import command_and_versions, dated_folder
from edgeroute_env.evaluation.results import BENCHMARK_FILES, TABLES_NAME, Results
from edgeroute_env.files import replacing
from edgeroute_env.parallel import Plan, carried_out, workers
from edgeroute_env.scenario import Scenario
from edgeroute_env.traces.recorded import TraceKind

SCENARIOS = ("mmlu", "gsm8k", "mtbench101", "paper")
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
    jobs: options.JobsOption = None,
    cluster: options.ClusterOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Compare routers, all of them unless told otherwise, on identical traces; write the results.

    What was found comes first, in words, then a table of the routers that say most; --out holds the
    other tables. Gains are over the better of the two constant routers.

    Parameters come from stored fits where these match the scenario and the data. Otherwise they are
    fitted on training seeds and kept in the user's data folder. The packaged policies were trained
    on synthetic traces.
    """
    from edgeroute_baselines import router_names
    from edgeroute_baselines.benchmarking import benchmark_plan

    if reference not in router_names():
        raise InputError("--reference", reference, "one of " + ", ".join(router_names()))
    chosen = chosen_scenarios([*(scenarios or []), *(more or [])] or list(SCENARIOS), overrides)
    wanted = chosen_routers(routers, reference)
    asked = [router for router in wanted or () if router in router_names()]
    own = [own_contender(text) for text in own_routers or []]
    own_learned = own_policies(policies or [], chosen)
    kinds = [chosen_traces(scenario, traces) for scenario in chosen]
    by = workers(jobs, cluster)
    folder = out or dated_folder()
    found = BENCHMARK_FILES.open(folder, overwrite, resume)
    stored = {} if found is None else found["scenarios"]
    earlier = {name: Results.from_dict(content) for name, content in stored.items()}

    def plan(scenario: Scenario, kind: TraceKind) -> Plan[Results]:
        others = yield from learned(scenario, own_learned, wanted, folder if train else None)
        how = kind, episodes, tolerance, reference, earlier.get(scenario.name)
        return (yield from benchmark_plan(scenario, [*asked, *others, *own], *how))

    plans = [plan(scenario, kind) for scenario, (kind, _) in zip(chosen, kinds, strict=True)]
    told = chosen[0].name if len(chosen) == 1 else f"{len(chosen)} scenarios"
    compared: dict[str, Results] = {}
    unseen = list(zip(chosen, kinds, strict=True))
    with resumable(), working(by, told, quiet) as (followed, bar):
        for place, results in carried_out(plans, followed):
            compared[chosen[place].name] = results
            _write(folder, earlier, compared, [scenario.name for scenario in chosen])
            bar.pause()
            while unseen and unseen[0][0].name in compared:  # in the order asked for
                scenario, (kind, why) = unseen.pop(0)
                _show(
                    f"{scenario.name} · {kind} traces, {why}",
                    compared[scenario.name],
                    every or wanted is not None,
                    compared[scenario.name] is not earlier.get(scenario.name),
                )
    if len(compared) > 1:
        in_order = {scenario.name: compared[scenario.name] for scenario in chosen}
        console.print(tables.overview(in_order))
        console.print()
    console.print(findings.of_all({scenario.name: compared[scenario.name] for scenario in chosen}))
    notes.print("written: " + ", ".join(str(folder / name) for name in BENCHMARK_FILES.names))


def _write(
    folder: Path, earlier: dict[str, Results], compared: dict[str, Results], asked: list[str]
) -> None:
    """Write what is known so far, each file in one move, in an order that no worker decides."""
    both = {**earlier, **compared}
    known = {name: both[name] for name in dict.fromkeys([*earlier, *asked]) if name in both}
    content = {name: results.as_dict() for name, results in known.items()}
    BENCHMARK_FILES.write(folder, {**command_and_versions(), "scenarios": content})
    with replacing(folder / TABLES_NAME) as part:
        part.write_text(tables.further(known), encoding="utf-8")


def _show(title: str, results: Results, every: bool, new: bool) -> None:
    """Print what was found on one scenario: in words, then in a table."""
    from edgeroute_baselines.benchmarking import STORED

    if new and results.fits != STORED:
        made = f"fits to {results.scenario.name}: {results.fits}"
        say_kept(results.scenario, results.traces, made)
    for part in (title, findings.of_scenario(results), "", tables.comparison(results, every), ""):
        console.print(part)

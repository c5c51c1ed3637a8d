"""The commands and what they share."""

from __future__ import annotations

import typer

from edgeroute_env.cli import (
    benchmark,
    data,
    episode,
    fit,
    report,
    scenarios,
    score,
    sweep,
    trace,
    train,
    tune,
)

app = typer.Typer(
    name="edgeroute",
    help="Route LLM queries between a phone and an edge server: simulate, compare, fit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("benchmark")(benchmark.benchmark)
app.command("report")(report.report)
app.command("run")(episode.run)
app.command("fit")(fit.fit)
app.command("sweep")(sweep.sweep)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.command("scenarios")(scenarios.scenarios)
app.add_typer(score.app, name="score")
app.add_typer(trace.app, name="trace")
app.add_typer(data.app, name="data")

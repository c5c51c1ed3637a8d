"""The commands and what they share."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from edgeroute_env import __version__
from edgeroute_env.cli import (
    benchmark,
    data,
    episode,
    fit,
    live,
    play,
    replay,
    report,
    scenarios,
    score,
    sweep,
    trace,
    train,
    tune,
    watch,
)
from edgeroute_env.cli.compiling import spin_while_compiling
from edgeroute_env.cli.options import console

app = typer.Typer(
    name="edgeroute",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SIMULATE, COMPARE, LEARN, DATA = "Simulate", "Compare", "Fit and learn", "Data and scores"
REAL = "Real requests"


def _tell_version(asked: bool) -> None:
    if asked:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def main(
    command: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True),
    ] = False,
) -> None:
    """Route LLM queries between a phone and an edge server: simulate, compare, fit."""
    spin_while_compiling(command)


app.command("scenarios", rich_help_panel=SIMULATE)(scenarios.scenarios)
app.command("run", rich_help_panel=SIMULATE)(episode.run)
app.command("watch", rich_help_panel=SIMULATE)(watch.watch)
app.command("replay", rich_help_panel=SIMULATE)(replay.replay)
app.command("play", rich_help_panel=SIMULATE)(play.play)
app.command("benchmark", rich_help_panel=COMPARE)(benchmark.benchmark)
app.command("report", rich_help_panel=COMPARE)(report.report)
app.command("sweep", rich_help_panel=COMPARE)(sweep.sweep)
app.command("fit", rich_help_panel=LEARN)(fit.fit)
app.command("train", rich_help_panel=LEARN)(train.train)
app.command("tune", rich_help_panel=LEARN)(tune.tune)
app.add_typer(data.app, name="data", rich_help_panel=DATA)
app.add_typer(trace.app, name="trace", rich_help_panel=DATA)
app.add_typer(score.app, name="score", rich_help_panel=DATA)
app.add_typer(live.app, name="live", rich_help_panel=REAL)


def _let_paragraphs_flow() -> None:
    """Join the lines of each paragraph of help, which would break where they do in the code."""
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    for command in [each for group in groups if group for each in group.registered_commands]:
        paragraphs = inspect.cleandoc(getattr(command.callback, "__doc__", None) or "").split(
            "\n\n"
        )
        command.help = "\n\n".join(" ".join(text.split()) for text in paragraphs)


_let_paragraphs_flow()

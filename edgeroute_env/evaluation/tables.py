"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from edgeroute_env.evaluation.results import Results
from edgeroute_env.evaluation.statistics import LEVEL
from edgeroute_env.evaluation.sweep import has_effect
from edgeroute_env.routing import Role
from edgeroute_env.simulator.state import LATENCY_PARTS


def comparison(title: str, results: Results) -> Table:
    """Return the table of one scenario: quality, latency, edge calls and return a router."""
    reference = results.reference
    caption = (
        f"Means a turn over {results.episodes} episodes on identical traces. Last column: the "
        f"return less {reference}'s, with its 95 % bootstrap interval."
    )
    beyond = [name for name in results.routers if not results.role(name).causal]
    if beyond:
        caption += f" Hindsight or oracle, for comparison only: {', '.join(beyond)}."
    caption += " *: differs at 5 %, all routers being tested (sign flips, Holm)."
    table = titled(title, caption)
    for column in ("quality", "latency s", "p50", "p95", "p99", "edge calls", "return"):
        table.add_column(column, justify="right")
    table.add_column(f"return vs {reference}", justify="right", no_wrap=True)
    for name, row in results.routers.items():
        f = row["figures"]
        table.add_row(
            name,
            f"{f['quality']:.3f}",
            *(f"{f[f'latency_{key}_s']:.2f}" for key in ("mean", "p50", "p95", "p99")),
            f"{f['edge_share']:.1%}",
            f"{f['return']:.2f}",
            with_interval(row["difference"]["return"]) + star(row),
        )
    return table


def details(results: Results) -> Table:
    """Return the table of the first token, the energy and what switching cost."""
    table = titled("First token, energy, switching: a turn")
    columns = ("TTFT s", "p50", "p95", "p99", "energy J", "switches", "recomputed tokens")
    for column in (*columns, "failed"):
        table.add_column(column, justify="right")
    for name, row in results.routers.items():
        f = row["figures"]
        table.add_row(
            name,
            *(f"{f[f'ttft_{key}_s']:.2f}" for key in ("mean", "p50", "p95", "p99")),
            f"{f['energy_j']:.1f}",
            f"{f['switches']:.3f}",
            f"{f['recomputed_tokens']:.1f}",
            f"{f['failed']:.2%}",
        )
    return table


def latency_split(results: Results) -> Table:
    """Return the table of where each router's latency goes, in seconds a turn."""
    caption = "Last columns: the radio's share of the time to the whole answer and the first token."
    table = titled("Latency by cause, s a turn", caption)
    parts = (*(f"{part}_s" for part in LATENCY_PARTS), "latency_mean_s")
    shares = {"radio_share": "radio", "radio_share_ttft": "of TTFT"}
    for part in parts:
        table.add_column(part.removesuffix("_s").replace("_mean", ""), justify="right")
    for heading in shares.values():
        table.add_column(heading, justify="right")
    for name, row in results.routers.items():
        f = row["figures"]
        seconds = (f"{f[part]:.3f}" for part in parts)
        table.add_row(name, *seconds, *(f"{f[share]:.1%}" for share in shares))
    return table


def overview(compared: Mapping[str, Results]) -> Table:
    """Return the table of what deciding is worth on each scenario, and of the radio's share."""
    table = Table(
        title="What deciding is worth: paired gains over the better constant, 95 % intervals",
        title_justify="left",
        caption=(
            "Bao: the paper's own terms. Strongest baseline: of the causal routers that are not "
            "learned, the best on these very episodes. Radio: share of edge-only's time to the "
            "whole answer and to the first token. Last: what the learned routers earn beyond that "
            "baseline."
        ),
        caption_justify="left",
    )
    for column in ("scenario", *overview_columns(compared.values())):
        table.add_column(column, no_wrap=True)
    learned = learned_names(compared.values())
    for column in ("radio", "of TTFT", *(f"{name} beyond" for name in learned)):
        table.add_column(column, justify="right", no_wrap=True)
    for scenario, results in compared.items():
        edge, rows = results.figures(results.edge_only), results.routers
        table.add_row(
            scenario,
            *overview_cells(results, learned),
            *(f"{edge[share]:.1%}" for share in ("radio_share", "radio_share_ttft")),
            *(with_interval(rows[n]["over_strongest"]) if n in rows else "-" for n in learned),
        )
    return table


def learned_names(compared: Iterable[Results]) -> list[str]:
    """Return the learned routers of any results."""
    return list(dict.fromkeys(name for each in compared for name in each.names(Role.LEARNED)))


def overview_columns(compared: Collection[Results]) -> list[str]:
    """Return the headings of `overview_cells`."""
    first = next(iter(compared))
    return [
        *("constant", "return", "Bao", first.levels["analytic"], "strongest baseline"),
        *learned_names(compared),
        *first.names(Role.BOUND),
    ]


def overview_cells(
    results: Results,
    learned: Sequence[str],
    shown: Callable[[Mapping[str, float]], str] | None = None,
) -> list[str]:
    """Return the gains over the better constant, or "-" for who is not there.

    Args:
        results: of one scenario.
        learned: the routers that have columns of their own.
        shown: writes a mean with its interval; by default `with_interval`.
    """
    level, rows = results.levels, results.routers

    def gain(name: str) -> str:
        return (shown or with_interval)(rows[name]["over_constant"]) if name in rows else "-"

    return [
        level["constant"],
        f"{level['returns'][level['constant']]:.2f}",
        gain(results.against_static["rule"]),
        gain(level["analytic"]),
        f"{level['strongest']} {gain(level['strongest'])}",
        *(gain(name) for name in (*learned, *results.names(Role.BOUND))),
    ]


def savings(results: Results) -> Table:
    """Return the table of savings against edge-only at the stated quality tolerance."""
    table = titled(
        f"Saved against edge-only at a quality tolerance of {results.tolerance_points:g} points",
        "Tuned to the tolerance on training traces; means and intervals on evaluation traces.",
    )
    for column in ("latency saved", "edge calls saved", "quality, points"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, row in results.savings.items():
        table.add_row(name, *saved_cells(row))
    return table


def saved_cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the cells of a saving: latency and edge calls in %, quality in points."""
    return (
        with_interval(row["latency_saved"], 100, "%"),
        with_interval(row["edge_calls_saved"], 100, "%"),
        with_interval(row["quality_points"]),
    )


def sweep(title: str, settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of a sweep: latency, quality and edge share a value and router."""
    caption = (
        f"Value: {settings['label']}. Means a turn over {settings['episodes']} episodes on "
        "identical traces at each value, with their 95 % bootstrap intervals."
    )
    if not has_effect(rows):
        caption += f" No figure moves with {settings['parameter']} on these traces."
    table = titled(title, caption, first="value")
    table.add_column("router", no_wrap=True)
    for column in ("latency s", "quality", "edge calls"):
        table.add_column(column, justify="right", no_wrap=True)
    for above, row in zip([None, *rows], rows, strict=False):
        f = row["figures"]
        begins = above is None or above["value"] != row["value"]
        table.add_row(
            f"{row['value']:g}" if begins else "",
            row["router"],
            with_interval(f["latency_mean_s"], form=".2f"),
            with_interval(f["quality"], form=".3f"),
            with_interval(f["edge_share"], 100, "%", form=".1f"),
        )
    return table


def titled(title: str, caption: str | None = None, first: str = "router") -> Table:
    """Return an empty table with its first column."""
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column(first, no_wrap=True)
    return table


def with_interval(
    value: Mapping[str, float], scale: float = 1.0, unit: str = "", form: str = "+.2f"
) -> str:
    """Return "mean [low, high]", each in the given form."""
    mean, low, high = (scale * value[part] for part in ("mean", "low", "high"))
    return f"{mean:{form}}{unit} [{low:{form}}, {high:{form}}]"


def search_steps(bound: Mapping[str, Any]) -> str:
    """Return the mean return after each means of a bound's search, from its row."""
    return ", ".join(f"{name} {value:.2f}" for name, value in bound["found"].items())


def star(row: Mapping[str, Any]) -> str:
    """Return the mark of a difference in return that is significant."""
    return "*" if row.get("p_holm", 1.0) < LEVEL else ""

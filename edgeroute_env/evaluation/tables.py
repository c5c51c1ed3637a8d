"""Results as tables for a terminal, every figure whole in 80 columns."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.results import Results
from edgeroute_env.evaluation.statistics import LEVEL
from edgeroute_env.evaluation.sweep import has_effect
from edgeroute_env.routing import Role
from edgeroute_env.simulator.state import LATENCY_PARTS

Row = Mapping[str, Any]
Columns = Mapping[str, tuple[str, str]]

# Columns: what they show, its heading and its format.
WIDTH = 80  # columns of a terminal that every table fits
COMPARED = {
    "quality": ("quality", ".3f"),
    "latency_mean_s": ("latency\nmean, s", ".2f"),
    "latency_p95_s": ("latency\np95, s", ".2f"),
    "edge_share": ("edge\ncalls", ".1%"),
}
RETURNS = {
    **{f"latency_{p}_s": (f"latency\n{p}, s", ".2f") for p in ("p50", "p99")},
    "return": ("return", ".2f"),
}
DETAILS = {
    "ttft_mean_s": ("TTFT s", ".2f"),
    **{f"ttft_{p}_s": (p, ".2f") for p in ("p50", "p95", "p99")},
    "energy_j": ("energy J", ".1f"),
    "switches": ("switches", ".3f"),
    "recomputed_tokens": ("recomputed tokens", ".1f"),
    "failed": ("failed", ".2%"),
}
SPLIT = {
    **{f"{part}_s": (part, ".3f") for part in LATENCY_PARTS},
    "latency_mean_s": ("latency", ".3f"),
    "radio_share": ("radio", ".1%"),
    "radio_share_ttft": ("of TTFT", ".1%"),
}
METRICS = {
    "apgr": ("APGR", ".3f"),
    "cpt50": ("CPT50", ".0%"),
    "cpt80": ("CPT80", ".0%"),
    **{f"calls_at_{kept}": (f"@{kept}%", ".0%") for kept in (95, 98, 99, 100)},
    "aiq": ("AIQ", ".3f"),
    "goodput": ("good", ".0%"),
}


def with_interval(
    value: Mapping[str, float], scale: float = 1.0, unit: str = "", form: str = "+.2f"
) -> str:
    """Return "mean [low, high]", each in the given form."""
    mean, low, high = (scale * value[part] for part in ("mean", "low", "high"))
    return f"{mean:{form}}{unit} [{low:{form}}, {high:{form}}]"


def comparison(results: Results, every: bool = False) -> Table:
    """Return the table of one scenario: the routers that say most of all others, or every one."""
    level = results.levels
    caption = (
        f"Means a turn over {results.episodes} episodes on identical traces. Gain: in return over "
        f"{level['constant']}, the better constant, with its 95 % bootstrap interval. "
        f"Paper's rule: {results.against_static['rule']}. Tuned rule: {level['analytic']}. "
        f"Strongest baseline on these episodes: {level['strongest']}."
    )
    names = list(results.routers) if every else results.telling()
    beyond = [name for name in names if not results.role(name).causal]
    if beyond:
        caption += f" Hindsight or oracle, for comparison only: {', '.join(beyond)}."
    if any(results.shown(name) != name for name in names):
        caption += " A rule in brackets: training has added nothing to it."
    table = blank(None, caption, numbers=COMPARED, wide=("gain", "95 % interval"))
    for name in names:
        row = results.routers[name]
        mean, interval = with_interval(row["over_constant"]).split(" ", 1)
        table.add_row(results.shown(name), *_cells(row["figures"], COMPARED), mean, interval)
    return table


def differences(results: Results) -> Table:
    """Return the table of each router's return, and of what it is beyond the reference's."""
    reference = results.reference
    caption = "*: differs at 5 %, all routers being tested (sign flips, Holm)."
    table = blank("Return, and quantiles of the latency", caption, numbers=RETURNS)
    table.add_column(f"return vs {reference}", justify="right", overflow="fold")
    for name, row in results.routers.items():
        gain = with_interval(row["difference"]["return"]) + star(row)
        table.add_row(name, *_cells(row["figures"], RETURNS), gain)
    return table


def details(results: Results) -> Table:
    """Return the table of the first token, the energy and what switching cost."""
    table = blank("First token, energy, switching: a turn", numbers=DETAILS)
    for name, row in results.routers.items():
        table.add_row(name, *_cells(row["figures"], DETAILS))
    return table


def latency_split(results: Results) -> Table:
    """Return the table of where each router's latency goes, in seconds a turn."""
    caption = "Last columns: the radio's share of the time to the whole answer and the first token."
    table = blank("Latency by cause, s a turn", caption, numbers=SPLIT)
    for name, row in results.routers.items():
        table.add_row(name, *_cells(row["figures"], SPLIT))
    return table


def overview(compared: Mapping[str, Results]) -> Table:
    """Return the table of how routers stand to the tuned rule on each scenario."""
    caption = (
        "Paired differences in return to the tuned rule's, with 95 % bootstrap intervals. Gap: "
        "share of the way from the better constant to the bound."
    )
    columns = ("less the tuned rule", "found", "gap closed")
    table = blank("All scenarios", caption, ["scenario", "router"], wide=columns)
    for scenario, results in compared.items():
        shown, tuned = scenario, results.levels["analytic"]
        for name in results.telling():
            if name == tuned or results.role(name) in (Role.CONSTANT, Role.BOUND):
                continue
            row = results.routers[name]
            less, gap = row["over_analytic"], row.get("gap_closed")
            closed = f"{gap['mean']:.0%}" if gap else ""
            table.add_row(shown, results.shown(name), with_interval(less), verdict(less), closed)
            shown = ""
    return table


def verdict(less: Mapping[str, float]) -> str:
    """Return what the interval of a difference says: better, worse or a tie."""
    if less["low"] > 0.0:
        return "better"
    return "worse" if less["high"] < 0.0 else "tie"


def savings(results: Results) -> Table:
    """Return the table of savings against edge-only at the stated quality tolerance."""
    return _saved(
        results.savings,
        f"Saved against edge-only at a quality tolerance of {results.tolerance_points:g} points",
        "Tuned to the tolerance on training traces; means and intervals on evaluation traces.",
    )


def routing_metrics(results: Results) -> Table:
    """Return the table of APGR, CPT, calls at a quality, AIQ, goodput and the gap closed."""
    caption = (
        "From moving theta: APGR; CPT, and the edge calls that keep a part of edge-only's quality "
        "(@), as shares of turns; AIQ. Good: goodput, turns answered right within "
        f"{results.goodput_within_s:.1f} s. Gap: share of the way from the better constant to "
        "the bound."
    )
    for name in results.names(Role.BOUND):
        bound = results.routers[name]
        kind = "exact" if bound["exact"] else "an estimate, mean return after each search"
        caption += f" The bound is {kind}: {search_steps(bound)}."
    title = "Metrics of the routing literature"
    table = blank(title, caption, numbers=METRICS, wide=["gap closed"])
    for name, row in results.routers.items():
        found = {**results.curves.get(name, {}), "goodput": row["goodput"]}
        gap = row.get("gap_closed")
        closed = "" if gap is None else with_interval(gap, 100, "%", ".0f")
        table.add_row(name, *_cells(found, METRICS), _on_two_lines(closed))
    return table


def against_static(results: Results) -> Table:
    """Return the table of what the paper's rule saves over each static router."""
    rule = results.against_static["rule"]
    hindsight = ", ".join(results.names(Role.HINDSIGHT))
    return _saved(
        results.against_static["savings"],
        f"{rule} over static routers, {results.tolerance_points:g} points of quality tolerated",
        "Both tuned to the tolerance against edge-only on training traces, where they have "
        f"parameters to tune to it ({hindsight} stands at its best return); a static router that "
        "gives up more quality is cheaper for it: see the last column. The paper claims the "
        "ranges in the headings.",
        [f" ({low:g}-{high:g} %)" for low, high in CLAIMED.values()],
    )


def sweep(settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of a sweep: latency, quality and edge share a value and router."""
    caption = (
        f"Value: {settings['label']}. Means a turn over {settings['episodes']} episodes on "
        "identical traces at each value, with their 95 % bootstrap intervals."
    )
    if not has_effect(rows):
        caption += f" No figure moves with {settings['parameter']} on these traces."
    columns = ["latency s", "quality", "edge calls"]
    table = blank(None, caption, ["value", "router"], wide=columns)
    for above, row in zip([None, *rows], rows, strict=False):
        f = row["figures"]
        begins = above is None or above["value"] != row["value"]
        table.add_row(
            f"{row['value']:g}" if begins else "",
            row["router"],
            _on_two_lines(with_interval(f["latency_mean_s"], form=".2f")),
            _on_two_lines(with_interval(f["quality"], form=".3f")),
            _on_two_lines(with_interval(f["edge_share"], 100, "%", form=".1f")),
        )
    return table


def _saved(
    rows: Mapping[str, Row], title: str, caption: str, claims: Sequence[str] = ("", "")
) -> Table:
    """Return a table of savings: latency and edge calls in %, quality in points."""
    latency, calls = claims
    columns = [f"latency saved{latency}", f"edge calls saved{calls}", "quality, points"]
    table = blank(title, caption, wide=columns)
    for name, row in rows.items():
        saved = [with_interval(row[share], 100, "%") for share in CLAIMED]
        cells = (*saved, with_interval(row["quality_points"]))
        table.add_row(name, *map(_on_two_lines, cells))
    return table


def blank(
    title: str | None = None,
    caption: str | None = None,
    names: Iterable[str] = ("router",),
    numbers: Columns = MappingProxyType({}),
    wide: Iterable[str] = (),
) -> Table:
    """Return an empty table: columns of names, of numbers, and of wider cells.

    What does not fit is folded onto a further line: nothing is cut off.
    """
    table = Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,
    )
    for heading in names:
        table.add_column(heading, overflow="fold")
    for heading in (*(heading for heading, _ in numbers.values()), *wide):
        table.add_column(heading, justify="right", overflow="fold", vertical="top")
    return table


def _on_two_lines(cell: str) -> str:
    """Return a mean with its interval on the next line, which takes half the width."""
    return cell.replace(" [", "\n[")


def _cells(values: Row, columns: Columns) -> Iterator[str]:
    """Yield what a row shows of its values, nothing of those that are absent."""
    for name, (_, form) in columns.items():
        value = values.get(name)
        yield "" if value is None else f"{value:{form}}"


def search_steps(bound: Mapping[str, Any]) -> str:
    """Return the mean return after each means of a bound's search, from its row."""
    return ", ".join(f"{name} {value:.2f}" for name, value in bound["found"].items())


def further(compared: Mapping[str, Results]) -> str:
    """Return, as text, the tables that say more than a terminal shows."""
    text = io.StringIO()
    console = Console(file=text, width=WIDTH, markup=False, highlight=False, emoji=False)
    for name, results in compared.items():
        console.print(f"{name}: {results.traces} traces\n")
        for table in (comparison(results, every=True), *(make(results) for make in FURTHER)):
            console.print(table)
            console.print()
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def star(row: Mapping[str, Any]) -> str:
    """Return the mark of a difference in return that is significant."""
    return "*" if row.get("p_holm", 1.0) < LEVEL else ""


FURTHER = (differences, details, latency_split, savings, routing_metrics, against_static)

"""The routing literature's metrics and the paper's claim as tables for a terminal."""

from __future__ import annotations

from rich.table import Table

from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.results import Results
from edgeroute_env.evaluation.tables import saved_cells, search_steps, titled, with_interval
from edgeroute_env.routing import Role

_METRICS = {
    "apgr": "APGR",
    "cpt50": "CPT50",
    "cpt80": "CPT80",
    **{f"calls_at_{kept}": f"@{kept}%" for kept in (95, 98, 99, 100)},
    "aiq": "AIQ",
}
_SHARES = ("cpt", "calls")  # of the turns, printed in %


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
    table = titled("Metrics of the routing literature", caption)
    for heading in (*_METRICS.values(), "good"):
        table.add_column(heading, justify="right")
    table.add_column("gap closed", justify="right", no_wrap=True)
    for name, row in results.routers.items():
        found = results.curves.get(name, {})
        gap = row.get("gap_closed")
        table.add_row(
            name,
            *(_shown(key, found.get(key)) for key in _METRICS),
            f"{row['goodput']:.0%}",
            "" if gap is None else with_interval(gap, 100, "%", ".0f"),
        )
    return table


def against_static(results: Results) -> Table:
    """Return the table of what the paper's rule saves over each static router."""
    claimed = {name: f"{low:g}-{high:g} %" for name, (low, high) in CLAIMED.items()}
    rule = results.against_static["rule"]
    hindsight = ", ".join(results.names(Role.HINDSIGHT))
    table = titled(
        f"{rule} over static routers, {results.tolerance_points:g} points of quality tolerated",
        "Both tuned to the tolerance against edge-only on training traces, where they have "
        f"parameters to tune to it ({hindsight} stands at its best return); a static router that "
        "gives up more quality is cheaper for it: see the last column. The paper claims the "
        "ranges in the headings.",
    )
    table.add_column(f"latency saved ({claimed['latency_saved']})", justify="right", no_wrap=True)
    heading = f"edge calls saved ({claimed['edge_calls_saved']})"
    table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("quality, points", justify="right", no_wrap=True)
    for name, row in results.against_static["savings"].items():
        table.add_row(name, *saved_cells(row))
    return table


def _shown(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0%}" if key.startswith(_SHARES) else f"{value:.3f}"


TABLES = (routing_metrics, against_static)

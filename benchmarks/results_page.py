"""Write the tables of docs/results.md from benchmark results.

    edgeroute benchmark all --traces synthetic --out results/all
    python benchmarks/results_page.py results/all

Everything below the page's marker is replaced; the words above it stay.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.statistics import LEVEL
from edgeroute_env.evaluation.tables import OVERVIEW, overview_cells, with_interval

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
MARKER = "<!-- Below: written by benchmarks/results_page.py -->\n"
Result = Mapping[str, Any]


def main() -> None:
    """Read the results in the folders that the command names and write the tables."""
    found: dict[tuple[str, str], Result] = {}
    for folder in sys.argv[1:]:
        content = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
        for name, result in content["workloads"].items():
            found[name, result["traces"]] = result
    ordered = sorted(found.items(), key=lambda item: (item[0][1] == "recorded", item[0][0]))
    lines = [*levels(ordered), *savings(ordered)]
    for (name, traces), result in ordered:
        lines += table(name, traces, result)
    words = PAGE.read_text(encoding="utf-8").partition(MARKER)[0]
    PAGE.write_text(words + MARKER + "\n" + "\n".join(lines) + "\n", encoding="utf-8")


def levels(results: list[tuple[tuple[str, str], Result]]) -> Iterator[str]:
    """Yield what deciding is worth on each preset."""
    yield "## What deciding is worth\n"
    yield _row("preset", *OVERVIEW)
    yield "|---" * (1 + len(OVERVIEW)) + "|"
    for (name, traces), result in results:
        yield _row(_shown(name, traces), *overview_cells(result))
    yield ""


def savings(results: list[tuple[tuple[str, str], Result]]) -> Iterator[str]:
    """Yield what the paper's rule saves over each static router beside the paper's claim."""
    latency, calls = (f"{low:g}-{high:g} %" for low, high in CLAIMED.values())
    yield "## The paper's claim\n"
    headings = (f"latency saved, % ({latency})", f"calls saved, % ({calls})", "quality, points")
    yield _row("preset", "rule", "static router", *headings)
    yield "|---|---|---|---|---|---|"
    for (name, traces), result in results:
        against = result["against_static"]
        for static, row in against["savings"].items():
            yield _row(
                _shown(name, traces),
                f"`{against['rule']}`",
                f"`{static}`",
                with_interval(row["latency_saved"], 100, "", "+.1f"),
                with_interval(row["edge_calls_saved"], 100, "", "+.1f"),
                with_interval(row["quality_points"]),
            )
    yield ""


def table(name: str, traces: str, result: Result) -> Iterator[str]:
    """Yield all routers of one preset, the strongest first."""
    episodes = result["episodes"]
    command = f"edgeroute benchmark {name} --traces {traces}"
    yield f"## {_shown(name, traces)}\n"
    yield f"`{command}{'' if episodes == 200 else f' --episodes {episodes}'}`\n"
    headings = ("return less edge-only's", "less `bao-multi-queue`'s", "quality", "latency, s")
    yield _row("router", *headings, "edge calls", "gap closed, %")
    yield "|---|---|---|---|---|---|---|"
    rows = result["routers"].items()
    for router, row in sorted(rows, key=lambda item: -item[1]["figures"]["return"]):
        f, gap = row["figures"], row["gap_closed"]
        star = "*" if row.get("p_holm", 1.0) < LEVEL else ""
        yield _row(
            f"`{router}`" + ("" if row["causal"] else " (not causal)"),
            with_interval(row["difference"]["return"]) + star,
            with_interval(row["over_analytic"]) if router != "clairvoyant" else "",
            f"{f['quality']:.3f}",
            f"{f['latency_mean_s']:.2f}",
            f"{f['edge_share']:.1%}",
            "" if gap is None else with_interval(gap, 100, "", ".1f"),
        )
    bound = result["routers"]["clairvoyant"]
    if not bound["exact"]:
        steps = ", ".join(f"{step} {value:.2f}" for step, value in bound["found"].items())
        yield f"\nThe bound, mean return after each search: {steps}."
    yield ""


def _shown(name: str, traces: str) -> str:
    return f"`{name}`" + (", recorded" if traces == "recorded" else "")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()

"""Write the tables of docs/results.md, and the README's first one, from benchmark results.

    edgeroute benchmark all --traces synthetic --out results/all
    python studies/results_page.py results/all

Everything below the page's marker, and between the README's, is replaced; the words around stay.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeroute_agents.policy import FIGURES, packaged_folder
from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.statistics import LEVEL
from edgeroute_env.evaluation.tables import (
    BOUND,
    LEARNED,
    OVERVIEW,
    overview_cells,
    with_interval,
)

ROOT = Path(__file__).parent.parent
PAGE, README = ROOT / "docs" / "results.md", ROOT / "README.md"
MARKER = "<!-- Below: written by studies/results_page.py -->\n"
README_MARKERS = "<!-- Written by studies/results_page.py -->\n", "<!-- End -->\n"
Result = Mapping[str, Any]
RULES = ("bao-multi-queue", "bao-single", "bao-multi")
LEARNED_COLUMNS = (
    *("preset", "router", *(f"all seeds less `{rule}`" for rule in RULES)),
    *("lower end, of the return", "interquartile mean", "packaged one less the strongest baseline"),
    "of the gap to the bound",
)


def main() -> None:
    """Read the results in the folders that the command names and write the tables."""
    found: dict[tuple[str, str], Result] = {}
    for folder in sys.argv[1:]:
        content = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
        for name, result in content["workloads"].items():
            found[name, result["traces"]] = result
    ordered = sorted(found.items(), key=lambda item: (item[0][1] == "recorded", item[0][0]))
    lines = [*levels(ordered), *learned(ordered), *savings(ordered)]
    for (name, traces), result in ordered:
        lines += table(name, traces, result)
    words = PAGE.read_text(encoding="utf-8").partition(MARKER)[0]
    PAGE.write_text(words + MARKER + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    first, last = README_MARKERS
    before, _, rest = README.read_text(encoding="utf-8").partition(first)
    after = rest.partition(last)[2]
    brief = "\n".join(summary(ordered))
    README.write_text(f"{before}{first}\n{brief}\n\n{last}{after}", encoding="utf-8")


def summary(results: list[tuple[tuple[str, str], Result]]) -> Iterator[str]:
    """Yield the README's table: gains over the better constant, with half their intervals."""
    yield _row("preset", *OVERVIEW)
    yield "|---" * (1 + len(OVERVIEW)) + "|"
    for (name, traces), result in results:
        yield _row(_shown(name, traces), *overview_cells(result, _brief))


def learned(results: list[tuple[tuple[str, str], Result]]) -> Iterator[str]:
    """Yield what the learned routers earn: all training seeds, and the packaged one of them."""
    yield "## Learned routers\n"
    yield _row(*LEARNED_COLUMNS)
    yield "|---" * len(LEARNED_COLUMNS) + "|"
    for (name, traces), result in results:
        rows, level = result["routers"], result["levels"]
        analytic, bound = (rows[n]["figures"]["return"] for n in (level["analytic"], BOUND))
        for algorithm in LEARNED:
            path = packaged_folder(name, algorithm) / FIGURES
            if algorithm not in rows or not path.is_file():
                continue
            seeds = json.loads(path.read_text(encoding="utf-8"))[traces]["routers"]
            least = seeds[level["analytic"]]["all_less"]["low"]
            closed = rows[algorithm]["over_analytic"]["mean"] / (bound - analytic)
            yield _row(
                _shown(name, traces),
                algorithm,
                *(with_interval(seeds[beaten]["all_less"]) for beaten in RULES),
                f"{least / abs(seeds[level['analytic']]['return']):+.2%}",
                with_interval(seeds[level["analytic"]]["interquartile_mean"]),
                f"`{level['strongest']}` {with_interval(rows[algorithm]['over_strongest'])}",
                f"{closed:.1%}",
            )
    yield ""


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


def _brief(value: Mapping[str, float]) -> str:
    return f"{value['mean']:+.2f} ± {(value['high'] - value['low']) / 2:.2f}"


def _shown(name: str, traces: str) -> str:
    return f"`{name}`" + (", recorded" if traces == "recorded" else "")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()

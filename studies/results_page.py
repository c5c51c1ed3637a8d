"""Write the tables of docs/results.md, and the README's first one, from benchmark results.

    edgeroute benchmark all --traces synthetic --out results/all
    python studies/results_page.py results/all

Everything below the page's marker, and between the README's, is replaced; the words around stay.
"""

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from edgeroute_agents.policy import FIGURES, packaged_folder
from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.results import Results, read_results
from edgeroute_env.evaluation.tables import (
    search_steps,
    star,
    with_interval,
)
from edgeroute_env.routing import Role

ROOT = Path(__file__).parent.parent
PAGE, README = ROOT / "docs" / "results.md", ROOT / "README.md"
MARKER = "<!-- Below: written by studies/results_page.py -->\n"
README_MARKERS = "<!-- Written by studies/results_page.py -->\n", "<!-- End -->\n"
Ordered = list[tuple[tuple[str, str], Results]]  # by scenario and kind of traces
RULES = ("bao-multi-queue", "bao-single", "bao-multi")
LEARNED_COLUMNS = (
    *("preset", "router", *(f"all seeds less `{rule}`" for rule in RULES)),
    *("lower end, of the return", "interquartile mean", "packaged one less the strongest baseline"),
    "of the gap to the bound",
)


def main() -> None:
    """Read the results in the folders that the command names and write the tables."""
    found: dict[tuple[str, str], Results] = {}
    for folder in sys.argv[1:]:
        for name, results in read_results(Path(folder))[1].items():
            found[name, results.traces] = results
    ordered = sorted(found.items(), key=lambda item: (item[0][1] == "recorded", item[0][0]))
    lines = ["## What deciding is worth\n", *overview(ordered), ""]
    lines += [*learned(ordered), *savings(ordered)]
    for (name, traces), results in ordered:
        lines += table(name, traces, results)
    words = PAGE.read_text(encoding="utf-8").partition(MARKER)[0]
    PAGE.write_text(words + MARKER + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    first, last = README_MARKERS
    before, _, rest = README.read_text(encoding="utf-8").partition(first)
    after = rest.partition(last)[2]
    brief = "\n".join(overview(ordered, _brief))
    README.write_text(f"{before}{first}\n{brief}\n\n{last}{after}", encoding="utf-8")


def overview(
    ordered: Ordered, shown: Callable[[Mapping[str, float]], str] = with_interval
) -> Iterator[str]:
    """Yield the table of gains over the better constant; `shown` writes them."""
    compared = [results for _, results in ordered]
    columns = overview_columns(compared)
    yield _row("preset", *columns)
    yield "|---" * (1 + len(columns)) + "|"
    for (name, traces), results in ordered:
        yield _row(_shown(name, traces), *overview_cells(results, learned_names(compared), shown))


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
    shown: Callable[[Mapping[str, float]], str] = with_interval,
) -> list[str]:
    """Return the gains over the better constant, or "-" for who is not there.

    The routers in `learned` have columns of their own; `shown` writes a mean with its interval.
    """
    level, rows = results.levels, results.routers

    def gain(name: str) -> str:
        return shown(rows[name]["over_constant"]) if name in rows else "-"

    return [
        level["constant"],
        f"{level['returns'][level['constant']]:.2f}",
        gain(results.against_static["rule"]),
        gain(level["analytic"]),
        f"{level['strongest']} {gain(level['strongest'])}",
        *(gain(name) for name in (*learned, *results.names(Role.BOUND))),
    ]


def learned(ordered: Ordered) -> Iterator[str]:
    """Yield what the learned routers earn: all training seeds, and the packaged one of them."""
    yield "## Learned routers\n"
    yield _row(*LEARNED_COLUMNS)
    yield "|---" * len(LEARNED_COLUMNS) + "|"
    for (name, traces), results in ordered:
        level = results.levels
        bound = results.figures(results.names(Role.BOUND)[0])["return"]
        analytic = results.figures(level["analytic"])["return"]
        for algorithm in results.names(Role.LEARNED):
            path = packaged_folder(name, algorithm) / FIGURES
            if not path.is_file():
                continue
            row = results.routers[algorithm]
            seeds = json.loads(path.read_text(encoding="utf-8"))[traces]["routers"]
            least = seeds[level["analytic"]]["all_less"]["low"]
            closed = row["over_analytic"]["mean"] / (bound - analytic)
            yield _row(
                _shown(name, traces),
                results.shown(algorithm),
                *(with_interval(seeds[beaten]["all_less"]) for beaten in RULES),
                f"{least / abs(seeds[level['analytic']]['return']):+.2%}",
                with_interval(seeds[level["analytic"]]["interquartile_mean"]),
                f"`{level['strongest']}` {with_interval(row['over_strongest'])}",
                f"{closed:.1%}",
            )
    yield ""


def savings(ordered: Ordered) -> Iterator[str]:
    """Yield what the paper's rule saves over each static router beside the paper's claim."""
    latency, calls = (f"{low:g}-{high:g} %" for low, high in CLAIMED.values())
    yield "## The paper's claim\n"
    headings = (f"latency saved, % ({latency})", f"calls saved, % ({calls})", "quality, points")
    yield _row("preset", "rule", "static router", *headings)
    yield "|---|---|---|---|---|---|"
    for (name, traces), results in ordered:
        against = results.against_static
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


def table(name: str, traces: str, results: Results) -> Iterator[str]:
    """Yield all routers of one preset, the strongest first."""
    command = f"edgeroute benchmark {name} --traces {traces}"
    if results.episodes != 200:
        command += f" --episodes {results.episodes}"
    yield f"## {_shown(name, traces)}\n"
    yield f"`{command}`\n"
    headings = ("return less edge-only's", "less `bao-multi-queue`'s", "quality", "latency, s")
    yield _row("router", *headings, "edge calls", "gap closed, %")
    yield "|---|---|---|---|---|---|---|"
    rows = results.routers.items()
    for router, row in sorted(rows, key=lambda item: -item[1]["figures"]["return"]):
        f, gap = row["figures"], row["gap_closed"]
        yield _row(
            f"`{router}`" + ("" if results.role(router).causal else " (not causal)"),
            with_interval(row["difference"]["return"]) + star(row),
            with_interval(row["over_analytic"]) if row["role"] != Role.BOUND else "",
            f"{f['quality']:.3f}",
            f"{f['latency_mean_s']:.2f}",
            f"{f['edge_share']:.1%}",
            "" if gap is None else with_interval(gap, 100, "", ".1f"),
        )
    bound = results.routers[results.names(Role.BOUND)[0]]
    if not bound["exact"]:
        yield f"\nThe bound, mean return after each search: {search_steps(bound)}."
    yield ""


def _brief(value: Mapping[str, float]) -> str:
    return f"{value['mean']:+.2f} ± {(value['high'] - value['low']) / 2:.2f}"


def _shown(name: str, traces: str) -> str:
    return f"`{name}`" + (", recorded" if traces == "recorded" else "")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()

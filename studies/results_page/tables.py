"""The page's tables, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any

from edgeroute_baselines.registry import ANALYTIC
from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.results import Results
from edgeroute_env.evaluation.tables import search_steps, star, verdict, with_interval
from edgeroute_env.files import with_sha256
from edgeroute_env.routing import Role
from studies import without_stops
from studies.plain_ppo import FRAMES
from studies.results_page.measured import SHOWN_FIRST, Found, Row
from studies.without_foresight import DRAWN_ANEW

RULES = (ANALYTIC, "bao-single", "bao-multi")
WORDS = {"better": "wins", "tie": "ties", "worse": "loses"}
Lines = Iterator[str]


def people(found: Found) -> Lines:
    """Yield the README's table: what people notice of the routers on one preset."""
    row = shown_first(found)
    level, quick = row.quick.levels, row.quick
    planner = best_planner(row.slow)
    yield from _head("router", "quality", "mean latency", "95 % are faster than", "edge calls")
    yield _noticed("edge-only", quick.figures("edge"))
    yield _noticed("device-only", quick.figures("device"))
    rule = quick.against_static["rule"]
    yield _noticed(f"Bao's rule (`{rule}`)", quick.figures(rule))
    yield _noticed(f"the tuned analytic rule (`{level['analytic']}`)", quick.figures(ANALYTIC))
    if found.plain:
        seeds = found.plain["figures"]
        middle = {name: mean(each[name] for each in seeds) for name in seeds[0]}
        yield _noticed(f"plain SB3 PPO, {FRAMES / 1e6:g} million turns", middle)
    for name in quick.names(Role.LEARNED):
        yield _noticed(f"our {name.upper()}{mark(quick.routers[name])}", quick.figures(name))
    yield _noticed(f"the planner (`{planner}`)", row.slow.figures(planner))


def best_planner(slow: Results) -> str:
    """Return the planner that earns most."""
    return max(slow.names(Role.PLANNER), key=lambda name: slow.figures(name)["return"])


def worth(found: Found) -> Lines:
    """Yield the gains over the better constant, those of slow routers on fewer episodes."""
    learned = ("ppo", "dqn")
    headings = ("constant", "its return", "Bao", f"`{ANALYTIC}`", "strongest baseline")
    yield from _head("preset", *headings, *learned, "strongest planner", "bound")
    for row in found.rows:
        quick, slow, level = row.quick.routers, row.slow.routers, row.quick.levels
        planner, bound = best_planner(row.slow), row.slow.names(Role.BOUND)[0]
        strongest = level["strongest"]
        yield _row(
            row.shown,
            level["constant"],
            f"{level['returns'][level['constant']]:.2f}",
            *(_gain(quick[n]) for n in (row.quick.against_static["rule"], ANALYTIC)),
            f"`{strongest}` {_gain(quick[strongest])}",
            *(_gain(quick[n]) + mark(quick[n]) if n in quick else "-" for n in learned),
            f"`{planner}` {_gain(slow[planner])}",
            _gain(slow[bound]),
        )
    yield ""


def learned(found: Found) -> Lines:
    """Yield what the learned routers earn: all training seeds, and the packaged one of them."""
    less = (f"all seeds less `{rule}`" for rule in RULES)
    more = (
        "of the return, at least",
        "interquartile mean",
        "packaged one less the strongest baseline",
    )
    yield from _head("preset", "router", f"beside `{ANALYTIC}`", *less, *more)
    for row in found.rows:
        strongest = row.slow.levels["strongest"]
        for name in row.quick.names(Role.LEARNED):
            if name not in row.seeds:
                continue
            seeds = row.seeds[name]["routers"]
            gaps = [seeds[rule]["all_less"] for rule in RULES]
            yield _row(
                row.shown,
                f"{name}{mark(row.quick.routers[name])}",
                WORDS[verdict(gaps[0])],
                *map(with_interval, gaps),
                f"{gaps[0]['low'] / abs(seeds[ANALYTIC]['return']):+.2%}",
                with_interval(seeds[ANALYTIC]["interquartile_mean"]),
                f"`{strongest}` {with_interval(row.slow.routers[name]['over_strongest'])}",
            )
    yield ""


def knowable(found: Found) -> Lines:
    """Yield the knowable gap of each preset and the shares of it that routers close."""
    routers = ("linear", "ppo", "dqn")
    limits = [f"at most, knowing {level}" for level in DRAWN_ANEW]
    of = "ppo's share of the former"
    yield from _head("preset", "knowable gap", "of the gap to the bound", *routers, *limits, of)
    for preset, known in found.known.items():
        if known is None:
            continue
        shares = [known["shares"].get(name) for name in routers]
        shares += [known["ceilings"].get(level) for level in DRAWN_ANEW]
        shares += [known["of_ceiling"].get("ppo")]
        yield _row(
            f"`{preset}`",
            with_interval(known["gap"]),
            f"{known['of_the_whole']:.0%}",
            *(with_interval(share, 100, " %", ".0f") if share else "-" for share in shares),
        )
    yield ""


def ingredients(found: Found) -> Lines:
    """Yield the ablation of training: the last policy learned, and the one that is written."""
    yield from _head("training", *(f"`{p}`, {k}" for p in found.ablation for k in ("last", "kept")))
    for variant in next(iter(found.ablation.values())):
        cells = []
        for rows in found.ablation.values():
            row = rows[variant]
            bare = sum(map(bool, row["bare_rules"]))
            rules = f" ({bare} of {len(row['bare_rules'])} a bare rule)" if bare else ""
            cells.append(with_interval(row["last_interquartile_mean"]))
            cells.append(with_interval(row["kept_all_less"]) + rules)
        yield _row(variant, *cells)
    yield ""


def savings(found: Found) -> Lines:
    """Yield what the paper's rule saves over each static router, beside the paper's claim."""
    latency, calls = (f"{low:g}-{high:g} %" for low, high in CLAIMED.values())
    headings = (f"latency saved, % ({latency})", f"calls saved, % ({calls})", "quality, points")
    yield from _head("preset", "rule", "static router", *headings)
    for row in found.rows:
        against = row.quick.against_static
        for static, saved in against["savings"].items():
            yield _row(
                row.shown,
                f"`{against['rule']}`",
                f"`{static}`",
                with_interval(saved["latency_saved"], 100, "", "+.1f"),
                with_interval(saved["edge_calls_saved"], 100, "", "+.1f"),
                with_interval(saved["quality_points"]),
            )
    yield ""


def earlier(found: Found) -> Lines:
    """Yield the gains that an audit took away, and what stands there today."""
    before, now = ("told before", "the link kept up, fitted again"), ("today", "today, no stops")
    yield from _head("preset", *before, *now)
    for row in found.rows:
        told = without_stops.EARLIER.get((row.preset, row.traces))
        if told:
            flows = with_interval(without_stops.found(row.preset, row.traces))
            yield _row(row.shown, *told, _gain(row.quick.routers[ANALYTIC]), flows)
    yield ""


def every_router(row: Row) -> Lines:
    """Yield all routers of one preset, the strongest first; slow ones on their own episodes."""
    yield f"### {row.shown}\n"
    headings = ("return less edge-only's", f"less `{ANALYTIC}`'s", "quality", "latency, s")
    yield from _head("router", *headings, "95 %, s", "edge calls")
    rows = [(row.quick, name) for name in row.quick.routers]
    rows += [(row.slow, n) for n in row.slow.routers if n not in row.quick.routers]
    for results, name in sorted(rows, key=_less_edge, reverse=True):
        own, f = results.routers[name], results.figures(name)
        label = f"`{name}`" + ("" if results.role(name).causal else " (not causal)")
        yield _row(
            label + mark(own) + ("" if results is row.quick else f", {results.episodes} episodes"),
            with_interval(own["difference"]["return"]) + star(own),
            with_interval(own["over_analytic"]) if own["role"] != Role.BOUND else "",
            f"{f['quality']:.3f}",
            f"{f['latency_mean_s']:.2f}",
            f"{f['latency_p95_s']:.2f}",
            f"{f['edge_share']:.1%}",
        )
    bound = row.slow.routers[row.slow.names(Role.BOUND)[0]]
    if not bound["exact"]:
        yield f"\nThe bound, mean return after each search: {search_steps(bound)}."
    yield ""


def made_with(found: Found) -> Lines:
    """Yield the hashes of all that the figures depend on, and the seeds."""
    columns = ("episodes", "by slow routers", "scenario", "fits", "ppo", "dqn")
    yield from _head("preset", *columns)
    for row in found.rows:
        policies = row.quick.policies
        yield _row(
            row.shown,
            *(f"{each.episodes:,}" for each in (row.quick, row.slow)),
            row.quick.fingerprint["scenario"],
            fits_hash(row),
            *(policies.get(name, "-") for name in ("ppo", "dqn")),
        )
    yield ""


def fits_hash(row: Row) -> str:
    """Return a hash of the parameters that the routers of a row have been run with."""
    parameters = {
        name: each["parameters"]
        for results in (row.quick, row.slow)
        for name, each in results.routers.items()
    }
    return str(with_sha256(parameters)["sha256"])[:16]


def _less_edge(entry: tuple[Results, str]) -> float:
    results, name = entry
    return float(results.difference(name)["return"]["mean"])


def _noticed(router: str, f: Mapping[str, float]) -> str:
    seconds = (f"{f[name]:.2f} s" for name in ("latency_mean_s", "latency_p95_s"))
    return _row(router, f"{f['quality']:.3f}", *seconds, f"{f['edge_share']:.1%}")


def _gain(row: Mapping[str, Any]) -> str:
    return with_interval(row["over_constant"])


def shown_first(found: Found) -> Row:
    """Return the row that the README shows: SHOWN_FIRST, else the first one there is."""
    named = [row for row in found.rows if row.preset == SHOWN_FIRST]
    return (named or found.rows)[0]


def mark(row: Mapping[str, Any]) -> str:
    """Return the words for a policy that is no more than a rule, "" for any other."""
    rule = row.get("bare_rule")
    return f" (the rule `{rule}` itself: nothing was learned beyond it)" if rule else ""


def _head(*headings: str) -> Lines:
    yield _row(*headings)
    yield "|---" * len(headings) + "|"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"

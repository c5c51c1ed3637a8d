"""What a comparison found, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.results import Results
from edgeroute_env.evaluation.tables import verdict, with_interval

VERBS = {"better": "beats", "tie": "ties with", "worse": "loses to"}
NO_POLICY = "No learned policy fits these scenarios."
SAVED = {"latency_saved": "latency", "edge_calls_saved": "edge calls"}


def of_scenario(results: Results) -> str:
    """Return one sentence: the tuned rule beside the better constant, and who beats that rule."""
    tuned, constant = results.levels["analytic"], results.levels["constant"]
    gain = results.routers[tuned]["over_constant"]
    words = [f"{tuned}, the tuned rule, {_stands(gain, f'{constant}, the better constant')}"]
    for name in results.policies:
        less = results.routers[name]["over_analytic"]
        words.append(f"{results.shown(name)} {_stands(less, 'the tuned rule')}")
    return "; ".join(words) + "."


def in_short(compared: Mapping[str, Results]) -> str:
    """Return a sentence a policy: on how many of the scenarios it beats the tuned rule."""
    sentences = []
    for name in _policies(compared):
        found = _verdicts(name, compared)
        wins, ties, losses = (len(scenarios) or "none" for scenarios in found.values())
        met = sum(map(len, found.values()))
        sentences.append(
            f"{name} beats the tuned rule outside the interval on {wins} of {met} scenarios, ties "
            f"with it on {ties} and loses to it on {losses}."
        )
    return " ".join(sentences or [NO_POLICY])


def of_all(compared: Mapping[str, Results]) -> str:
    """Return a paragraph: who beats the tuned rule where, and what is saved beside the claim."""
    every = compared.values()
    sentences = [_over_the_rule(name, compared) for name in _policies(compared)] or [NO_POLICY]
    papers = [results.savings.get(results.against_static["rule"]) for results in every]
    tuned = [results.savings.get(results.levels["analytic"]) for results in every]
    tolerance = next(iter(every)).tolerance_points
    sentences.append(
        f"Parameters tuned to give up {tolerance:g} points of quality against sending every turn "
        f"to the edge: the paper's rule saves {_saved(papers, tolerance)}; the tuned rule saves "
        f"{_saved(tuned, tolerance)}."
    )
    ranges = (f"{low:g}-{high:g} % of {SAVED[key]}" for key, (low, high) in CLAIMED.items())
    sentences.append(
        f"The paper claims {' and '.join(ranges)} over static routers; a claim counts as reached "
        "where the whole interval lies above its lower end."
    )
    return " ".join(sentences)


def _stands(less: Mapping[str, float], other: str) -> str:
    return f"{VERBS[verdict(less)]} {other} ({with_interval(less)})"


def _over_the_rule(name: str, compared: Mapping[str, Results]) -> str:
    """Return where a router beats the tuned rule outside the interval, where not."""
    wins, ties, losses = map(_named, _verdicts(name, compared).values())
    return (
        f"{name} beats the tuned rule outside the interval on {wins}, ties with it on {ties} and "
        f"loses to it on {losses}."
    )


def _policies(compared: Mapping[str, Results]) -> list[str]:
    return list(dict.fromkeys(name for results in compared.values() for name in results.policies))


def _verdicts(name: str, compared: Mapping[str, Results]) -> dict[str, list[str]]:
    """Return on which scenarios a router is better than the tuned rule, ties, and is worse."""
    found: dict[str, list[str]] = {"better": [], "tie": [], "worse": []}
    for scenario, results in compared.items():
        if name in results.routers:
            found[verdict(results.routers[name]["over_analytic"])].append(scenario)
    return found


def _named(scenarios: list[str]) -> str:
    return f"{len(scenarios)} ({', '.join(scenarios)})" if scenarios else "none"


def _saved(rows: Iterable[Mapping[str, Any] | None], tolerance: float) -> str:
    """Return the ranges of savings over scenarios, how often claims were reached, quality kept."""
    there = [row for row in rows if row is not None]
    if not there:
        return "nothing that was measured"
    parts = []
    for key, (low, _) in CLAIMED.items():
        means = [100.0 * row[key]["mean"] for row in there]
        reached = sum(100.0 * row[key]["low"] >= low for row in there)
        least, most = f"{min(means):.1f} %", f"{max(means):.1f} %"
        span = least if least == most else f"{least} to {most}"
        parts.append(f"{span} of {SAVED[key]} (claim reached on {reached} of {len(there)})")
    kept = sum(row["quality_points"]["mean"] >= -tolerance for row in there)
    return f"{' and '.join(parts)}, quality kept on {kept} of {len(there)}"

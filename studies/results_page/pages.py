"""The two pages: the README's first table, and docs/results.md."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from edgeroute_baselines.registry import ANALYTIC
from edgeroute_env.evaluation.result_files import command_and_versions
from edgeroute_env.seeds import EVALUATION_SEEDS
from studies import plain_ppo
from studies.results_page import tables, words
from studies.results_page.measured import Found, command
from studies.without_foresight import SEEN, TURN, TURNS

_PROSE = textwrap.TextWrapper(100, break_long_words=False, break_on_hyphens=False)
ABOUT_RULES = (
    "Bao's rule is the paper's, with its costs of communication and computation, and in dialogues "
    f"of switching and recomputing caches. `{ANALYTIC}` adds the waits in both queues; that rule "
    "is ours."
)


def readme(found: Found) -> str:
    """Return the README's part: what people notice on one preset, and who wins where."""
    shown = tables.shown_first(found).quick
    weights = shown.scenario.weights
    return wrapped(
        [
            f"On `{shown.scenario.name}`, over the same {shown.episodes:,} episodes and at the "
            f"same prices (a second of waiting costs {weights.latency_per_s:g} of a right answer, "
            f"an edge call {weights.edge_call:g}):",
            "",
            *tables.people(found),
            "",
            f"{ABOUT_RULES} Both, and the rule that the planner follows, are fitted on other "
            "episodes than these; the policies are trained on others too. Plain PPO is the mean of "
            f"{plain_ppo.SEEDS} seeds.",
            "",
            words.wins(found.rows),
            "",
            "[docs/results.md](docs/results.md) has the returns with their intervals, all routers "
            "on all presets, what can be learned at most, and what became of the paper's claims.",
            "",
        ]
    )


def results(found: Found) -> str:
    """Return docs/results.md below its introduction."""
    sections = {
        "The paper's two claims": [words.claims(found.rows), "", *tables.savings(found)],
        "What became of earlier gains": [words.earlier(), "", *tables.earlier(found)],
        "What recorded questions can tell": [words.recorded_questions(found), ""],
        "Learned routing": [
            f"Paired differences in return with 95 % bootstrap intervals. {words.wins(found.rows)}",
            "",
            *tables.learned(found),
            words.plain(found),
            "",
        ],
        "What could be learned at most": [
            _knowable(found),
            "",
            _without_foresight(found),
            "",
            *tables.knowable(found),
        ],
        "What each ingredient of training is worth": _ingredients(found),
        "What deciding is worth": [
            "Gains in return over the better constant router. The two rightmost columns are of "
            f"fewer episodes, their constant too. {words.planners(found.rows)}",
            "",
            *tables.worth(found),
        ],
        "Every router on every preset": [
            "`*` marks a difference from edge-only at the 5 % level, all of a table's routers "
            "being tested. Quality is the mean score of an answer, from 0 to 1.",
            "",
            *(line for row in found.rows for line in tables.every_router(row)),
        ],
        "How this page was made": _made(found),
    }
    return wrapped(
        line for title, lines in sections.items() if lines for line in (f"## {title}", "", *lines)
    )


def wrapped(lines: Iterable[str]) -> str:
    """Return lines as a page: prose is wrapped, tables and code are not."""
    return "\n".join(
        line if line.startswith(("|", "    ", "#")) else "\n".join(_PROSE.wrap(line))
        for line in lines
    )


def _knowable(found: Found) -> str:
    return (
        "Most of the gap to the bound is knowledge that no router has: which answers will be right "
        "and how long they will be. Here the bound plans on traces where answers are worth what a "
        "router may expect of them and are as long as expected. It still knows all arrivals, "
        f"loads, outages and SNR to come. What it then earns beyond `{ANALYTIC}` is the knowable "
        "gap: no causal router can earn more on these traces. Shares of it are taken on the same "
        f"traces. {words.most_of_the_gap(found.known)} (`dialogue-min` is left out: the worst of "
        "expectations is not the expected worst. On `deadline` lateness is not linear in lengths.)"
    )


def _without_foresight(found: Found) -> str:
    return (
        "That bound is not one that a router can reach: it sees coming what no one does. The "
        "columns *at most* pay for foresight (`studies/without_foresight.py` explains how): a "
        "choice counts at what it is expected to be worth over all that is not known yet, and not "
        f"at what it turns out to be worth. *Knowing {SEEN}* is the ceiling of every causal "
        f"router. *Knowing {TURN}* is the ceiling of one that is also told what no router sees of "
        "the turn at hand: a stop of the link and its length, the round trip, the true load and "
        "wait at the edge, what other apps take of the phone. What that one lacks of 100 % is the "
        "future. The ceilings are too high, since the best of noisy means is above the mean of "
        "the best: by a few points on episodes of 128 turns, by more where a choice acts on "
        "hundreds of turns (`quota`, `busy-cell`). 100 % stands where a ceiling lies above the "
        "gap, which is then the tighter bound, and nothing is shown. They are of "
        f"{TURNS // 128} episodes of 128 turns, or as many turns. "
        f"{words.without_foresight(found.known)} {words.beside_planners(found.rows)}"
    )


def _ingredients(found: Found) -> list[str]:
    if not found.ablation:
        return []
    return [
        f"Return less `{ANALYTIC}`'s, PPO, five seeds, one ingredient left out at a time "
        "([learning.md](learning.md) explains them). *last*: the last policy learned, on the "
        "validation seeds, interquartile mean over seeds. *kept*: the policy that is written, on "
        "evaluation episodes; it falls back to a rule where learning has not helped. "
        f"{words.without(found)}",
        "",
        *tables.ingredients(found),
    ]


def _made(found: Found) -> list[str]:
    quick, slow = (
        f"    edgeroute {' '.join(command('PRESET', 'KIND', slow, 'N'))}" for slow in (False, True)
    )
    asked = found.asked
    versions = ", ".join(
        f"{name} {version}"
        for name, version in command_and_versions("stable-baselines3", "torch")["versions"].items()
    )
    return [
        "One command wrote this page and the README's table:",
        "",
        f"    python -m studies.results_page --episodes {asked.episodes} --planned {asked.planned}",
        "",
        "It ran these two for each preset, with the numbers of episodes below (KIND is synthetic "
        "or recorded), and `python -m studies.what_can_be_known`; what `studies.plain_ppo` and "
        "`studies.ablation` found is kept in `studies/stored`. Episodes have the evaluation seeds "
        f"from {EVALUATION_SEEDS[0]:,} on, the same for every router. Parameters and policies come "
        "from other seeds (`edgeroute_env/seeds.py`).",
        "",
        quick,
        "",
        slow,
        "",
        f"Versions: {versions}. Hashes of the scenarios, of the parameters and of the policies:",
        "",
        *tables.made_with(found),
    ]

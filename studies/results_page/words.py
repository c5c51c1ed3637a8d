"""The page's sentences. Each is true whichever way the figures fall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgeroute_baselines.registry import ANALYTIC
from edgeroute_env.evaluation.literature import CLAIMED
from edgeroute_env.evaluation.tables import verdict, with_interval
from edgeroute_env.routing import Role
from studies import unseen_subjects, without_stops
from studies.results_page.measured import SHOWN_FIRST, Found, Row
from studies.without_foresight import SEEN

ENOUGH = 0.6  # share of the knowable gap that counts as most of it
NAMES = {"ppo": "PPO", "dqn": "DQN"}


def earlier() -> str:
    """Return why some gains that were told once are told no more."""
    return (
        "Before, a link below -6.7 dB was out, for four seconds on average. The recordings say "
        "otherwise: there the link is slow, and traffic stops hardly more often than elsewhere "
        "([validation.md](validation.md)). An audit kept the link up at its lowest rate and fitted "
        f"`{ANALYTIC}` again: on recordings its gains over the better constant vanished, and with "
        "them the 6.6 % of latency that recorded `mmlu` seemed to save (0.8 % were left); on "
        "`vehicular` three quarters went, on `fleet` a fifth. Today's gains are of another world, "
        "with faster phones and other prices, so their size says nothing of those before. They do "
        "not rest on stops of the link: the last column has the same rule on the same traces "
        f"without a single one ({without_stops.EPISODES} episodes)."
    )


def recorded_questions(found: Found) -> str:
    """Return what recorded questions decide: which were recorded, and which a scorer has seen."""
    sentences = []
    if found.unseen:
        seen, unseen = (
            found.unseen[scores] for scores in (unseen_subjects.SEEN, unseen_subjects.UNSEEN)
        )
        lost = found.unseen["lost"]
        share = f", {with_interval(lost, 100, ' %', '.0f')} less" if lost else ""
        sentences.append(
            "**Unseen subjects.** Recorded `mmlu` takes its scores from a scorer that has seen no "
            f"question of a subject. Over edge-only, `{ANALYTIC}` gains {with_interval(unseen)} "
            f"with them; with the scores of one that has seen others of the subject, and fitted "
            f"again, {with_interval(seen)}: on unseen subjects{share}. In the world before this "
            "one it was a fifth."
        )
    if found.questions:
        sentences.append(
            "**Other questions.** Recorded episodes ask the same questions again and again. The "
            "intervals of the tables hold for other episodes of these questions, not for other "
            "questions. If these too are drawn anew, the intervals are wider:"
        )
        sentences += [_other_questions(preset, row) for preset, row in found.questions.items()]
    return " ".join(sentences)


def _other_questions(preset: str, row: Mapping[str, Any]) -> str:
    fitted, judged = row["fit"], row["evaluation"]
    kinds = (("recorded", "on recordings"), ("synthetic", "on drawn traces"))
    parts = [
        f"fitted {words}, `{ANALYTIC}` gains {with_interval(fitted[fit]['by_question'])} over "
        f"edge-only on the {fitted['questions']:,} questions of its fit and "
        f"{with_interval(judged[fit]['by_question'])} on the {judged['questions']:,} that it is "
        f"judged on ({with_interval(judged[fit]['by_episode'])} by episode)"
        for fit, words in kinds
    ]
    return f"on recorded `{preset}`, {'; '.join(parts)}."


def claims(rows: Sequence[Row]) -> str:
    """Return what became of the paper's two claims, for a reader who knows neither."""
    tolerance = rows[0].quick.tolerance_points
    (least_s, most_s), (least_calls, most_calls) = CLAIMED.values()
    latency, calls = (_reached(rows, key) for key in CLAIMED)
    return (
        f"The paper says that its rule, which weighs how hard a question looks against the time "
        f"that each route takes, saves {least_s:g} to {most_s:g} % of the latency and "
        f"{least_calls:g} to {most_calls:g} % of the calls of the large model over static routers, "
        f"at the same quality of answers. Here the rule is tuned on other episodes to lose at "
        f"most {tolerance:g} points of quality against sending every turn to the edge. "
        f"**Latency:** {latency}. **Calls of the large model:** {calls}. "
        f"{_keeps(rows, tolerance)} Reached means that the whole 95 % interval lies above the "
        f"claim's lower end. {_of_static(rows)}"
    )


def _reached(rows: Sequence[Row], key: str) -> str:
    """Return on how many rows a claim is reached against edge-only, and what is saved on all."""
    least = CLAIMED[key][0]
    saved = {row.shown: row.quick.against_static["savings"]["edge"][key] for row in rows}
    where = [shown for shown, value in saved.items() if 100.0 * value["low"] > least]
    means = sorted(100.0 * value["mean"] for value in saved.values())
    return (
        f"{_verdict(len(where), len(rows))}; {least:g} % against edge-only is reached on "
        f"{_listed(where)} of {len(rows)} comparisons, and from {means[0]:.1f} to "
        f"{means[-1]:.1f} % are saved, {means[len(means) // 2]:.1f} % in the middle"
    )


def _verdict(reached: int, of: int) -> str:
    if reached == of:
        return "the claim holds"
    if reached == 0:
        return "the claim does not hold"
    return "the claim holds on most" if 2 * reached > of else "the claim holds on some, not on most"


def _keeps(rows: Sequence[Row], tolerance: float) -> str:
    lost = [-row.quick.against_static["savings"]["edge"]["quality_points"]["mean"] for row in rows]
    kept = sum(value <= tolerance for value in lost)
    return (
        f"On these episodes it loses at most {tolerance:g} points on {kept} of {len(rows)}, and "
        f"{max(lost):.1f} at worst."
    )


def _of_static(rows: Sequence[Row]) -> str:
    """Return what is left of the claims beside static routers that are tuned to that quality."""
    tuned = ("score-threshold", "length-threshold")
    parts = []
    for name in tuned:
        counts = []
        for key, (least, _) in CLAIMED.items():
            saved = [row.quick.against_static["savings"][name][key] for row in rows]
            counts.append(sum(100.0 * value["low"] > least for value in saved))
        parts.append(f"`{name}` it is reached on {counts[0]} and {counts[1]}")
    return (
        f"Edge-only is the easiest static router to beat. Beside {' and beside '.join(parts)} of "
        f"{len(rows)} (latency, calls); these look at the question alone and are tuned to the same "
        "quality."
    )


def wins(rows: Sequence[Row]) -> str:
    """Return where all training seeds of a policy win, tie and lose; every tie is named."""
    drawn = [row for row in rows if row.traces == "synthetic"]
    return " ".join(_stands(name, drawn) for name in NAMES if any(name in r.seeds for r in drawn))


def _stands(name: str, rows: Sequence[Row]) -> str:
    found: dict[str, list[str]] = {"better": [], "tie": [], "worse": []}
    seeds = episodes = 0
    for row in rows:
        if name in row.seeds:
            ours = row.seeds[name]
            seeds, episodes = len(ours["returns"]), ours["episodes"]
            found[verdict(ours["routers"][ANALYTIC]["all_less"])].append(row.shown)
    bare = [
        f"{row.shown} (`{rule}`)"
        for row in rows
        if name in row.quick.routers and (rule := row.quick.routers[name].get("bare_rule"))
    ]
    kept = f" The packaged policy is a bare rule on {_listed(bare)}." if bare else ""
    return (
        f"**{NAMES[name]}**, {seeds} training seeds together over {episodes:,} episodes, beats the "
        f"tuned analytic rule `{ANALYTIC}` on {_listed(found['better'])}, ties with it on "
        f"{_listed(found['tie'])} and loses to it on {_listed(found['worse'])}.{kept}"
    )


def most_of_the_gap(known: Mapping[str, Any]) -> str:
    """Return on which presets a policy closes most of the knowable gap, and where it does not."""
    gaps = {preset: row for preset, row in known.items() if row and row["gap"]["low"] > 0.0}
    sentences = []
    for name, shown in NAMES.items():
        shares = {
            p: row["shares"][name]["mean"] for p, row in gaps.items() if name in row["shares"]
        }
        most = [f"`{p}` ({share:.0%})" for p, share in shares.items() if share >= ENOUGH]
        rest = [f"`{p}` ({share:.0%})" for p, share in shares.items() if share < ENOUGH]
        if shares:
            sentences.append(
                f"{shown} closes {ENOUGH:.0%} or more of it on {_listed(most)} and less on "
                f"{_listed(rest)}."
            )
    return " ".join(sentences)


def without_foresight(known: Mapping[str, Any]) -> str:
    """Return how much of the knowable gap is left without foresight, and who reaches that."""
    gaps = {preset: row for preset, row in known.items() if row and row["gap"]["low"] > 0.0}
    left = {p: row["ceilings"][SEEN] for p, row in gaps.items() if row["ceilings"][SEEN]}
    if not left:
        return ""
    shares = {preset: share["mean"] for preset, share in left.items()}
    least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    below = [f"`{p}`" for p, share in left.items() if share["high"] < ENOUGH]
    sentences = [
        f"From {shares[least]:.0%} (`{least}`) to {shares[most]:.0%} (`{most}`) of the knowable "
        f"gap are left to a router that knows {SEEN} and no future. On {_listed(below)} that is "
        f"surely less than {ENOUGH:.0%}: there no causal router closes {ENOUGH:.0%} of the gap."
    ]
    for name, shown in NAMES.items():
        of = {p: row["of_ceiling"].get(name) for p, row in gaps.items()}
        enough = [f"`{p}` ({s['mean']:.0%})" for p, s in of.items() if s and s["mean"] >= ENOUGH]
        rest = [f"`{p}` ({s['mean']:.0%})" for p, s in of.items() if s and s["mean"] < ENOUGH]
        if enough or rest:
            sentences.append(
                f"{shown} reaches {ENOUGH:.0%} or more of what is left on {_listed(enough)} and "
                f"less on {_listed(rest)}."
            )
    return " ".join(sentences)


def beside_planners(rows: Iterable[Row]) -> str:
    """Return how the packaged policies do beside the strongest router that is not learned."""
    sentences = []
    for name, shown in NAMES.items():
        found: dict[str, list[str]] = {"better": [], "tie": [], "worse": []}
        for row in rows:
            if name in row.slow.routers and row.traces == "synthetic":
                found[verdict(row.slow.routers[name]["over_strongest"])].append(row.shown)
        if any(found.values()):
            sentences.append(
                f"Beside the strongest router that is not learned, planners included and chosen on "
                f"these very episodes, the packaged {shown} is better on "
                f"{_listed(found['better'])}, ties on {_listed(found['tie'])} and is worse on "
                f"{_listed(found['worse'])}."
            )
    return " ".join(sentences)


def plain(found: Found) -> str:
    """Return what the library's defaults come to beside our training."""
    if not found.plain:
        return ""
    gaps = found.plain["all_less"]
    return (
        f"On `{SHOWN_FIRST}`, PPO as Stable-Baselines3 comes, told nothing, earns "
        f"{with_interval(gaps[ANALYTIC])} beside `{ANALYTIC}`, {with_interval(gaps['edge'])} "
        f"beside edge-only and {with_interval(gaps['device'])} beside device-only: "
        f"{_said(gaps[ANALYTIC])} the tuned analytic rule. Its seeds, beside that rule: "
        f"{_each(found.plain['gaps'][ANALYTIC])}."
    )


def without(found: Found) -> str:
    """Return which ingredients of training are surely missed where they are left out."""
    whole, *variants = next(iter(found.ablation.values()), {})
    sentences = []
    for variant in variants:
        where = []
        for preset, rows in found.ablation.items():
            less = rows[variant]["last_interquartile_mean"], rows[whole]["last_interquartile_mean"]
            if less[0]["high"] < less[1]["low"]:
                where.append(f"`{preset}` ({less[0]['mean'] - less[1]['mean']:+.2f})")
        sentences.append(f"With {variant}, what is learned is surely worse on {_listed(where)}.")
    return " ".join(sentences)


def planners(rows: Iterable[Row]) -> str:
    """Return where the best planner beats the tuned rule."""
    found: dict[str, list[str]] = {"better": [], "tie": [], "worse": []}
    for row in rows:
        names = row.slow.names(Role.PLANNER)
        best = max(names, key=lambda name: row.slow.figures(name)["return"])
        found[verdict(row.slow.routers[best]["over_analytic"])].append(row.shown)
    return (
        f"The better of the planners beats the tuned rule on {_listed(found['better'])}, ties with "
        f"it on {_listed(found['tie'])} and loses to it on {_listed(found['worse'])}."
    )


def _said(gap: Mapping[str, float]) -> str:
    return {"better": "it beats", "tie": "it ties with", "worse": "it loses to"}[verdict(gap)]


def _each(values: Iterable[float]) -> str:
    return ", ".join(f"{value:+.2f}" for value in values)


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "none"

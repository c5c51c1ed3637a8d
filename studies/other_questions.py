"""How far a recorded gain depends on which questions were recorded.

    python -m studies.other_questions

The intervals of the results hold for other episodes of the same questions: every episode asks the
same few hundred again. Here the gain of the tuned rule over edge-only is summed up question by
question, and the questions are drawn anew (a cluster bootstrap), on the half that the rule was
fitted on and on the half that it is judged on. What was found is kept in `studies/stored`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeroute_agents.train import BAO
from edgeroute_baselines import fitted_router, make_router
from edgeroute_baselines.fitted import fingerprint, fitted_parameters
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.evaluation.literature import share_of_gap
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.seeds import EVALUATION_SEEDS, FIT_SEEDS
from edgeroute_env.traces.recorded import Split, TraceKind, drawn
from edgeroute_env.traces.sources import Pinned
from studies.stored import FOLDER, kept

PRESETS, EPISODES = ("gsm8k",), 150
FITS: tuple[TraceKind, ...] = ("recorded", "synthetic")  # what the rule was fitted on
TOLD = ("prompt_tokens", "score", "answer_tokens_device")  # recorded, so they tell questions apart


def measured(scenario: Scenario) -> dict[str, Any]:
    """Return the gains with both intervals, by half of the questions and by fit."""
    rules = {fit: fitted_router(scenario, fit, BAO) for fit in FITS}
    return {split: _on_half(scenario, rules, split) for split in ("fit", "evaluation")}


def _on_half(scenario: Scenario, rules: dict[str, Router], split: Split) -> dict[str, Any]:
    seeds = (FIT_SEEDS if split == "fit" else EVALUATION_SEEDS)[:EPISODES]
    pinned = Pinned(drawn(scenario, "recorded", split), generators(seeds))
    told = np.stack([pinned.rows[name].ravel() for name in TOLD], axis=1)
    question = np.unique(told, axis=0, return_inverse=True)[1].ravel()
    asked = np.bincount(question).astype(np.float64)
    edge = run_episodes(make_router("edge"), scenario, pinned, seeds).outcomes["reward"].T
    found: dict[str, Any] = {"questions": len(asked)}
    for fit, rule in rules.items():
        gain = run_episodes(rule, scenario, pinned, seeds).outcomes["reward"].T - edge
        gain *= scenario.workload.turns  # of an episode that asks nothing else
        # Each question's sum over how often it was asked: a ratio of means over questions.
        by_question = share_of_gap(np.bincount(question, gain.ravel()), asked)
        found[fit] = {"by_episode": interval(gain.mean(axis=1)), "by_question": by_question}
    return found


def found(preset: str) -> dict[str, Any]:
    """Return what is kept of a preset, measured where it is not of today's."""
    scenario = load_scenario(preset)
    key = {
        "fingerprint": fingerprint(scenario, "recorded"),
        "rules": {fit: fitted_parameters(scenario, fit, BAO) for fit in FITS},
        "episodes": EPISODES,
    }
    file = FOLDER / "other_questions.json"
    result: dict[str, Any] = kept(file, preset, key, lambda: measured(scenario))
    return result


def main() -> None:
    print(f"{BAO} less edge-only on recordings, an episode: other episodes, other questions")
    for preset in PRESETS:
        for split, half in found(preset).items():
            for fit in FITS:
                both = (half[fit][by] for by in ("by_episode", "by_question"))
                print(
                    f"{preset:<6} {half['questions']:>5} questions of the half for {split:<10} "
                    f"fitted on {fit:<9} {', '.join(map(with_interval, both))}"
                )


if __name__ == "__main__":
    main()

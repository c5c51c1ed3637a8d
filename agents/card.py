"""The card of a trained policy: what it was trained on, how, and what it earns.

    python -m agents.card FOLDER

writes FOLDER/README.md for FOLDER/policy.safetensors, from evaluation seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agents.policy import FILE, Policy, load_policy
from agents.settings import load_settings
from agents.training import BAO, LINEAR, fitted
from baselines import make_router
from edgeroute_env.evaluation.benchmark import CONSTANTS
from edgeroute_env.evaluation.episodes import EVALUATION_SEEDS, generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.files import replacing
from edgeroute_env.routing import Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

EPISODES = 200


def card(policy: Policy, scenario: Scenario) -> str:
    """Return the card as Markdown, with paired gaps over EPISODES evaluation episodes."""
    about = policy.about
    kind, seeds = about["traces"], EVALUATION_SEEDS[:EPISODES]
    traces = Pinned(drawn(scenario, kind, "evaluation"), generators(seeds))
    others: list[Router] = [
        *(make_router(name) for name in CONSTANTS),
        *(make_router(name, fitted(scenario, kind, name)) for name in (BAO, LINEAR)),
    ]
    own = run_episodes(policy, scenario, traces, seeds)
    rows = []
    for router in others:
        run = run_episodes(router, scenario, traces, seeds)
        gap = interval(own.returns() - run.returns())
        shown = f"{gap['mean']:+.2f} [{gap['low']:+.2f}, {gap['high']:+.2f}]"
        rows.append(f"| `{router.name}` | {run.returns().mean():.2f} | {shown} |")
    changed = _changed(policy)
    options = "".join(f" --set {name}={value}" for name, value in changed.items())
    command = f"edgeroute train {policy.name} -s {scenario.name} --seed {about['seed']}{options}"
    return f"""# {policy.name} on `{scenario.name}`

Trained on {about["traces"]} traces, from the fitted `{policy.rule.name}`:

    {command}

Return {own.returns().mean():.2f} an episode, {own.turns("edge_call").mean():.1%} of the turns at
the edge; paired gaps over {EPISODES} evaluation episodes with 95 % bootstrap intervals:

| router | its return | this policy less it |
|---|---|---|
{chr(10).join(rows)}

One training seed. It is refused where the scenario has changed since
(hash {about["scenario_hash"]}).
"""


def _changed(policy: Policy) -> dict[str, object]:
    """Return the settings that are not those of the packaged file."""
    usual = load_settings(policy.name).model_dump(mode="json")
    used = policy.about["settings"]
    return {name: used[name] for name in used if used[name] != usual[name]}


def main() -> None:
    """Write the card of the folder that the command names."""
    folder = Path(sys.argv[1])
    policy = load_policy(folder / FILE)
    scenario = load_scenario(policy.about["scenario"])
    load_policy(folder / FILE, scenario)
    with replacing(folder / "README.md") as part:
        part.write_text(card(policy, scenario), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Train the policies that come with the package: several seeds, of which the best is kept.

    python -m edgeroute_agents.pretraining SCENARIO ALGORITHM [--jobs N] [--cluster ADDRESS]

trains under `runs/pretraining`, keeps the seed that is best on validation seeds in
`pretrained/ALGORITHM-SCENARIO`, and writes what all of them earn on evaluation seeds beside it.
`all` stands for every preset, and for both algorithms. Repeated after an interrupt, it goes on
where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeroute_agents.policy import FIGURES, FILE, Policy, load_policy, packaged_folder
from edgeroute_agents.settings import KINDS, DqnSettings, PpoSettings, load_settings
from edgeroute_agents.train import BAO, LINEAR, Training
from edgeroute_agents.watching import CHECKPOINT, Follower, frames_as_steps
from edgeroute_baselines import fitted_router, make_router
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.statistics import interquartile_mean
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.files import replacing, with_sha256, without_sha256
from edgeroute_env.parallel import Plan, Step, Task, carried_out
from edgeroute_env.recordings.downloads import data_folder
from edgeroute_env.routing import ROUTES, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario, scenario_names
from edgeroute_env.traces.recorded import TraceKind, recorded_files
from edgeroute_env.working import add_options, program

ALL = "all"
SEEDS, EPISODES = 5, 1000  # training seeds, from 0
RUNS = Path("runs") / "pretraining"
OTHERS = ("bao-single", "bao-multi", BAO, "pacing", "lyapunov", LINEAR)


def trained(
    scenario: Scenario,
    settings: PpoSettings | DqnSettings,
    folder: Path,
    seed: int,
    tell: Callable[[int], None] = lambda frames: None,
) -> tuple[Policy, float]:
    """Return a seed's policy and its gap on the validation seeds, trained unless it was before.

    An interrupted training in `folder` goes on where it was; `tell` takes the frames done so far.
    """
    notes = folder / "finished.json"
    if not notes.exists():
        resumes = (folder / CHECKPOINT).exists()
        standing = Training(scenario, settings, seed).run(folder, Follower(tell=tell), resumes)
        with replacing(notes) as part:
            said = with_sha256({"validation_gap": standing.gap})
            part.write_text(json.dumps(said), encoding="utf-8")
    gap = without_sha256(json.loads(notes.read_text(encoding="utf-8")))["validation_gap"]
    return load_policy(folder / FILE, scenario), float(gap)


def training(
    scenario: Scenario, settings: PpoSettings | DqnSettings, folder: Path, seed: int
) -> Task:
    """Return what `trained` does as a task, a frame a step."""
    algorithm = "ppo" if isinstance(settings, PpoSettings) else "dqn"
    told = f"the training of {algorithm} on {scenario.name}, seed {seed}"
    return Task(told, _trained, (scenario, settings, folder.resolve(), seed), settings.frames)


def _trained(
    step: Step, scenario: Scenario, settings: PpoSettings | DqnSettings, folder: Path, seed: int
) -> tuple[Policy, float]:
    return trained(scenario, settings, folder, seed, frames_as_steps(step))


def figures(policies: Sequence[Policy], scenario: Scenario, traces: TraceKind) -> dict[str, Any]:
    """Return what policies, one a training seed, earn on the evaluation seeds beside others.

    Gaps are taken episode by episode; the others have the parameters fitted to these traces.
    """
    others: dict[str, Router] = {name: make_router(name) for name in ROUTES}
    others |= {name: fitted_router(scenario, traces, name) for name in OTHERS}
    if traces != "synthetic":  # as little seen of the recordings as the policies have
        others[f"{BAO}, synthetic fit"] = fitted_router(scenario, "synthetic", BAO)
    found = evaluation_returns([*policies, *others.values()], scenario, EPISODES, traces)
    own = found[: len(policies)]
    rows = {}
    for name, theirs in zip(others, found[len(policies) :], strict=True):
        gaps = own - theirs
        rows[name] = {
            "return": float(theirs.mean()),
            "less": [interval(gap) for gap in gaps],
            "all_less": interval(gaps.mean(axis=0)),
            "interquartile_mean": interquartile_mean(gaps.mean(axis=1)[:, None]),
        }
    return {"returns": [float(value) for value in own.mean(axis=1)], "routers": rows}


def _figures(step: Step, *asked: Any) -> dict[str, Any]:
    return figures(*asked)


def pretrain(scenario: Scenario, algorithm: str) -> Plan[Path]:
    """Train all seeds, keep the best, write its card; the plan returns its folder."""
    settings = load_settings(algorithm)
    name = f"{scenario.name}-{algorithm}"
    seeds = range(SEEDS)
    found = yield [training(scenario, settings, RUNS / f"{name}-{seed}", seed) for seed in seeds]
    policies, gaps = zip(*found, strict=True)
    kept = int(np.argmax(gaps))
    files = recorded_files(scenario)
    at_hand = bool(files) and all((data_folder() / file).is_file() for file in files)
    kinds: tuple[TraceKind, ...] = ("synthetic", "recorded") if at_hand else ("synthetic",)
    content: dict[str, Any] = {
        "episodes": EPISODES,
        "seeds": list(seeds),
        "kept": kept,
        "validation_gaps": list(gaps),
    }
    told = f"the figures of {algorithm} on {scenario.name}"
    earned = yield [
        Task(f"{told}, {kind}", _figures, (policies, scenario, kind), EPISODES) for kind in kinds
    ]
    content |= dict(zip(kinds, earned, strict=True))
    folder = packaged_folder(scenario.name, algorithm)
    folder.mkdir(parents=True, exist_ok=True)
    policies[kept].save(folder / FILE)
    with replacing(folder / FIGURES) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with replacing(folder / "README.md") as part:
        part.write_text(card(policies[kept], content), encoding="utf-8")
    return folder


def card(policy: Policy, figures: Mapping[str, Any]) -> str:
    """Return the card as Markdown; `figures` as `pretrain` writes them."""
    about = policy.about
    kept, count = figures["kept"], len(figures["seeds"])
    tables = "\n".join(
        _table(kind, figures[kind], kept) for kind in ("synthetic", "recorded") if kind in figures
    )
    changed = f" --traces {about['traces']}"
    changed += "".join(f" --set {name}={value}" for name, value in _changed(policy).items())
    return f"""# {policy.name} on `{about["scenario"]}`

Trained on {about["traces"]} traces; what decides is {policy.described}:

    edgeroute train {policy.name} -s {about["scenario"]} --seed {about["seed"]}{changed}

The best of {count} training seeds on validation seeds. It is refused where the scenario has changed
since (hash {about["scenario_hash"]}). Paired gaps over {figures["episodes"]} evaluation episodes;
95 % bootstrap intervals, over episodes for this policy and for the mean of all {count} seeds, over
seeds for the interquartile mean.
{tables}"""


def _table(kind: str, figures: Mapping[str, Any], kept: int) -> str:
    lines = [
        f"\n## {kind.capitalize()} traces\n",
        f"Return {figures['returns'][kept]:.2f} an episode.\n",
        "| router | its return | this policy less it | all seeds less it | interquartile mean |",
        "|---|---|---|---|---|",
    ]
    for name, row in figures["routers"].items():
        cells = (row["less"][kept], row["all_less"], row["interquartile_mean"])
        shown = " | ".join(with_interval(cell) for cell in cells)
        lines.append(f"| `{name}` | {row['return']:.2f} | {shown} |")
    return "\n".join(lines) + "\n"


def _changed(policy: Policy) -> dict[str, object]:
    """Return the settings that are not those of the packaged file."""
    usual = load_settings(policy.name).model_dump(mode="json")
    used = policy.about["settings"]
    return {name: used[name] for name in used if used[name] != usual[name]}


def main() -> None:
    """Pretrain what the command names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenario", help=f"a preset, or {ALL}")
    parser.add_argument("algorithm", choices=[*KINDS, ALL])
    add_options(parser)
    given = parser.parse_args()
    with program(given, "pretraining") as (by, bar):
        names = scenario_names() if given.scenario == ALL else [given.scenario]
        algorithms = list(KINDS) if given.algorithm == ALL else [given.algorithm]
        plans = [pretrain(load_scenario(name), each) for name in names for each in algorithms]
        for _, folder in carried_out(plans, by):
            bar.pause()
            print(f"written: {folder}", flush=True)


if __name__ == "__main__":
    main()

"""What a better score is worth: the gain of routers that read it, over its AUC.

At each AUC the routers are fitted anew on training seeds and run on evaluation seeds. The gain is
over the better of the two constant routers, an episode. An AUC of 0.5 tells nothing, 0.999 tells
for nearly every question whether only the large model is right.

    python -m studies.score_worth --out docs/scenarios --fit 60 --episodes 200
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from edgeroute_baselines import make_router
from edgeroute_baselines.fitting import Fitter
from edgeroute_env.evaluation.episodes import Episodes, generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.files import replacing
from edgeroute_env.scenario_files import load_scenario
from edgeroute_env.seeds import EVALUATION_SEEDS, FIT_SEEDS
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned
from validation import drawing

AUCS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 0.95, 0.999)
ROUTERS = ("bao-multi-queue", "score-threshold")
CONSTANTS = ("device", "edge")
TOLERANCE_POINTS = 0.5
PICTURE = "score-worth.png"


class Worth(NamedTuple):
    """One router at one AUC: gain over the better constant, and what it does."""

    router: str
    auc: float
    gain: dict[str, float]
    edge_share: float
    quality: float


def measured(name: str, auc: float, fit: int, episodes: int) -> list[Worth]:
    """Return a row a router, fitted on `fit` seeds and run on `episodes`."""
    scenario = load_scenario(name, {"workload.score_auc": auc})
    fitter = Fitter(scenario, drawn(scenario, "synthetic", "fit"), FIT_SEEDS[:fit])
    seeds = EVALUATION_SEEDS[:episodes]
    traces = Pinned(drawn(scenario, "synthetic", "evaluation"), generators(seeds))

    def run(router: str, parameters: dict[str, float]) -> Episodes:
        return run_episodes(make_router(router, parameters), scenario, traces, seeds)

    constants = [run(constant, {}).returns() for constant in CONSTANTS]
    better = max(constants, key=lambda returns: float(returns.mean()))
    rows = []
    for router in ROUTERS:
        found = run(router, fitter.fit(router, TOLERANCE_POINTS).best_return.parameters)
        calls, quality = (float(found.turns(each).mean()) for each in ("edge_call", "quality"))
        rows.append(Worth(router, auc, interval(found.returns() - better), calls, quality))
    return rows


def plot(rows: Sequence[Worth]) -> Figure:
    """Draw the gain and the share of edge calls over the AUC."""
    figure, (gains, shares) = drawing.panels(2)
    for i, router in enumerate(ROUTERS):
        own = [row for row in rows if row.router == router]
        aucs = [row.auc for row in own]
        ends = [[abs(row.gain["mean"] - row.gain[end]) for row in own] for end in ("low", "high")]
        means = [row.gain["mean"] for row in own]
        gains.errorbar(aucs, means, ends, label=router, capsize=2, **drawing.line(i))
        shares.plot(aucs, [100.0 * row.edge_share for row in own], **drawing.line(i))
    gains.set(xlabel="AUC of the score", ylabel="gain over the better constant")
    shares.set(xlabel="AUC of the score", ylabel="edge calls, %")
    gains.legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Print the table and write the picture."""
    parser = argparse.ArgumentParser("python -m studies.score_worth")
    parser.add_argument("--scenario", default="paper")
    parser.add_argument("--fit", type=int, default=60, help="training episodes")
    parser.add_argument("--episodes", type=int, default=200, help="evaluation episodes")
    parser.add_argument("--out", type=Path, default=Path("docs/scenarios"))
    asked = parser.parse_args()
    print("| AUC | router | gain over the better constant | edge calls | quality |")
    print("|---|---|---|---|---|")
    rows = []
    for auc in AUCS:
        for row in measured(asked.scenario, auc, asked.fit, asked.episodes):
            gain = "{mean:+.2f} [{low:.2f}, {high:.2f}]".format(**row.gain)
            told = f"{gain} | {row.edge_share:.0%} | {row.quality:.3f}"
            print(f"| {row.auc:g} | `{row.router}` | {told} |", flush=True)
            rows.append(row)
    asked.out.mkdir(parents=True, exist_ok=True)
    with replacing(asked.out / PICTURE) as part:
        drawing.save(plot(rows), part)


if __name__ == "__main__":
    main()

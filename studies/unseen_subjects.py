"""What the tuned rule loses where the scorer has seen no question of a subject.

    python -m studies.unseen_subjects

Recorded `mmlu` with the scores of a head that saw other questions of the same subjects, and with
those of one that saw none (the default). `bao-multi-queue` is fitted anew on training seeds for
each, and runs on 1,000 evaluation episodes, beside edge-only. A minute of CPU; what was found is
kept in `studies/stored`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeroute_agents.train import BAO
from edgeroute_baselines import make_router
from edgeroute_baselines.fitted import TOLERANCE_POINTS, fingerprint, fit_seeds
from edgeroute_baselines.fitting import Fitter
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.evaluation.literature import share_of_gap
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.traces.recorded import drawn
from studies.stored import FOLDER, kept

PRESET, EPISODES = "mmlu", 1_000
SEEN, UNSEEN = "scorer-in-domain", "scorer"


def measured() -> dict[str, Any]:
    """Return the gains over edge-only with either score, and the share lost on unseen subjects."""
    gains = {}
    for scores in (SEEN, UNSEEN):
        scenario = load_scenario(PRESET, {"workload.mix.0.scores": scores})
        fitter = Fitter(scenario, drawn(scenario, "recorded", "fit"), fit_seeds(scenario))
        tuned = make_router(BAO, fitter.fit(BAO, TOLERANCE_POINTS).best_return.parameters)
        routers = [tuned, make_router("edge")]
        own, edge = evaluation_returns(routers, scenario, EPISODES, "recorded")
        gains[scores] = np.asarray(own - edge)
    lost = share_of_gap(gains[SEEN] - gains[UNSEEN], gains[SEEN])
    return {**{scores: interval(gain) for scores, gain in gains.items()}, "lost": lost}


def found() -> dict[str, Any]:
    """Return what is kept, measured where it is not of today's."""
    key: dict[str, Any] = {"episodes": EPISODES}
    for scores in (SEEN, UNSEEN):
        scenario = load_scenario(PRESET, {"workload.mix.0.scores": scores})
        key[scores] = fingerprint(scenario, "recorded")
    result: dict[str, Any] = kept(FOLDER / "unseen_subjects.json", PRESET, key, measured)
    return result


def main() -> None:
    row = found()
    print(f"{BAO} over edge-only, recorded {PRESET}, subjects seen: {with_interval(row[SEEN])}")
    print(f"unseen: {with_interval(row[UNSEEN])}", end="")
    print(f"; lost {with_interval(row['lost'], 100, '%', '.0f')}" if row["lost"] else "")


if __name__ == "__main__":
    main()

"""Seconds of training until a policy on `paper` surely beats the tuned analytic router.

    python studies/time_to_beat.py

Once as the settings say, and once from the analytic rule itself with nothing distilled. Surely: the
95 % interval of its paired gap to `bao-multi-queue` on validation seeds lies above 0. Then the kept
policy on 200 evaluation episodes. One core; import and compilation of the kernel count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from edgeroute_agents.training import BAO, Training, fitted
from edgeroute_agents.validation import Verdict

from edgeroute_agents.policy import FILE, load_policy
from edgeroute_agents.settings import load_settings
from edgeroute_baselines import make_router
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import EVALUATION_SEEDS, generators, run_episodes
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval
from edgeroute_env.traces.recorded import drawn
from edgeroute_env.traces.sources import Pinned

EPISODES = 200
STARTS: Mapping[str, dict[str, Any]] = {
    "as the settings say": {},
    "from the analytic rule alone": {"rule": BAO, "distilled_turns": 0},
}


def main() -> None:
    scenario = load_scenario("paper")
    seeds = EVALUATION_SEEDS[:EPISODES]
    pinned = Pinned(drawn(scenario, "synthetic", "evaluation"), generators(seeds))
    analytic = make_router(BAO, fitted(scenario, "synthetic", BAO))
    theirs = run_episodes(analytic, scenario, pinned, seeds).returns()
    for name, changes in STARTS.items():
        start = time.process_time()
        beaten_s: list[tuple[float, float]] = []
        with tempfile.TemporaryDirectory() as folder:
            training = Training(scenario, load_settings("ppo", changes), Path(folder))
            watch, judge = training.watch, training.watch._validation.judge

            def noting(router: Any) -> Verdict:
                verdict = judge(router)  # noqa: B023  (called before the next round)
                if verdict.gap > verdict.half_width:
                    beaten_s.append((time.process_time() - start, verdict.gap))  # noqa: B023
                return verdict

            watch._validation.judge = noting  # type: ignore[method-assign]
            training.run()
            whole_s = time.process_time() - start
            policy = load_policy(Path(folder) / FILE, scenario)
        own = run_episodes(policy, scenario, pinned, seeds).returns()
        first = f"{beaten_s[0][0]:.0f} s ({beaten_s[0][1]:+.2f})" if beaten_s else "never"
        print(f"{name}: beaten after {first}; trained in {whole_s:.0f} s CPU;")
        print(f"  on evaluation seeds {with_interval(interval(np.asarray(own - theirs)))}")


if __name__ == "__main__":
    main()

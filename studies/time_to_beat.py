"""Seconds of training until a policy on `paper` surely beats the tuned analytic router.

    python studies/time_to_beat.py

Once as the settings say, and once from the analytic rule itself with nothing distilled. Surely: the
95 % interval of its paired gap to `bao-multi-queue` on validation seeds lies above 0. Then the kept
policy on 200 evaluation episodes. One core; import and compilation of the kernel count.
"""

import functools
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeroute_agents import Follower, Standing, Training, load_policy, load_settings
from edgeroute_agents.judging import Verdict
from edgeroute_agents.policy import FILE
from edgeroute_agents.train import BAO
from edgeroute_baselines import fitted_router
from edgeroute_env import load_scenario
from edgeroute_env.evaluation.episodes import evaluation_returns
from edgeroute_env.evaluation.metrics import interval
from edgeroute_env.evaluation.tables import with_interval

EPISODES = 200
STARTS: Mapping[str, dict[str, Any]] = {
    "as the settings say": {},
    "from the analytic rule alone": {"rule": BAO, "distilled_turns": 0},
}


def note_if_beaten(
    start_s: float, beaten_s: list[tuple[float, float]], standing: Standing, verdict: Verdict
) -> None:
    """Note the CPU time since `start_s`, and the gap, where a verdict confirms a policy."""
    if verdict.confirms:
        beaten_s.append((time.process_time() - start_s, verdict.gap))


def main() -> None:
    scenario = load_scenario("paper")
    analytic = fitted_router(scenario, "synthetic", BAO)
    for name, changes in STARTS.items():
        start = time.process_time()
        beaten_s: list[tuple[float, float]] = []
        with tempfile.TemporaryDirectory() as folder:
            note = functools.partial(note_if_beaten, start, beaten_s)
            training = Training(scenario, load_settings("ppo", changes))
            training.run(Path(folder), Follower(judged=note))
            whole_s = time.process_time() - start
            policy = load_policy(Path(folder) / FILE, scenario)
        own, theirs = evaluation_returns([policy, analytic], scenario, EPISODES)
        first = f"{beaten_s[0][0]:.0f} s ({beaten_s[0][1]:+.2f})" if beaten_s else "never"
        print(f"{name}: beaten after {first}; trained in {whole_s:.0f} s CPU;")
        print(f"  on evaluation seeds {with_interval(interval(own - theirs))}")


if __name__ == "__main__":
    main()

"""What follows a training: curves, validation, the best policy so far, checkpoints, an alarm."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from edgeroute_agents import checkpoints
from edgeroute_agents.policy import FILE, Policy, load_policy
from edgeroute_agents.validation import Validation, Verdict
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.simulator.state import FIGURES, LATENCY_PARTS, REWARD_TERMS

LOG = "training.log"
CURVE_FRAMES = 16_384  # frames a point of the curves
CURVES = {
    **{f"reward/{term}": f"reward_{term}" for term in REWARD_TERMS},
    "reward/total": "reward",
    **{f"latency/{part}_s": f"{part}_s" for part in LATENCY_PARTS},
    **{f"turn/{name}": name for name in FIGURES if name != "edge_call"},
    "turn/edge_share": "edge_call",
}


class Stopped(Exception):
    """The training was asked to stop and has written its checkpoint."""


class Watch(BaseCallback):
    """Between rollouts: draws the curves, and validates where that is due."""

    def __init__(
        self,
        env: EdgeRouteSB3VecEnv,
        validation: Validation,
        every: int,
        folder: Path,
        key: str,
        policy_of: Callable[[], Policy],
        say: Callable[[str], None],
        tell: Callable[[int], None],
        notes: dict[str, Any] | None,
    ) -> None:
        """Follow the training of `env` in `folder`.

        Args:
            env: gives the curves.
            validation: judges.
            every: frames from one validation to the next.
            folder: for the best policy, the checkpoint and the log.
            key: of the training, for its checkpoint.
            policy_of: returns the present policy.
            say: takes a line for the user; the log gets it too.
            tell: takes the frames done so far, for a progress bar.
            notes: those of the checkpoint that is resumed, or None.
        """
        super().__init__()
        self._env, self._validation, self._every = env, validation, every
        self._reference = validation.analytic.name
        self._folder, self._key, self._policy_of = folder, key, policy_of
        self._say, self._tell = say, tell
        self._notes = notes or {"best": None, "next": 0, "curve": 0}
        self._clock = (time.perf_counter(), -1)
        self.stops = False  # set it to end the training after the present rollout
        self.validated: Callable[[], None] = lambda: None  # called after each validation

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        frames = self.num_timesteps
        if frames >= self._notes["curve"]:
            self._draw(frames)
        if frames >= self._notes["next"]:
            self.validate()
        if self.stops:
            self._save()
            raise Stopped

    def keep_rule(self) -> None:
        """Judge and keep the policy as it is before anything is learned: the rule alone."""
        rule = self._policy_of()
        verdict = self._validation.judge(rule)
        self._keep(verdict, rule)
        self._note(f"{'the rule':>18}: {self._shown(verdict)}")

    def _keep(self, verdict: Verdict, policy: Policy) -> None:
        self._notes["best"] = {"surely": verdict.surely, "gap": verdict.gap}
        policy.save(self._folder / FILE)

    def validate(self) -> None:
        """Judge the policy, keep it where it is the best, write a checkpoint."""
        frames = self.num_timesteps
        policy = self._policy_of()
        verdict = self._validation.judge(policy)
        # By the lower end of an interval: of many policies as good as the rule, the one that
        # looks best is the luckiest.
        is_best = verdict.surely > self.surely
        self._notes["learned"] = max(verdict.surely, self._notes.get("learned", verdict.surely))
        if is_best:
            self._keep(verdict, policy)
        self._report(frames, verdict, is_best)
        self._notes["next"] = frames + self._every
        self._save()
        self.validated()

    def confirm(self, fresh: Validation, analytic: LinearRouter) -> None:
        """Keep what episodes never looked at confirm to be better than the analytic router.

        That is the kept policy, else the rule it started from; else the policy is the analytic
        router itself. Looked at often enough, the validation's episodes flatter some policy.
        """
        if self._notes.get("confirmed"):
            return
        kept = load_policy(self._folder / FILE)
        for policy in (kept, kept.as_rule(kept.rule), kept.as_rule(analytic)):
            verdict = fresh.judge(policy)
            if verdict.confirms:
                break
        self._note(f"{'fresh episodes':>18}: {self._shown(verdict)}, kept as {policy.described}")
        if policy is not kept:
            self._keep(self._validation.judge(policy), policy)
        self._notes["confirmed"] = True
        self._save()

    @property
    def best(self) -> float:
        """The kept policy's paired gap to the analytic router on the validation seeds."""
        return float(self._notes["best"]["gap"])

    @property
    def surely(self) -> float:
        """By how much the kept policy is better than its start, at least; see `Verdict`."""
        return float(self._notes["best"]["surely"])

    @property
    def learned(self) -> float:
        """The same of the best policy since learning began: below 0 where the rule is better."""
        return float(self._notes["learned"])

    def _save(self) -> None:
        path = self._folder / checkpoints.FILE
        checkpoints.save(path, self._key, self.model, self._env, self._notes)  # type: ignore[arg-type]

    def _draw(self, frames: int) -> None:
        now, (then, before) = time.perf_counter(), self._clock
        self._tell(frames)
        if before >= 0 and frames > before:
            means = self._env.take_means()
            for curve, figure in CURVES.items():
                self.logger.record(curve, means[figure])
            self.logger.record("time/frames_per_s", (frames - before) / (now - then))
            self.logger.dump(frames)
        self._clock = (now, frames)
        self._notes["curve"] = frames + CURVE_FRAMES

    def _report(self, frames: int, verdict: Verdict, is_best: bool) -> None:
        self.logger.record("validation/gap", verdict.gap)
        self.logger.record("validation/surely_over_start", verdict.surely)
        self.logger.record("validation/edge_share", verdict.edge_share)
        self.logger.record("validation/collapsed", float(verdict.collapsed is not None))
        self.logger.dump(frames)
        best = ", best" if is_best else ""
        self._note(f"{frames:>11,} frames: {self._shown(verdict)}{best}")
        if verdict.collapsed:
            self._note(
                f"{frames:>11,} frames: routing collapse, every validation turn goes to the "
                f"{verdict.collapsed} ({verdict.gap:+.3f} beside {self._reference})"
            )

    def _shown(self, verdict: Verdict) -> str:
        gap = f"{verdict.gap:+.3f} [+-{verdict.half_width:.3f}] beside {self._reference}"
        return f"{gap}, edge {verdict.edge_share:.1%}"

    def _note(self, line: str) -> None:
        with (self._folder / LOG).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._say(line)

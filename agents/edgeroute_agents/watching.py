"""What follows a training: curves, validation, the best policy so far, a log and checkpoints.

A checkpoint is all that the next step depends on: a resumed training equals an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch.utils.tensorboard import SummaryWriter

from edgeroute_agents.board import add_episode, forget_after, layout, validation_curves
from edgeroute_agents.judging import Validation, Verdict, confirmed
from edgeroute_agents.networks import BatchDQN, Model
from edgeroute_agents.policy import FILE, Policy, load_policy
from edgeroute_agents.vec_env import EdgeRouteSB3VecEnv
from edgeroute_baselines.linear import LinearRouter
from edgeroute_env.errors import InputError, shown
from edgeroute_env.files import read_whole, replacing, sealed, unsealed, writing
from edgeroute_env.simulator.state import FIGURES, LATENCY_PARTS, REWARD_TERMS

CHECKPOINT, LOG = "training.checkpoint", "training.log"
MOST_BYTES = 2**31  # of a checkpoint: DQN's memory takes most
CURVE_FRAMES = 16_384  # frames a point of the curves
CURVES = {
    **{f"reward/{term}": f"reward_{term}" for term in REWARD_TERMS},
    "reward/total": "reward",
    **{f"latency/{part}_s": f"{part}_s" for part in LATENCY_PARTS},
    **{f"turn/{name}": name for name in FIGURES if name != "edge_call"},
    "turn/edge_share": "edge_call",
}
# What a replay buffer holds; its further fields are fixed by the settings.
_BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_n_calls",
    "_episode_num",
    "_current_progress_remaining",
    "exploration_rate",
)


def remove_earlier(folder: Path) -> None:
    """Remove what an earlier training left in a folder, so that nobody takes it for this one's."""
    for old in (*folder.glob("events.out.tfevents.*"), folder / LOG, folder / CHECKPOINT):
        old.unlink(missing_ok=True)


class Stopped(Exception):
    """The training was asked to stop and has written its checkpoint."""


@dataclass
class Standing:
    """How far a training is, and how good.

    Attributes:
        frames: at the last validation.
        gap: the kept policy's paired gap to the analytic router on the validation seeds.
        surely: by how much the kept policy is better than its start, at least; see `Verdict`.
        learned: the same of the best policy since learning began: below 0 where the rule is better.
        finished: whether the training came to its end and fresh episodes were asked.
        next_validation: frames at which the next one is due.
        next_curve: the same of the next point of the curves.
    """

    frames: int = 0
    gap: float = 0.0
    surely: float = 0.0
    learned: float = -np.inf
    finished: bool = False
    next_validation: int = 0
    next_curve: int = 0


@dataclass
class Follower:
    """How a program follows a training, and stops it.

    Attributes:
        say: takes a line for the user; the log gets it too.
        tell: takes the frames done so far, for a progress bar.
        judged: takes the training's standing and the newest verdict, after each validation.
        stops: whether the training is to end after the present rollout.
    """

    say: Callable[[str], None] = lambda line: None
    tell: Callable[[int], None] = lambda frames: None
    judged: Callable[[Standing, Verdict], None] = lambda standing, verdict: None
    stops: bool = False

    def stop(self) -> None:
        """Let the training end after the present rollout; it can be resumed."""
        self.stops = True


def frames_as_steps(step: Callable[[int], None]) -> Callable[[int], None]:
    """Return what takes the frames done so far and hands `step` those since the last call."""
    done = 0

    def tell(frames: int) -> None:
        nonlocal done
        step(frames - done)
        done = frames

    return tell


class Watch(BaseCallback):
    """Between rollouts: draws the curves, and validates where that is due."""

    def __init__(
        self,
        model: Model,
        env: EdgeRouteSB3VecEnv,
        writer: SummaryWriter,
        policy_of: Callable[[], Policy],
        validation: Validation,
        every: int,
        folder: Path,
        follower: Follower,
    ) -> None:
        """Follow a model on its environment; `policy_of` returns its present policy.

        `writer` takes what TensorBoard shows. `validation` judges that policy, with `every` frames
        between. The best one, the checkpoint and the log go into the folder.
        """
        super().__init__()
        self._model, self._env, self._policy_of = model, env, policy_of
        self._validation, self._every = validation, every
        self._folder, self._follower = folder, follower
        self._clock = (time.perf_counter(), -1)
        self._writer = writer
        writer.add_custom_scalars(layout(policy_of().name))
        self.standing = Standing()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        frames = self.num_timesteps
        if frames >= self.standing.next_curve:
            self._draw(frames)
        if frames >= self.standing.next_validation:
            self.validate()
        if self._follower.stops:
            self._save()
            raise Stopped

    def keep_rule(self) -> None:
        """Judge and keep the policy as it is before anything is learned: the rule alone."""
        rule = self._policy_of()
        verdict = self._validation.judge(rule)
        self._keep(verdict, rule)
        self._note(f"{'the rule':>18}: {self._shown(verdict)}")

    def validate(self) -> None:
        """Judge the policy, keep it where it is the best, write a checkpoint."""
        frames, standing = self.num_timesteps, self.standing
        policy = self._policy_of()
        verdict = self._validation.judge(policy)
        # By the lower end of an interval: of many policies as good as the rule, the one that
        # looks best is the luckiest.
        is_best = verdict.surely > standing.surely
        standing.learned = max(verdict.surely, standing.learned)
        if is_best:
            self._keep(verdict, policy)
        add_episode(self._writer, self._validation.first_episode(policy), frames)
        self._report(frames, verdict, is_best)
        standing.frames, standing.next_validation = frames, frames + self._every
        self._save()
        self._follower.judged(standing, verdict)

    def confirm(self, fresh: Validation, analytic: LinearRouter) -> None:
        """Keep what `fresh` episodes confirm; see `judging.confirmed`. This ends the training."""
        kept = load_policy(self._folder / FILE)
        policy, verdict = confirmed(kept, analytic, fresh)
        self._note(f"{'fresh episodes':>18}: {self._shown(verdict)}, kept as {policy.described}")
        if policy is not kept:
            self._keep(self._validation.judge(policy), policy)
        self.standing.finished = True
        self._save()

    def resume(self) -> None:
        """Put the model, its environment and the standing where the checkpoint left them.

        Raises:
            InputError: the file is missing, damaged or of another training.
        """
        path = self._folder / CHECKPOINT
        if not path.is_file():
            raise InputError("--resume", str(path), "the checkpoint of an interrupted training")
        try:
            content = torch.load(
                io.BytesIO(unsealed(read_whole(path, MOST_BYTES))), weights_only=True
            )
            key = content["key"]
        except Exception as error:  # a damaged file fails in many ways
            reason = " ".join(str(error).split())[:160]
            raise InputError("--resume", str(path), f"a readable checkpoint ({reason})") from None
        if key != self._key():
            allowed = "a checkpoint of the same scenario and settings"
            raise InputError("--resume", str(path), allowed)
        try:
            self._env.restore(content["env"], str(path))
            _restore(self._model, content)
            self.standing = Standing(**_numbers(content["standing"], asdict(Standing())))
            self._cut_log(content["log_bytes"])
            forget_after(self._writer, self._model.num_timesteps)
        except Exception as error:  # what others have crafted fails in many ways
            allowed = f"a checkpoint that edgeroute train wrote ({shown(error)})"
            raise InputError("--resume", str(path), allowed) from None

    def _save(self) -> None:
        log = self._folder / LOG
        content = {
            "key": self._key(),
            "standing": asdict(self.standing),
            "log_bytes": log.stat().st_size if log.is_file() else 0,
            "env": self._env.state(),
            **_state(self._model),
        }
        memory = io.BytesIO()
        torch.save(content, memory)
        with replacing(self._folder / CHECKPOINT) as part:
            part.write_bytes(sealed(memory.getvalue()))

    def _key(self) -> str:
        """Return what stands for the settings, the scenario, the seed and the rule."""
        policy = self._policy_of()
        described = [policy.about, policy.rule.name, dict(policy.rule.weights)]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def _keep(self, verdict: Verdict, policy: Policy) -> None:
        self.standing.surely, self.standing.gap = verdict.surely, verdict.gap
        policy.save(self._folder / FILE)

    def _draw(self, frames: int) -> None:
        now, (then, before) = time.perf_counter(), self._clock
        self._follower.tell(frames)
        if before >= 0 and frames > before:
            means = self._env.take_means()
            for curve, figure in CURVES.items():
                self.logger.record(curve, means[figure])
            self.logger.record("time/frames_per_s", (frames - before) / (now - then))
            self.logger.dump(frames)
        self._clock = (now, frames)
        self.standing.next_curve = frames + CURVE_FRAMES

    def _report(self, frames: int, verdict: Verdict, is_best: bool) -> None:
        for curve, value in validation_curves(verdict, self._validation.reference).items():
            self.logger.record(curve, value)
        self.logger.dump(frames)
        best = ", best" if is_best else ""
        self._note(f"{frames:>11,} frames: {self._shown(verdict)}{best}")
        if verdict.collapsed:
            self._note(
                f"{frames:>11,} frames: routing collapse, every validation turn goes to the "
                f"{verdict.collapsed} ({verdict.gap:+.3f} beside {self._validation.analytic.name})"
            )

    def _shown(self, verdict: Verdict) -> str:
        reference = self._validation.analytic.name
        gap = f"{verdict.gap:+.3f} [+-{verdict.half_width:.3f}] beside {reference}"
        return f"{gap}, edge {verdict.edge_share:.1%}"

    def _cut_log(self, size: int) -> None:
        """Remove the lines after the checkpoint from the log: they are about to come again."""
        path = self._folder / LOG
        if path.is_file() and 0 <= size < path.stat().st_size:
            with writing(path):
                os.truncate(path, size)

    def _note(self, line: str) -> None:
        path = self._folder / LOG
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._follower.say(line)


def _state(model: Model) -> dict[str, Any]:
    """Return all that a model's next step depends on, between two rollouts, but its environment."""
    name, words, *rest = np.random.get_state()  # noqa: NPY002  (SB3 draws from it)
    content: dict[str, Any] = {
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
        "counters": {name: getattr(model, name, 0) for name in _COUNTERS},
        "last": torch.as_tensor(np.array(model._last_obs)),
        "starts": torch.as_tensor(np.array(model._last_episode_starts)),
        "numpy": [name, torch.as_tensor(np.asarray(words).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
    }
    if isinstance(model, BatchDQN):
        buffer: Any = model.replay_buffer
        held = buffer.buffer_size if buffer.full else buffer.pos
        arrays = {name: torch.as_tensor(getattr(buffer, name)[:held]) for name in _BUFFER}
        content["buffer"] = {"arrays": arrays, "pos": buffer.pos, "full": buffer.full}
    return content


def _restore(model: Model, content: Mapping[str, Any]) -> None:
    """Put a freshly built model where `_state` was taken."""
    model.policy.load_state_dict(content["policy"])
    model.policy.optimizer.load_state_dict(content["optimizer"])
    counters = {name: getattr(model, name, 0) for name in _COUNTERS}
    for name, value in _numbers(content["counters"], counters).items():
        setattr(model, name, value)
    last, starts = content["last"].numpy(), content["starts"].numpy()
    if last.shape != (model.n_envs, *(model.observation_space.shape or ())):
        raise ValueError(f"observations of shape {last.shape}")
    if starts.shape != (model.n_envs,) or not np.isfinite(last).all():
        raise ValueError("observations that no environment shows")
    model._last_obs, model._last_episode_starts = last, starts
    if isinstance(model, BatchDQN):
        buffer: Any = model.replay_buffer
        for name, tensor in content["buffer"]["arrays"].items():
            getattr(buffer, name)[: len(tensor)] = tensor.numpy()
        place = _numbers(content["buffer"], {"pos": buffer.pos, "full": buffer.full})
        if not 0 <= place["pos"] < buffer.buffer_size:
            raise ValueError(f"place {place['pos']} of {buffer.buffer_size}")
        buffer.pos, buffer.full = place["pos"], place["full"]
    name, words, *rest = content["numpy"]
    np.random.set_state((name, words.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(content["torch"])


def _numbers(found: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers `found` of the same names as those `known`; ValueError for other types."""
    for name, value in known.items():
        kind = float if isinstance(value, float) else int
        if not isinstance(found[name], kind):
            raise ValueError(f"{name} is no {kind.__name__}")
    return {name: found[name] for name in known}

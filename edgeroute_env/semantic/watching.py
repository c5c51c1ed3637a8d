"""What follows a training: a progress bar, TensorBoard curves, and a file to resume from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeroute_env.errors import InputError, missing_package
from edgeroute_env.files import replacing
from edgeroute_env.semantic.network import State, torch_module

CHECKPOINT_SUFFIX = ".checkpoint"


class Watch:
    """A Watcher that keeps each member's last state in a file beside the head to come."""

    def __init__(
        self,
        checkpoint: Path,
        key: str,
        resume: bool = False,
        tensorboard: Path | None = None,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow the training known by `key`: a hash of its questions and settings.

        `tell` is called after every epoch.

        Raises:
            InputError: there is nothing to resume, or it is of another training; tensorboard is
                not installed.
        """
        self._path, self._key, self._tell = checkpoint, key, tell
        self._states: dict[int, State] = _resumed(checkpoint, key) if resume else {}
        self._writer: Any = None
        if tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise missing_package("tensorboard", "--tensorboard", "agents") from None
            self._writer = SummaryWriter(str(tensorboard))

    def epoch(self, member: int, epoch: int, training: float, validation: float) -> None:
        """Draw a member's losses and move the progress bar."""
        if self._writer is not None:
            self._writer.add_scalar(f"member-{member}/training", training, epoch)
            self._writer.add_scalar(f"member-{member}/validation", validation, epoch)
            self._writer.flush()
        self._tell()

    def start(self, member: int) -> State | None:
        """Return the state in which an earlier process left the member."""
        return self._states.get(member)

    def save(self, member: int, state: State) -> None:
        """Write all members' states, whole or not at all."""
        self._states[member] = state
        content = {
            "key": self._key,
            "members": {k: tuple(value) for k, value in self._states.items()},
        }
        with replacing(self._path) as part:
            torch_module().save(content, part)

    def close(self) -> None:
        """Remove the checkpoint of a training that is finished."""
        self._path.unlink(missing_ok=True)
        if self._writer is not None:
            self._writer.close()


def _resumed(path: Path, key: str) -> dict[int, State]:
    if not path.is_file():
        raise InputError("--resume", str(path), "the checkpoint of an interrupted training")
    try:
        content = torch_module().load(path, weights_only=True)
        found = {member: State(*values) for member, values in content["members"].items()}
    except Exception as error:  # a damaged file fails in many ways
        reason = " ".join(str(error).split())[:160]
        raise InputError("--resume", str(path), f"a readable checkpoint ({reason})") from None
    if content["key"] != key:
        raise InputError("--resume", str(path), "a checkpoint of the same data and settings")
    return found

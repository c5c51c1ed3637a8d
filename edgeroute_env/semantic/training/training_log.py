"""What is kept of a training: curves for TensorBoard, and a file to resume from."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from edgeroute_env.errors import InputError, needs
from edgeroute_env.files import replacing, sealed, unsealed
from edgeroute_env.semantic.training.text_network import MemberState

CHECKPOINT_SUFFIX = ".checkpoint"


class TrainingLog:
    """Keeps each member's last state in a file beside the head to come, and draws the losses."""

    def __init__(
        self,
        checkpoint: Path | None = None,
        resume: bool = False,
        tensorboard: Path | None = None,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep states in `checkpoint` and curves in the folder `tensorboard`, where given.

        With `resume`, a training continues from the checkpoint. `tell` is called after every epoch.
        """
        self._checkpoint, self._resume, self._tensorboard = checkpoint, resume, tensorboard
        self._tell = tell
        self._key = ""
        self._states: dict[int, MemberState] = {}
        self._writer: Any = None

    def open(self, key: str) -> None:
        """Begin to follow the training of this key: the text of its questions and settings.

        Raises:
            InputError: there is nothing to resume, or it is of another training; tensorboard is
                not installed.
        """
        self._key = key
        if self._resume and self._checkpoint is not None:
            self._states = _resumed(self._checkpoint, key)
        if self._tensorboard is not None:
            with needs("--tensorboard", "agents"):
                from torch.utils.tensorboard import SummaryWriter
            self._writer = SummaryWriter(str(self._tensorboard))

    def start(self, member: int) -> MemberState | None:
        """Return the state in which an earlier process left the member."""
        return self._states.get(member)

    def after_epoch(
        self, member: int, state: MemberState, training: float, validation: float
    ) -> None:
        """Draw a member's losses, and write all members' states, whole or not at all."""
        if self._writer is not None:
            self._writer.add_scalar(f"member-{member}/training", training, state.epoch)
            self._writer.add_scalar(f"member-{member}/validation", validation, state.epoch)
            self._writer.flush()
        self._states[member] = state
        if self._checkpoint is not None:
            members = {k: tuple(value) for k, value in self._states.items()}
            with replacing(self._checkpoint) as part:
                memory = io.BytesIO()
                torch.save({"key": self._key, "members": members}, memory)
                part.write_bytes(sealed(memory.getvalue()))
        self._tell()

    def close(self) -> None:
        """Remove the checkpoint of a training that is finished."""
        if self._checkpoint is not None:
            self._checkpoint.unlink(missing_ok=True)
        if self._writer is not None:
            self._writer.close()


def _resumed(path: Path, key: str) -> dict[int, MemberState]:
    if not path.is_file():
        raise InputError("--resume", str(path), "the checkpoint of an interrupted training")
    try:
        content = torch.load(io.BytesIO(unsealed(path.read_bytes())), weights_only=True)
        found = {member: MemberState(*values) for member, values in content["members"].items()}
    except Exception as error:  # a damaged file fails in many ways
        reason = " ".join(str(error).split())[:160]
        raise InputError("--resume", str(path), f"a readable checkpoint ({reason})") from None
    if content["key"] != key:
        raise InputError("--resume", str(path), "a checkpoint of the same data and settings")
    return found
